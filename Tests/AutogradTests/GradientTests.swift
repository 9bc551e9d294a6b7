import Autograd
import TestSupport
import Testing

/// One row or more per op, small enough for central differences. A row's name is its op's up to the
/// first comma; `OperatorCoverageTests` sees to it that no op is missing.
let gradientCases: [GradientCase] =
  arithmeticCases + functionCases + selectionCases + reductionCases + shapingCases + productCases
  + layerCases + lossCases

private let arithmeticCases: [GradientCase] = [
  GradientCase("+, broadcast", [[2, 3, 4], [3, 1]]) { $0[0] + $0[1] },
  GradientCase("-, broadcast", [[3], [2, 3]]) { $0[0] - $0[1] },
  GradientCase("*, broadcast", [[2, 3, 4], [4]]) { $0[0] * $0[1] },
  GradientCase("*, by itself", [[5]]) { $0[0] * $0[0] },
  GradientCase("/, broadcast", [[2, 3], [2, 1]], scale: 0.5, shift: 2) { $0[0] / $0[1] },
  GradientCase("/, reciprocal", [[4]], scale: 0.5, shift: 2) { 3 / $0[0] },
  GradientCase("-, scalars", [[4]], shift: 3) { 2 - ($0[0] * 3 + 1) / 2 - 0.5 },
  GradientCase("prefix -", [[4]]) { -$0[0] },
]

private let functionCases: [GradientCase] = [
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
  GradientCase("geluTanh", [[40]], scale: 3) { geluTanh($0[0]) },
  GradientCase("softplus", [[20]], scale: 4) { softplus($0[0]) },
  GradientCase("relu, positive", [[20]], scale: 0.4, shift: 1) { relu($0[0]) },
  GradientCase("relu, negative", [[1], [20]], scale: 0.4, shift: -1) { relu($0[1]) + $0[0] },
  GradientCase("huber, inside", [[20]], scale: 0.9) { huber($0[0]) },
  GradientCase("huber, outside", [[20]], scale: 0.9, shift: 2) { huber($0[0]) },
  GradientCase("huber, delta inside", [[20]], scale: 1.9) { huber($0[0], delta: 2) },
  GradientCase("huber, delta outside", [[20]], scale: 0.9, shift: -2) { huber($0[0], delta: 0.5) },
  GradientCase("pow, cube", [[20]]) { pow($0[0], 3) },
  GradientCase("pow, root", [[20]], scale: 0.5, shift: 1) { pow($0[0], 0.5) },
  GradientCase("pow, reciprocal", [[20]], scale: 0.5, shift: -2) { pow($0[0], -1) },
  GradientCase("softmax", [[3, 19]], scale: 2) { softmax($0[0]) },
  GradientCase("softmax, middle axis", [[3, 5, 4]], scale: 2) { softmax($0[0], axis: 1) },
  GradientCase("logSoftmax", [[3, 19]], scale: 2) { logSoftmax($0[0]) },
  GradientCase("logSoftmax, first axis", [[5, 4]], scale: 2) { logSoftmax($0[0], axis: 0) },
]

private let selectionCases: [GradientCase] = [
  GradientCase("replacing, broadcast", [[3, 1], [4]]) {
    $0[0].replacing(with: $0[1], where: .oneHot([1, 3, 3], classes: 4, device: $0[0].device))
  },
  GradientCase("clamped, inside", [[20]]) { $0[0].clamped(to: -1.1...1.1) },
  GradientCase("clamped, outside and added", [[20], [1]], scale: 0.4, shift: 2) {
    $0[0].clamped(to: -1...1) + $0[1] + 0 * $0[0]
  },
  GradientCase("maximum, broadcast", [[5, 3], [3]], scale: 9) { maximum($0[0], $0[1]) },
  GradientCase("minimum, broadcast", [[5, 3], [5, 1]], scale: 9) { minimum($0[0], $0[1]) },
]

private let reductionCases: [GradientCase] = [
  GradientCase("sum, all", [[2, 3]]) { $0[0].sum() },
  GradientCase("sum, middle axis", [[2, 3, 4]]) { $0[0].sum([1]) },
  GradientCase("sum, two runs of axes", [[2, 3, 4]]) { $0[0].sum([0, 2]) },
  GradientCase("mean, keeping axes", [[2, 3, 4]]) { $0[0].mean([0, 1], keepingAxes: true) },
  GradientCase("variance, middle axis", [[2, 5, 3]]) { $0[0].variance([1]) },
  GradientCase("variance, biased", [[2, 5]]) { $0[0].variance(correction: 0) },
  GradientCase("standardDeviation", [[3, 5]]) { $0[0].standardDeviation([1], keepingAxes: true) },
  GradientCase("max, last axis", [[4, 5]], scale: 9) { $0[0].max([1]) },
  GradientCase("max, two runs of axes", [[3, 2, 4]], scale: 9) { $0[0].max([0, 2]) },
  GradientCase("min, first axis", [[4, 5]], scale: 9) { $0[0].min([0], keepingAxes: true) },
  GradientCase("logSumExp", [[4, 5]], scale: 2) { $0[0].logSumExp([1]) },
  GradientCase("logSumExp, all", [[4, 5]], scale: 2) { $0[0].logSumExp() },
]

