import TestSupport
import Testing

@testable import Autograd

/// Ops at sizes that reach every path of the fast kernels: several chunks, ragged tails, odd
/// extents. A row's name is its op's up to the first comma.
let agreementCases: [GradientCase] =
  elementCases + selectionCases + reductionCases + shapingCases + productCases + layerCases
  + lossCases

private let elementCases: [GradientCase] = [
  GradientCase("+, trailing block", [[37, 45, 19], [45, 19]]) { $0[0] + $0[1] },
  GradientCase("*, inner broadcast", [[7, 45, 19], [7, 1, 19]]) { $0[0] * $0[1] },
  GradientCase("*, per row", [[45, 19], [45, 1]]) { $0[0] * $0[1] },
  GradientCase("-, swapped broadcast", [[19], [45, 19]]) { $0[0] - $0[1] },
  GradientCase("/", [[17_003], [1]], scale: 0.5, shift: 2) { $0[0] / $0[1] },
  GradientCase("prefix -", [[1003]]) { -$0[0] },
  GradientCase("abs", [[17_003]]) { abs($0[0]) },
  GradientCase("square", [[17_003]]) { square($0[0]) },
  GradientCase("sqrt", [[1003]], scale: 0.9, shift: 1) { sqrt($0[0]) },
  GradientCase("log", [[1003]], scale: 0.9, shift: 1) { log($0[0]) },
  GradientCase("sin", [[1003]], scale: 9) { sin($0[0]) },
  GradientCase("cos", [[1003]], scale: 9) { cos($0[0]) },
  GradientCase("tanh", [[1003]], scale: 5) { tanh($0[0]) },
  GradientCase("relu", [[17_003]]) { relu($0[0]) },
  GradientCase("huber", [[17_003]], scale: 3) { huber($0[0]) },
  GradientCase("huber, delta", [[1003]], scale: 9) { huber($0[0], delta: 3) },
  GradientCase("pow", [[1003]], scale: 0.9, shift: 1) { pow($0[0], 1.7) },
  GradientCase("geluTanh", [[17_003]], scale: 6) { geluTanh($0[0]) },
  GradientCase("exp", [[17_003]], scale: 20) { exp($0[0] * 0.5) },
  GradientCase("gelu", [[17_003]], scale: 6) { gelu($0[0]) },
  GradientCase("sigmoid", [[17_003]], scale: 30) { sigmoid($0[0]) },
  GradientCase("silu", [[1003]], scale: 30) { silu($0[0]) },
  GradientCase("softplus", [[1003]], scale: 30) { softplus($0[0]) },
  GradientCase("softmax", [[61, 83]], scale: 8) { softmax($0[0]) },
  GradientCase("softmax, middle axis", [[7, 83, 5]], scale: 8) { softmax($0[0], axis: 1) },
  GradientCase("logSoftmax", [[61, 83]], scale: 8) { logSoftmax($0[0]) },
  GradientCase("logSoftmax, middle axis", [[7, 83, 19]], scale: 8) { logSoftmax($0[0], axis: 1) },
]

private let selectionCases: [GradientCase] = [
  GradientCase(".<, per row", [[45, 19], [45, 1]]) { $0[0] * ($0[0] .< $0[1]) + $0[1] },
  GradientCase(".<=", [[17_003], [17_003]]) { $0[0] * ($0[0] .<= $0[1]) + $0[1] },
  GradientCase(".>, trailing block", [[45, 19], [19]]) { $0[0] * ($0[0] .> $0[1]) + $0[1] },
  GradientCase(".>=, scalar", [[17_003]]) { $0[0] * ($0[0] .>= 0.5) },
  GradientCase(".==", [[1003]]) { $0[0] * ($0[0] .== $0[0]) },
  GradientCase(".!=", [[1003], [1003]]) { $0[0] * ($0[0] .!= relu($0[0])) + $0[1] },
  GradientCase("replacing, broadcast", [[31, 1, 23], [17, 1], [31, 17, 1]]) {
    $0[0].replacing(with: $0[1], where: $0[2] .> 0) + $0[2]
  },
  GradientCase("replacing, equal shapes", [[17_003], [17_003]]) {
    $0[0].replacing(with: $0[1], where: $0[0] .> $0[1])
  },
  GradientCase("clamped", [[17_003]]) { $0[0].clamped(to: -0.5...0.7) },
  GradientCase("maximum, trailing block", [[45, 19], [19]]) { maximum($0[0], $0[1]) },
  GradientCase("minimum, per row", [[45, 19], [45, 1]]) { minimum($0[0], $0[1]) },
]

