import Autograd
import TestSupport
import Testing

/// One row per op, small enough for central differences.
private let cases: [GradientCase] = [
  GradientCase("add, broadcast", [[2, 3, 4], [3, 1]]) { $0[0] + $0[1] },
  GradientCase("subtract, broadcast", [[3], [2, 3]]) { $0[0] - $0[1] },
  GradientCase("multiply, broadcast", [[2, 3, 4], [4]]) { $0[0] * $0[1] },
  GradientCase("multiply by itself", [[5]]) { $0[0] * $0[0] },
  GradientCase("divide, broadcast", [[2, 3], [2, 1]], scale: 0.5, shift: 2) { $0[0] / $0[1] },
  GradientCase("scalar arithmetic", [[4]], shift: 3) { 2 - ($0[0] * 3 + 1) / 2 - 0.5 },
  GradientCase("negate", [[4]]) { -$0[0] },
  GradientCase("abs", [[6]], scale: 0.4, shift: 1) { abs($0[0]) },
  GradientCase("abs, negative", [[6]], scale: 0.4, shift: -1) { abs($0[0]) },
  GradientCase("square", [[6]]) { square($0[0]) },
  GradientCase("sqrt", [[6]], scale: 0.5, shift: 1) { sqrt($0[0]) },
  GradientCase("exp", [[20]]) { exp($0[0]) },
  GradientCase("log", [[20]], scale: 0.5, shift: 1) { log($0[0]) },
  GradientCase("sin", [[7]], scale: 3) { sin($0[0]) },
  GradientCase("cos", [[7]], scale: 3) { cos($0[0]) },
  GradientCase("tanh", [[20]], scale: 2) { tanh($0[0]) },
  GradientCase("sigmoid", [[20]], scale: 4) { sigmoid($0[0]) },
  GradientCase("silu", [[20]], scale: 4) { silu($0[0]) },
  GradientCase("gelu", [[40]], scale: 3) { gelu($0[0]) },
  GradientCase("softplus", [[20]], scale: 4) { softplus($0[0]) },
  GradientCase("relu, positive", [[20]], scale: 0.4, shift: 1) { relu($0[0]) },
  GradientCase("relu, negative", [[1], [20]], scale: 0.4, shift: -1) { relu($0[1]) + $0[0] },
  GradientCase("huber, inside", [[20]], scale: 0.9) { huber($0[0]) },
  GradientCase("huber, outside", [[20]], scale: 0.9, shift: 2) { huber($0[0]) },
  GradientCase("softmax", [[3, 19]], scale: 2) { softmax($0[0]) },
  GradientCase("sum, all", [[2, 3]]) { $0[0].sum() },
  GradientCase("sum, middle axis", [[2, 3, 4]]) { $0[0].sum([1]) },
  GradientCase("sum, two runs of axes", [[2, 3, 4]]) { $0[0].sum([0, 2]) },
  GradientCase("mean, keeping axes", [[2, 3, 4]]) { $0[0].mean([0, 1], keepingAxes: true) },
  GradientCase("reshape", [[2, 6]]) { $0[0].reshaped([3, 4]) },
  GradientCase("permute", [[2, 3, 4]]) { $0[0].permuted([2, 0, 1]) },
  GradientCase("slice", [[2, 5, 3]]) { $0[0].sliced(axis: 1, 1..<4) },
  GradientCase("broadcast", [[3, 1]]) { $0[0].broadcast(to: [2, 3, 4]) },
  GradientCase("concatenate", [[2, 3, 2], [2, 1, 2]]) { concatenated($0, axis: 1) },
  GradientCase("embedding, repeated rows", [[5, 3]]) { embedding($0[0], [4, 0, 4]) },
  GradientCase("matmul", [[3, 4], [4, 5]]) { matmul($0[0], $0[1]) },
  GradientCase("matmul, a transposed", [[4, 3], [4, 5]]) {
    matmul($0[0], $0[1], transposeA: true)
  },
  GradientCase("matmul, b transposed", [[3, 4], [5, 4]]) {
    matmul($0[0], $0[1], transposeB: true)
  },
  GradientCase("matmul, both transposed", [[4, 3], [5, 4]]) {
    matmul($0[0], $0[1], transposeA: true, transposeB: true)
  },
  GradientCase("linear", [[2, 3, 4], [5, 4], [5]]) { linear($0[0], $0[1], $0[2]) },
  GradientCase("linear, no bias", [[3, 4], [5, 4]]) { linear($0[0], $0[1]) },
  GradientCase("linearGELU", [[2, 3, 4], [5, 4], [5]]) { linearGELU($0[0], $0[1], $0[2]) },
  GradientCase("rmsNorm", [[3, 6]]) { rmsNorm($0[0]) },
  GradientCase("rmsNorm, gain", [[3, 6], [6]]) { rmsNorm($0[0], gain: $0[1]) },
  GradientCase("rmsNorm, grouped gain and offset", [[2, 3, 6], [2, 6], [2, 6]]) {
    rmsNorm($0[0], gain: $0[1], offset: $0[2])
  },
  GradientCase("gatedLinear", [[2, 3, 4], [4], [2, 3, 5], [4, 5], [4]]) {
    gatedLinear($0[0], gate: $0[1], $0[2], $0[3], $0[4])
  },
  GradientCase("gatedLinear, grouped", [[2, 3, 4], [2, 4], [2, 3, 5], [4, 5], [4]]) {
    gatedLinear($0[0], gate: $0[1], $0[2], $0[3], $0[4])
  },
  GradientCase("residualMLP", [[2, 3, 4], [4], [4], [6, 4], [6], [4, 6], [4]], step: 5e-3) {
    residualMLP($0[0], gain: $0[1], gate: $0[2], ($0[3], $0[4]), ($0[5], $0[6]))
  },
  GradientCase(
    "residualMLP, grouped, with offset, recomputing",
    [[2, 3, 4], [2, 4], [2, 4], [6, 4], [6], [4, 6], [4], [2, 4]], step: 5e-3
  ) {
    residualMLP(
      $0[0], gain: $0[1], offset: $0[7], gate: $0[2], ($0[3], $0[4]), ($0[5], $0[6]),
      keepsHidden: false)
  },
  GradientCase("selfAttention, last sequence axis", [[2, 2, 5, 12]]) {
    selfAttention($0[0], heads: 2, axis: 2)
  },
  GradientCase("selfAttention, strided axis", [[2, 5, 3, 12]]) {
    selfAttention($0[0], heads: 2, axis: 1)
  },
  GradientCase("selfAttention, QK norm", [[1, 5, 3, 12]], step: 5e-3) {
    selfAttention($0[0], heads: 2, axis: 1, normalizesQK: true)
  },
  GradientCase("crossAttention", [[2, 4, 3, 8], [2, 6, 3, 16]]) {
    crossAttention($0[0], $0[1], heads: 2, axis: 1)
  },
  GradientCase("crossAttention, QK norm", [[2, 4, 6], [2, 3, 12]], step: 5e-3) {
    crossAttention($0[0], $0[1], heads: 1, axis: 1, normalizesQK: true)
  },
  GradientCase("convolution1D, replicate", [[2, 9, 2, 3], [4, 3, 7], [4]]) {
    convolution1D($0[0], $0[1], $0[2], stride: 4, padding: .replicate(3))
  },
  GradientCase("convolution1D, zeros", [[2, 5, 2, 3], [4, 3, 3], [4]]) {
    convolution1D($0[0], $0[1], $0[2], padding: .zeros(1))
  },
  GradientCase("transposedConvolution1D", [[2, 3, 2, 3], [3, 4, 7], [4]]) {
    transposedConvolution1D($0[0], $0[1], $0[2], stride: 4, padding: 3)
  },
  GradientCase("meanPooled, ragged", [[2, 5, 7, 3]]) { meanPooled($0[0], block: 2) },
  GradientCase("binaryCrossEntropy", [[12]], scale: 3) {
    binaryCrossEntropy(
      logits: $0[0], Tensor((0..<12).map { Float($0 % 2) }, shape: [12], device: $0[0].device),
      positiveWeight: 2.5)
  },
  GradientCase("gaussianKL", [[8], [8]], scale: 0.5, shift: 1) {
    gaussianKL(mean: $0[0], scale: $0[1])
  },
  GradientCase("checkpointed", [[3, 4], [4, 4]]) { inputs in
    checkpointed(NoParameters(), inputs) { _, x in gelu(matmul(x[0], x[1])) * x[0] }
  },
]