private let shapingCases: [GradientCase] = [
  GradientCase("reshaped", [[2, 6]]) { $0[0].reshaped([3, 4]) },
  GradientCase("permuted", [[2, 3, 4]]) { $0[0].permuted([2, 0, 1]) },
  GradientCase("sliced", [[2, 5, 3]]) { $0[0].sliced(axis: 1, 1..<4) },
  GradientCase("broadcast", [[3, 1]]) { $0[0].broadcast(to: [2, 3, 4]) },
  GradientCase("concatenated", [[2, 3, 2], [2, 1, 2]]) { concatenated($0, axis: 1) },
  GradientCase("stacked", [[2, 3], [2, 3]]) { stacked($0, axis: 1) },
  GradientCase("expanded", [[2, 3]]) { $0[0].expanded(at: 2) },
  GradientCase("squeezed", [[2, 1, 3]]) { $0[0].squeezed(at: 1) },
  GradientCase("split", [[2, 6]]) {
    let parts = $0[0].split(3, axis: 1)
    return parts[0] * parts[2] + parts[1]
  },
  GradientCase("padded", [[2, 3]]) { $0[0].padded([(1, 0), (2, 1)], with: 5) },
  GradientCase("gathered, repeated", [[2, 4, 3]]) { $0[0].gathered([3, 0, 3], axis: 1) },
  GradientCase("scatterAdding, repeated", [[2, 4, 3], [2, 3, 3]]) {
    $0[0].scatterAdding($0[1], at: [3, 0, 3], axis: 1)
  },
  GradientCase("embedding, repeated rows", [[5, 3]]) { embedding($0[0], [4, 0, 4]) },
]

private let productCases: [GradientCase] = [
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
  GradientCase("matmul, batched", [[2, 3, 4], [2, 4, 5]]) { matmul($0[0], $0[1]) },
  GradientCase("matmul, batch broadcast", [[2, 1, 3, 4], [3, 4, 2]]) { matmul($0[0], $0[1]) },
  GradientCase("matmul, batched, a transposed", [[2, 4, 3], [4, 5]]) {
    matmul($0[0], $0[1], transposeA: true)
  },
  GradientCase("matmul, batched, b transposed", [[3, 4], [2, 5, 4]]) {
    matmul($0[0], $0[1], transposeB: true)
  },
  GradientCase("matmul, batched, both transposed", [[2, 4, 3], [2, 5, 4]]) {
    matmul($0[0], $0[1], transposeA: true, transposeB: true)
  },
  GradientCase("linear", [[2, 3, 4], [5, 4], [5]]) { linear($0[0], $0[1], $0[2]) },
  GradientCase("linear, no bias", [[3, 4], [5, 4]]) { linear($0[0], $0[1]) },
  GradientCase("linearGELU", [[2, 3, 4], [5, 4], [5]]) { linearGELU($0[0], $0[1], $0[2]) },
]

