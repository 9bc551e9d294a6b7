import TestSupport
import Testing

@testable import Autograd

/// Ops at sizes that reach every path of the fast kernels: several chunks, ragged tails, odd
/// extents.
private let cases: [GradientCase] = [
  GradientCase("add, trailing block", [[37, 45, 19], [45, 19]]) { $0[0] + $0[1] },
  GradientCase("multiply, inner broadcast", [[7, 45, 19], [7, 1, 19]]) { $0[0] * $0[1] },
  GradientCase("multiply, per row", [[45, 19], [45, 1]]) { $0[0] * $0[1] },
  GradientCase("exp", [[17_003]], scale: 20) { exp($0[0] * 0.5) },
  GradientCase("gelu", [[17_003]], scale: 6) { gelu($0[0]) },
  GradientCase("sigmoid", [[17_003]], scale: 30) { sigmoid($0[0]) },
  GradientCase("silu", [[1003]], scale: 30) { silu($0[0]) },
  GradientCase("softplus", [[1003]], scale: 30) { softplus($0[0]) },
  GradientCase("softmax", [[61, 83]], scale: 8) { softmax($0[0]) },
  GradientCase("sum of rows", [[1501, 19]]) { $0[0].sum([0]) },
  GradientCase("sum of a long axis", [[3, 9001]]) { $0[0].sum([1]) },
  GradientCase("sum of a middle axis", [[5, 701, 19]]) { $0[0].sum([1]) },
  GradientCase("permute", [[31, 17, 23]]) { $0[0].permuted([2, 1, 0]) },
  GradientCase("slice", [[31, 17, 23]]) { $0[0].sliced(axis: 2, 3..<20) },
  GradientCase("matmul", [[1100, 33], [33, 71]]) { matmul($0[0], $0[1]) },
  GradientCase("matmul, long inner axis", [[5003, 21], [5003, 17]], tolerance: 2e-5) {
    matmul($0[0], $0[1], transposeA: true)
  },
  GradientCase("matmul, wide", [[3, 40], [40, 1301]]) { matmul($0[0], $0[1]) },
  GradientCase("linear", [[3, 401, 33], [71, 33], [71]]) { linear($0[0], $0[1], $0[2]) },
  GradientCase("linear, few rows", [[2, 33], [701, 33], [701]]) { linear($0[0], $0[1], $0[2]) },
  GradientCase("linearGELU", [[3, 401, 33], [71, 33], [71]]) { linearGELU($0[0], $0[1], $0[2]) },
  GradientCase("rmsNorm, gain", [[3, 301, 37], [37]]) { rmsNorm($0[0], gain: $0[1]) },
  GradientCase("rmsNorm, modulated", [[3, 301, 37], [3, 37], [3, 37]]) {
    rmsNorm($0[0], gain: $0[1], offset: $0[2])
  },
  GradientCase("rmsNorm, plain", [[301, 33]]) { rmsNorm($0[0]) },
  GradientCase("linear, several parts", [[2111, 19], [23, 19], [23]], tolerance: 2e-5) {
    linear($0[0], $0[1], $0[2])
  },
  GradientCase(
    "gatedLinear, three groups", [[3, 301, 37], [3, 37], [3, 301, 29], [37, 29], [37]],
    tolerance: 2e-5
  ) {
    gatedLinear($0[0], gate: $0[1], $0[2], $0[3], $0[4])
  },
  GradientCase(
    "gatedLinear, more groups than parts", [[19, 7, 5], [19, 5], [19, 7, 6], [5, 6], [5]]
  ) {
    gatedLinear($0[0], gate: $0[1], $0[2], $0[3], $0[4])
  },
  GradientCase(
    "residualMLP, three groups",
    [[3, 301, 37], [3, 37], [3, 37], [51, 37], [51], [37, 51], [37], [3, 37]], tolerance: 2e-5
  ) {
    residualMLP(
      $0[0], gain: $0[1], offset: $0[7], gate: $0[2], ($0[3], $0[4]), ($0[5], $0[6]))
  },
  GradientCase(
    "residualMLP, one group, recomputing",
    [[2203, 18], [18], [18], [35, 18], [35], [18, 35], [18]], tolerance: 2e-5
  ) {
    residualMLP(
      $0[0], gain: $0[1], gate: $0[2], ($0[3], $0[4]), ($0[5], $0[6]), keepsHidden: false)
  },
  GradientCase("selfAttention, space", [[2, 3, 147, 3 * 38]]) {
    selfAttention($0[0], heads: 2, axis: 2)
  },
  GradientCase("selfAttention, time, QK norm", [[2, 21, 13, 3 * 40]]) {
    selfAttention($0[0], heads: 5, axis: 1, normalizesQK: true)
  },
  GradientCase("crossAttention, time, QK norm", [[2, 21, 13, 24], [2, 42, 13, 48]]) {
    crossAttention($0[0], $0[1], heads: 3, axis: 1, normalizesQK: true)
  },
  GradientCase("crossAttention, one context for many queries", [[2, 301, 24], [2, 53, 48]]) {
    crossAttention($0[0], $0[1], heads: 3, axis: 1)
  },
  GradientCase("convolution1D", [[2, 21, 13, 19], [23, 19, 7], [23]]) {
    convolution1D($0[0], $0[1], $0[2], stride: 4, padding: .replicate(3))
  },
  GradientCase("transposedConvolution1D", [[2, 6, 13, 19], [19, 23, 7], [23]]) {
    transposedConvolution1D($0[0], $0[1], $0[2], stride: 4, padding: 3)
  },
  GradientCase("meanPooled", [[3, 15, 26, 19]]) { meanPooled($0[0], block: 4) },
  GradientCase("gridFieldLoss, cells of one sample", [[2, 17, 30, 2]], scale: 2) {
    fieldLoss($0[0], patch: 1, rows: 5, columns: 6, cost: .l1, unit: .cell).total
  },
  GradientCase("gridFieldLoss, hops of a cell", [[1, 9, 30, 50]], scale: 2) {
    fieldLoss($0[0], patch: 5, rows: 5, columns: 6, cost: .l1, unit: .cell).total
  },
  GradientCase(
    "gridFieldLoss, of a layer", [[2, 9, 30, 7], [50, 7], [50]], scale: 2, tolerance: 2e-5
  ) {
    fieldLoss(
      tokens: $0[0], $0[1], $0[2], patch: 5, rows: 5, columns: 6, cost: .huber, unit: .cell)
  },
  GradientCase(
    "gridFieldLoss, of a layer, hops of a pixel", [[1, 9, 30, 7], [50, 7], [50]], scale: 2,
    tolerance: 2e-5
  ) {
    fieldLoss(
      tokens: $0[0], $0[1], $0[2], patch: 5, rows: 5, columns: 6, cost: .huber, unit: .pixel)
  },
  GradientCase("gridFieldLoss, hops of a pixel", [[1, 9, 30, 128]], scale: 2) {
    fieldLoss($0[0], patch: 8, rows: 5, columns: 6, cost: .l1, unit: .pixel).total
  },
  GradientCase("gridFieldLoss, Euclidean", [[1, 3, 30, 50]], scale: 2) {
    fieldLoss($0[0], patch: 5, rows: 5, columns: 6, cost: .l2, unit: .pixel).total
  },
]

@Test(arguments: cases)
func cpuAgreesWithReference(_ op: GradientCase) {
  let fast = op.evaluate(op.inputs(device: .cpu))
  let exact = op.evaluate(op.inputs(device: .reference))
  let tolerance: Float = op.tolerance < 1e-4 ? op.tolerance : 5e-6
  #expect(fast.output.shape == exact.output.shape)
  let error = maxNormalizedError(fast.output.scalars, exact.output.scalars)
  #expect(error < tolerance, "\(op): output differs by \(error)")
  for (index, (a, b)) in zip(fast.gradients, exact.gradients).enumerated() {
    let error = maxNormalizedError(a?.scalars ?? [], b?.scalars ?? [])
    #expect(error < tolerance, "\(op): gradient \(index) differs by \(error)")
  }
}

@Test func threadCountDoesNotChangeResults() {
  for op in cases {
    let several = ThreadPool.$limit.withValue(3) { op.evaluate(op.inputs()) }
    let one = ThreadPool.$limit.withValue(1) { op.evaluate(op.inputs()) }
    #expect(several.output.scalars == one.output.scalars, "\(op)")
    #expect(several.gradients.map { $0?.scalars } == one.gradients.map { $0?.scalars }, "\(op)")
  }
}