private struct NoParameters: Module {}

@Test(arguments: cases, [Device.cpu, .reference])
func gradientMatchesCentralDifferences(_ op: GradientCase, _ device: Device) {
  let error = op.worstRelativeError(device: device)
  #expect(error < op.tolerance, "\(op) on \(device): relative error \(error)")
}

/// The field loss of a layer's result, whose layer and tokens get the gradient.
@Test(arguments: [GridFieldLoss.HopUnit.cell, .pixel])
func gridFieldLossOfALayerMatchesCentralDifferences(_ unit: GridFieldLoss.HopUnit) {
  for device in [Device.cpu, .reference] {
    let op = GradientCase(
      "gridFieldLoss of a layer", [[2, 3, 6, 5], [8, 5], [8]], scale: 2, step: 5e-3,
      tolerance: 1e-2
    ) { fieldLoss(tokens: $0[0], $0[1], $0[2], patch: 2, rows: 2, columns: 3, cost: .sq, unit: unit) }
    let error = op.worstRelativeError(device: device)
    #expect(error < op.tolerance, "\(unit) on \(device): relative error \(error)")
  }
}

/// The masked field loss, whose kinks need smooth costs and random fields.
@Test(arguments: [PairCost.sq, .huber, .l2], [GridFieldLoss.HopUnit.cell, .pixel])
func gridFieldLossMatchesCentralDifferences(_ cost: PairCost, _ unit: GridFieldLoss.HopUnit) {
  for device in [Device.cpu, .reference] {
    let op = GradientCase(
      "gridFieldLoss", [[2, 3, 6, 8]], scale: 2, step: 5e-3, tolerance: 1e-2
    ) { inputs in
      fieldLoss(inputs[0], patch: 2, rows: 2, columns: 3, cost: cost, unit: unit).total
    }
    let error = op.worstRelativeError(device: device)
    #expect(error < op.tolerance, "\(cost) \(unit) on \(device): relative error \(error)")
  }
}