private let reductionCases: [GradientCase] = [
  GradientCase("sum, rows", [[1501, 19]]) { $0[0].sum([0]) },
  GradientCase("sum, long axis", [[3, 9001]]) { $0[0].sum([1]) },
  GradientCase("sum, middle axis", [[5, 701, 19]]) { $0[0].sum([1]) },
  GradientCase("mean", [[5, 701, 19]]) { $0[0].mean([0, 2]) },
  GradientCase("variance", [[5, 701, 19]]) { $0[0].variance([1]) },
  GradientCase("standardDeviation", [[37, 53]]) { $0[0].standardDeviation([1]) },
  GradientCase("max, last axis", [[37, 53]]) { $0[0].max([1]) },
  GradientCase("max, short last axis", [[1003, 3]]) { $0[0].max([1]) },
  GradientCase("max, middle axis", [[5, 701, 19]]) { $0[0].max([1]) },
  GradientCase("max, all", [[17, 1003]]) { $0[0].max() },
  GradientCase("min, two runs of axes", [[5, 71, 19]]) { $0[0].min([0, 2]) },
  GradientCase("logSumExp", [[5, 71, 19]], scale: 30) { $0[0].logSumExp([1]) },
]

private let shapingCases: [GradientCase] = [
  GradientCase("reshaped", [[31, 17, 23]]) { $0[0].reshaped([17, 713]) },
  GradientCase("expanded", [[31, 17]]) { $0[0].expanded(at: 1) },
  GradientCase("squeezed", [[31, 1, 17]]) { $0[0].squeezed(at: 1) },
  GradientCase("split", [[31, 51]]) {
    let parts = $0[0].split(3, axis: 1)
    return parts[0] * parts[2] + parts[1]
  },
  GradientCase("broadcast", [[31, 1, 23]]) { $0[0].broadcast(to: [3, 31, 17, 23]) },
  GradientCase("concatenated", [[31, 5, 23], [31, 2, 23]]) { concatenated($0, axis: 1) },
  GradientCase("stacked", [[31, 23], [31, 23], [31, 23]]) { stacked($0, axis: 1) },
  GradientCase("padded", [[7, 17, 23]]) { $0[0].padded([(1, 2), (0, 3), (5, 1)], with: -2) },
  GradientCase("gathered", [[7, 17, 23]]) { $0[0].gathered([16, 3, 3, 0, 16], axis: 1) },
  GradientCase("gathered, last axis", [[7, 17]]) { $0[0].gathered([16, 3, 3, 0, 16], axis: 1) },
  GradientCase("scatterAdding", [[7, 17, 23], [7, 5, 23]]) {
    $0[0].scatterAdding($0[1], at: [16, 3, 3, 0, 16], axis: 1)
  },
  GradientCase("embedding", [[41, 19]]) { embedding($0[0], [3, 40, 3, 0, 17, 3]) },
  GradientCase("permuted", [[31, 17, 23]]) { $0[0].permuted([2, 1, 0]) },
  GradientCase("sliced", [[31, 17, 23]]) { $0[0].sliced(axis: 2, 3..<20) },
]