private let layerCases: [GradientCase] = [
  GradientCase("rmsNorm", [[3, 6]]) { rmsNorm($0[0]) },
  GradientCase("rmsNorm, gain", [[3, 6], [6]]) { rmsNorm($0[0], gain: $0[1]) },
  GradientCase("rmsNorm, grouped gain and offset", [[2, 3, 6], [2, 6], [2, 6]]) {
    rmsNorm($0[0], gain: $0[1], offset: $0[2])
  },
  GradientCase("layerNorm", [[3, 6]]) { layerNorm($0[0]) },
  GradientCase("layerNorm, gain", [[3, 6], [6]]) { layerNorm($0[0], gain: $0[1]) },
  GradientCase("layerNorm, offset", [[3, 6], [6]]) { layerNorm($0[0], offset: $0[1]) },
  GradientCase("layerNorm, gain and offset", [[2, 3, 6], [6], [6]]) {
    layerNorm($0[0], gain: $0[1], offset: $0[2])
  },
  GradientCase("dropout", [[3, 4]]) {
    dropout($0[0], probability: 0.4, Philox(seed: 3, stream: "mask"), step: 2)
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
  GradientCase("convolution2D", [[2, 4, 5, 3], [2, 3, 3, 2], [2]]) {
    convolution2D($0[0], $0[1], $0[2])
  },
  GradientCase("convolution2D, stride and padding", [[2, 5, 4, 2], [3, 2, 3, 3], [3]]) {
    convolution2D($0[0], $0[1], $0[2], stride: 2, padding: 1)
  },
  GradientCase("meanPooled, ragged", [[2, 5, 7, 3]]) { meanPooled($0[0], block: 2) },
]

private let lossCases: [GradientCase] = [
  GradientCase("meanSquaredError", [[3, 4], [3, 4]]) { meanSquaredError($0[0], $0[1]) },
  GradientCase("crossEntropy", [[2, 3, 5]], scale: 2) {
    crossEntropy(logits: $0[0], [0, 4, 2, 2, 1, 3])
  },
  GradientCase("crossEntropy, label smoothing", [[4, 5]], scale: 2) {
    crossEntropy(logits: $0[0], [0, 4, 2, 2], labelSmoothing: 0.2)
  },
  GradientCase("binaryCrossEntropy", [[12]], scale: 3) {
    binaryCrossEntropy(
      logits: $0[0], Tensor((0..<12).map { Float($0 % 2) }, shape: [12], device: $0[0].device),
      positiveWeight: 2.5)
  },
  GradientCase("gaussianKL", [[8], [8]], scale: 0.5, shift: 1) {
    gaussianKL(mean: $0[0], scale: $0[1])
  },
  GradientCase("gridFieldLoss", [[2, 3, 6, 8]], scale: 2, step: 5e-3, tolerance: 1e-2) {
    fieldLoss($0[0], patch: 2, rows: 2, columns: 3, cost: .sq, unit: .cell).total
  },
  GradientCase("checkpointed", [[3, 4], [4, 4]]) { inputs in
    checkpointed(NoParameters(), inputs) { _, x in gelu(matmul(x[0], x[1])) * x[0] }
  },
]

private struct NoParameters: Module {}

@Test(arguments: gradientCases, [Device.cpu, .reference])
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
    ) {
      fieldLoss(tokens: $0[0], $0[1], $0[2], patch: 2, rows: 2, columns: 3, cost: .sq, unit: unit)
    }
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

/// Exactly where central differences cannot look.
@Test(arguments: [Device.cpu, .reference])
func tiesShareTheGradient(_ device: Device) {
  func gradients(_ inputs: [[Float]], _ op: ([Tensor]) -> Tensor) -> [[Float]] {
    valueWithGradient(at: inputs.map { NDArray($0, shape: [$0.count], device: device) }) {
      let y = op($0)
      return (y * Tensor((0..<y.array.count).map { Float($0 + 1) }, shape: y.shape, device: device))
        .sum()
    }.gradients.map { $0!.scalars }
  }
  let max = gradients([[3, 1, 3, 2]]) { $0[0].max(keepingAxes: true) }
  #expect(max == [[0.5, 0, 0.5, 0]])
  let min = gradients([[3, 1, 1, 1]]) { $0[0].min(keepingAxes: true) }
  let third: Float = 1 / 3
  #expect(min == [[0, third, third, third]])
  let maximum = gradients([[1, 2, 5], [1, 4, 3]]) { Autograd.maximum($0[0], $0[1]) }
  #expect(maximum == [[0.5, 0, 3], [0.5, 2, 0]])
  let minimum = gradients([[1, 2, 5], [1, 4, 3]]) { Autograd.minimum($0[0], $0[1]) }
  #expect(minimum == [[0.5, 2, 0], [0.5, 0, 3]])
  let clamped = gradients([[-2, -1, 0, 1, 2]]) { $0[0].clamped(to: -1...1) }
  #expect(clamped == [[0, 2, 3, 4, 0]])
  let kinks = gradients([[0, 0]]) { abs($0[0]) + relu($0[0]) + huber($0[0]) }
  #expect(kinks == [[0, 0]])
  let powers = gradients([[0, 2]]) { pow($0[0], 2) + pow($0[0], 0) + pow($0[0], 1) }
  #expect(powers == [[1, 10]])
}

/// What a selection leaves out may be infinite without spoiling the gradient of what it takes.
@Test(arguments: [Device.cpu, .reference])
func selectionKeepsInfinitiesOut(_ device: Device) {
  let x = NDArray([0, 4], shape: [2], device: device)
  let (value, gradients) = valueWithGradient(at: [x]) { inputs in
    let x = inputs[0]
    let safe = x.replacing(with: .ones([2], device: device), where: x .<= 0)
    return log(safe).replacing(with: .zeros([2], device: device), where: x .<= 0).sum()
  }
  #expect(abs(value - 1.3862944) < 1e-6)
  let gradient = gradients[0]!.scalars
  #expect(gradient == [0, 0.25])
}