/// A field loss with fixed pseudo-random targets and mask.
func fieldLoss(
  _ prediction: Tensor, patch: Int, rows: Int, columns: Int, cost: PairCost,
  unit: GridFieldLoss.HopUnit
) -> (total: Tensor, terms: GridFieldLossTerms) {
  let problem = FieldProblem(prediction, patch: patch, rows: rows, columns: columns, cost, unit)
  return gridFieldLoss(
    prediction: prediction, target: problem.target, ramp: problem.ramp, mask: problem.mask,
    problem.loss)
}

/// The same of the field that a layer makes of tokens.
func fieldLoss(
  tokens: Tensor, _ weight: Tensor, _ bias: Tensor, patch: Int, rows: Int, columns: Int,
  cost: PairCost, unit: GridFieldLoss.HopUnit
) -> Tensor {
  let problem = FieldProblem(tokens, patch: patch, rows: rows, columns: columns, cost, unit)
  return gridFieldLoss(
    tokens: tokens, weight: weight, bias: bias, target: problem.target, ramp: problem.ramp,
    mask: problem.mask, problem.loss
  ).total
}

private struct FieldProblem {
  let target, mask, ramp: NDArray
  let loss: GridFieldLoss

  init(
    _ like: Tensor, patch: Int, rows: Int, columns: Int, _ cost: PairCost,
    _ unit: GridFieldLoss.HopUnit
  ) {
    let shape = [like.shape[0], like.shape[1], rows * columns]
    let stream = Philox(seed: 5, stream: "field")
    let count = shape.reduce(1, *)
    target = NDArray(stream.uniform(2 * count), shape: shape + [2], device: like.device)
    mask = NDArray(
      stream.uniform(count, step: 1).map { $0 < 0.7 ? 1 : 0 }, shape: shape, device: like.device)
    ramp = NDArray(
      stream.uniform(patch * patch * 2, step: 2), shape: [patch, patch, 2], device: like.device)
    loss = GridFieldLoss(
      rows: rows, columns: columns, patch: patch, hopUnit: unit, cost: cost,
      reconstructionWeight: 0.7, velocityWeight: 0.1, neighborWeight: 0.2)
  }
}