private let productCases: [GradientCase] = [
  GradientCase("matmul", [[1100, 33], [33, 71]]) { matmul($0[0], $0[1]) },
  GradientCase("matmul, long inner axis", [[5003, 21], [5003, 17]], tolerance: 2e-5) {
    matmul($0[0], $0[1], transposeA: true)
  },
  GradientCase("matmul, wide", [[3, 40], [40, 1301]]) { matmul($0[0], $0[1]) },
  GradientCase("matmul, batched", [[7, 33, 21], [7, 21, 17]]) { matmul($0[0], $0[1]) },
  GradientCase("matmul, batched, shared right, transposed", [[3, 5, 21, 33], [17, 21]]) {
    matmul($0[0], $0[1], transposeA: true, transposeB: true)
  },
  GradientCase("matmul, batched, both broadcast", [[3, 1, 33, 21], [5, 21, 17]]) {
    matmul($0[0], $0[1])
  },
  GradientCase("matmul, batch of one", [[1, 701, 21], [21, 17]]) { matmul($0[0], $0[1]) },
  GradientCase("linear", [[3, 401, 33], [71, 33], [71]]) { linear($0[0], $0[1], $0[2]) },
  GradientCase("linear, few rows", [[2, 33], [701, 33], [701]]) { linear($0[0], $0[1], $0[2]) },
  GradientCase("linearGELU", [[3, 401, 33], [71, 33], [71]]) { linearGELU($0[0], $0[1], $0[2]) },
]

private let layerCases: [GradientCase] = [
  GradientCase("layerNorm, gain and offset", [[3, 301, 37], [37], [37]]) {
    layerNorm($0[0], gain: $0[1], offset: $0[2])
  },
  GradientCase("layerNorm, plain", [[301, 33]], shift: 3) { layerNorm($0[0]) },
  GradientCase("dropout", [[37, 453]]) {
    dropout($0[0], probability: 0.3, Philox(seed: 3, stream: "mask"), step: 2)
  },
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
  GradientCase("selfAttention, short, heads of two vectors", [[2, 21, 13, 3 * 64]]) {
    selfAttention($0[0], heads: 2, axis: 1)
  },
  GradientCase(
    "crossAttention, short, heads of three vectors, QK norm", [[1, 23, 5, 96], [1, 41, 5, 192]]
  ) {
    crossAttention($0[0], $0[1], heads: 2, axis: 1, normalizesQK: true)
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
  GradientCase("convolution2D", [[3, 29, 23, 5], [7, 5, 3, 4], [7]]) {
    convolution2D($0[0], $0[1], $0[2])
  },
  GradientCase("convolution2D, stride and padding", [[2, 31, 27, 3], [17, 3, 5, 5], [17]]) {
    convolution2D($0[0], $0[1], $0[2], stride: 3, padding: 2)
  },
  GradientCase("convolution2D, padding beyond the kernel", [[2, 5, 4, 3], [2, 3, 2, 2], [2]]) {
    convolution2D($0[0], $0[1], $0[2], stride: 2, padding: 3)
  },
  GradientCase("convolution2D, many images", [[19, 9, 7, 2], [3, 2, 3, 3], [3]]) {
    convolution2D($0[0], $0[1], $0[2], padding: 1)
  },
  GradientCase("convolution2D, wide", [[1, 3, 301, 2], [3, 2, 2, 3], [3]]) {
    convolution2D($0[0], $0[1], $0[2], padding: 1)
  },
  GradientCase("meanPooled", [[3, 15, 26, 19]]) { meanPooled($0[0], block: 4) },
]

private let lossCases: [GradientCase] = [
  GradientCase("meanSquaredError", [[37, 53], [37, 53]]) { meanSquaredError($0[0], $0[1]) },
  GradientCase("crossEntropy", [[41, 53]], scale: 8) {
    crossEntropy(logits: $0[0], (0..<41).map { $0 * 7 % 53 }, labelSmoothing: 0.1)
  },
  GradientCase("binaryCrossEntropy", [[1003], [1003]], scale: 0.5, shift: 0.5) {
    binaryCrossEntropy(logits: 30 * $0[0], $0[1], positiveWeight: 3)
  },
  GradientCase("gaussianKL", [[1003], [1003]], scale: 0.9, shift: 1) {
    gaussianKL(mean: $0[0], scale: $0[1])
  },
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

@Test(arguments: agreementCases)
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
  for op in agreementCases {
    let several = ThreadPool.$limit.withValue(3) { op.evaluate(op.inputs()) }
    let one = ThreadPool.$limit.withValue(1) { op.evaluate(op.inputs()) }
    #expect(several.output.scalars == one.output.scalars, "\(op)")
    #expect(several.gradients.map { $0?.scalars } == one.gradients.map { $0?.scalars }, "\(op)")
  }
}
