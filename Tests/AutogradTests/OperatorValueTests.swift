import TestSupport
import Testing

@testable import Autograd

/// An op at values that can be checked by hand.
struct ValueCase: Sendable, CustomStringConvertible {
  /// The op's name up to the first comma.
  let description: String
  let shape: [Int]
  let expected: [Float]
  let op: @Sendable (Maker) -> Tensor

  init(
    _ name: String, _ expected: [Float], _ shape: [Int]? = nil,
    op: @escaping @Sendable (Maker) -> Tensor
  ) {
    description = name
    self.expected = expected
    self.shape = shape ?? [expected.count]
    self.op = op
  }

  /// Makes tensors on the device under test, of one axis unless a shape is given.
  struct Maker {
    let device: Device
    func callAsFunction(_ values: [Float], _ shape: [Int]? = nil) -> Tensor {
      Tensor(values, shape: shape ?? [values.count], device: device)
    }
  }
}

let valueCases: [ValueCase] =
  arithmeticValues + functionValues + selectionValues + reductionValues + shapingValues
  + productValues + layerValues + lossValues + createdValues

@Test(arguments: valueCases, [Device.cpu, .reference])
func operatorHasItsValue(_ op: ValueCase, _ device: Device) {
  let y = op.op(ValueCase.Maker(device: device))
  #expect(y.shape == op.shape, "\(op) on \(device)")
  #expect(y.device == device, "\(op)")
  let values = y.array.scalars
  let isRight = values.count == op.expected.count && zip(values, op.expected).allSatisfy(isClose)
  #expect(isRight, "\(op) on \(device): \(values), expected \(op.expected)")
}

private func isClose(_ a: Float, _ b: Float) -> Bool {
  a == b || (a.isNaN && b.isNaN) || abs(a - b) <= 1e-6 * max(1, abs(b))
}

private let (ln2, ln3, ln4): (Float, Float, Float) = (0.6931472, 1.0986123, 1.3862944)

private let arithmeticValues: [ValueCase] = [
  ValueCase("+", [11, 22, 31, 42], [2, 2]) { $0([1, 2]) + $0([10, 20, 30, 40], [2, 2]) },
  ValueCase("+, scalar", [3, 4]) { 1 + $0([1, 2]) + 1 },
  ValueCase("-", [3, 5]) { $0([5, 7]) - $0([2]) },
  ValueCase("-, scalar", [4, 3]) { 6 - $0([1, 2]) - 1 },
  ValueCase("*", [2, 20, 3, 30], [2, 2]) { $0([2, 3], [2, 1]) * $0([1, 10]) },
  ValueCase("/", [0.5, 0.25]) { $0([1, 2]) / $0([2, 8]) },
  ValueCase("/, scalar", [0.5, 1]) { $0([1, 2]) / 2 },
  ValueCase("/, reciprocal", [0.5, -2]) { 1 / $0([2, -0.5]) },
  ValueCase("prefix -", [-1, 2]) { -$0([1, -2]) },
]

private let functionValues: [ValueCase] = [
  ValueCase("abs", [1.5, 0, 2]) { abs($0([-1.5, 0, 2])) },
  ValueCase("square", [2.25, 4]) { square($0([-1.5, 2])) },
  ValueCase("sqrt", [2, 1.5]) { sqrt($0([4, 2.25])) },
  ValueCase("exp", [1, 2, 0, 2.7182817]) { exp($0([0, ln2, -200, 1])) },
  ValueCase("log", [0, ln3, -.infinity]) { log($0([1, 3, 0])) },
  ValueCase("sin", [0, 1, 0.5]) { sin($0([0, .pi / 2, .pi / 6])) },
  ValueCase("cos", [1, -1, 0.5]) { cos($0([0, .pi, .pi / 3])) },
  ValueCase("tanh", [0, 0.5, -1]) { tanh($0([0, ln3 / 2, -50])) },
  ValueCase("sigmoid", [0.5, 0.75, 0, 1]) { sigmoid($0([0, ln3, -200, 200])) },
  ValueCase("silu", [0, 0.8239592]) { silu($0([0, ln3])) },
  ValueCase("gelu", [0, 0.8413447, -0.1586553, 9]) { gelu($0([0, 1, -1, 9])) },
  ValueCase("geluTanh", [0, 0.8411920, -0.0454023, 9, 0]) { geluTanh($0([0, 1, -2, 9, -99])) },
  ValueCase("softplus", [ln2, 100, 0]) { softplus($0([0, 100, -100])) },
  ValueCase("relu", [0, 0, 2]) { relu($0([-1, 0, 2])) },
  ValueCase("huber", [0.125, 0.5, 2.5]) { huber($0([0.5, -1, 3])) },
  ValueCase("huber, delta", [0.5, 2, 6]) { huber($0([1, -2, 4]), delta: 2) },
  ValueCase("pow", [8, -27, 0]) { pow($0([2, -3, 0]), 3) },
  ValueCase("pow, fraction", [2, 0.5]) { pow($0([0.25, 4]), -0.5) },
  ValueCase("softmax", [1 / 6, 1 / 3, 0.5]) { softmax($0([0, ln2, ln3])) },
  ValueCase("softmax, first axis", [0.25, 0.5, 0.75, 0.5], [2, 2]) {
    softmax($0([0, 9, ln3, 9], [2, 2]), axis: 0)
  },
  ValueCase("logSoftmax", [-ln4, ln3 - ln4]) { logSoftmax($0([0, ln3])) },
  ValueCase("logSoftmax, large", [-ln2, -ln2], [2, 1]) {
    logSoftmax($0([1000, 1000], [2, 1]), axis: 0)
  },
]

private let selectionValues: [ValueCase] = [
  ValueCase(".<", [1, 0, 0]) { $0([1, 2, 3]) .< $0([2]) },
  ValueCase(".<=", [1, 1, 0]) { $0([1, 2, 3]) .<= 2 },
  ValueCase(".>", [0, 0, 1]) { $0([1, 2, 3]) .> $0([2]) },
  ValueCase(".>=", [0, 1, 1]) { $0([1, 2, 3]) .>= 2 },
  ValueCase(".==", [0, 1, 0]) { $0([1, 2, .nan]) .== $0([2, 2, .nan]) },
  ValueCase(".!=", [1, 0, 1]) { $0([1, 2, .nan]) .!= $0([2, 2, .nan]) },
  ValueCase(".<, scalar", [1, 0]) { $0([1, 2]) .< 2 },
  ValueCase(".>, scalar", [0, 1]) { $0([2, 3]) .> 2 },
  ValueCase(".==, scalar", [1, 0]) { $0([2, 3]) .== 2 },
  ValueCase(".!=, scalar", [0, 1]) { $0([2, 3]) .!= 2 },
  ValueCase("replacing", [1, 20, 3, 20], [2, 2]) {
    $0([1, 2, 3, .nan], [2, 2]).replacing(with: $0([20]), where: $0([0, 1]))
  },
  ValueCase("clamped", [-1, 0.5, 2]) { $0([-3, 0.5, 9]).clamped(to: -1...2) },
  ValueCase("maximum", [2, 3, .nan, .nan]) { maximum($0([1, 3, .nan, 1]), $0([2, 2, 1, .nan])) },
  ValueCase("minimum", [1, 2, .nan, .nan]) { minimum($0([1, 3, .nan, 1]), $0([2, 2, 1, .nan])) },
]

private let reductionValues: [ValueCase] = [
  ValueCase("sum", [10], []) { $0([1, 2, 3, 4], [2, 2]).sum() },
  ValueCase("sum, kept axis", [4, 6], [1, 2]) {
    $0([1, 2, 3, 4], [2, 2]).sum([0], keepingAxes: true)
  },
  ValueCase("mean", [1.5, 3.5]) { $0([1, 2, 3, 4], [2, 2]).mean([1]) },
  ValueCase("variance", [5 / 3], []) { $0([1, 2, 3, 4]).variance() },
  ValueCase("variance, biased", [1.25], [1]) {
    $0([1, 2, 3, 4]).variance([0], correction: 0, keepingAxes: true)
  },
  ValueCase("standardDeviation", [1, 2]) {
    $0([1, 3, 2, 6], [2, 2]).standardDeviation([1], correction: 0)
  },
  ValueCase("max", [3, 9], [2]) { $0([1, 9, 3, -4], [2, 2]).max([0]) },
  ValueCase("max, NaN", [.nan, 2]) { $0([1, .nan, 3, 0, 1, 2], [2, 3]).max([1]) },
  ValueCase("max, NaN in a column", [2, .nan]) { $0([1, 3, 2, .nan], [2, 2]).max([0]) },
  ValueCase("max, NaN in a long row", [.nan], []) {
    $0((0..<40).map { $0 == 20 ? .nan : Float($0) }).max()
  },
  ValueCase("max, no axes", [1, 2]) { $0([1, 2]).max([]) },
  ValueCase("min", [-4], []) { $0([1, 9, 3, -4], [2, 2]).min() },
  ValueCase("logSumExp", [1000 + ln2, 0, -.infinity]) {
    $0([1000, 1000, -.infinity, 0, -.infinity, -.infinity], [3, 2]).logSumExp([1])
  },
]

private let shapingValues: [ValueCase] = [
  ValueCase("reshaped", [1, 2, 3, 4], [4, 1]) { $0([1, 2, 3, 4], [2, 2]).reshaped([4, 1]) },
  ValueCase("permuted", [1, 4, 2, 5, 3, 6], [3, 2]) {
    $0([1, 2, 3, 4, 5, 6], [2, 3]).permuted([1, 0])
  },
  ValueCase("sliced", [2, 3, 5, 6], [2, 2]) {
    $0([1, 2, 3, 4, 5, 6], [2, 3]).sliced(axis: 1, 1..<3)
  },
  ValueCase("broadcast", [1, 1, 2, 2], [2, 2]) { $0([1, 2], [2, 1]).broadcast(to: [2, 2]) },
  ValueCase("expanded", [1, 2], [2, 1]) { $0([1, 2]).expanded(at: 1) },
  ValueCase("squeezed", [1, 2]) { $0([1, 2], [1, 2]).squeezed(at: 0) },
  ValueCase("split", [3, 4]) { $0([1, 2, 3, 4, 5, 6]).split(3, axis: 0)[1] },
  ValueCase("padded", [0, 0, 0, 0, 1, 2, 0, 3, 4], [3, 3]) {
    $0([1, 2, 3, 4], [2, 2]).padded([(1, 0), (1, 0)])
  },
  ValueCase("padded, value", [7, 1, 0, 7, 7]) { $0([1, 0]).padded([(1, 2)], with: 7) },
  ValueCase("gathered", [3, 1, 3, 6, 4, 6], [2, 3]) {
    $0([1, 2, 3, 4, 5, 6], [2, 3]).gathered([2, 0, 2], axis: 1)
  },
  ValueCase("scatterAdding", [1, 32, 3, 64], [2, 2]) {
    $0([1, 2, 3, 4], [2, 2]).scatterAdding($0([10, 20, 20, 40], [2, 2]), at: [1, 1], axis: 1)
  },
  ValueCase("stacked", [1, 3, 2, 4], [2, 2]) { stacked([$0([1, 2]), $0([3, 4])], axis: 1) },
  ValueCase("concatenated", [1, 3, 4, 2, 5, 6], [2, 3]) {
    concatenated([$0([1, 2], [2, 1]), $0([3, 4, 5, 6], [2, 2])], axis: 1)
  },
  ValueCase("embedding", [5, 6, 1, 2], [2, 2]) {
    embedding($0([1, 2, 3, 4, 5, 6], [3, 2]), [2, 0])
  },
]

private let productValues: [ValueCase] = [
  ValueCase("matmul", [19, 22, 43, 50], [2, 2]) {
    matmul($0([1, 2, 3, 4], [2, 2]), $0([5, 6, 7, 8], [2, 2]))
  },
  ValueCase("matmul, a transposed", [26, 30, 38, 44], [2, 2]) {
    matmul($0([1, 2, 3, 4], [2, 2]), $0([5, 6, 7, 8], [2, 2]), transposeA: true)
  },
  ValueCase("matmul, batched", [11, 23, 17, 41], [2, 2, 1]) {
    matmul($0([1, 2, 3, 4, 1, 2, 3, 4], [2, 2, 2]), $0([1, 5, 7, 5], [2, 2, 1]))
  },
  ValueCase("matmul, batch broadcast, b transposed", [11, 17, 23, 29], [2, 1, 2]) {
    // [1, 2] and [3, 4] against the rows [1, 5] and [7, 5], then [5, 2] and [7, 2].
    matmul(
      $0([1, 2, 3, 4], [2, 1, 2]), $0([1, 5, 7, 5, 5, 2, 7, 2], [2, 2, 2]), transposeB: true)
  },
  ValueCase("linear", [1.5, 2.5, 3.5], [1, 3]) {
    linear($0([1, 2], [1, 2]), $0([1, 0, 0, 1, 1, 1], [3, 2]), $0([0.5, 0.5, 0.5]))
  },
  ValueCase("linearGELU", [0.8413447, 0], [1, 2]) {
    linearGELU($0([1, 2], [1, 2]), $0([1, 0, 0, 1], [2, 2]), $0([0, -2]))
  },
]

private let layerValues: [ValueCase] = [
  ValueCase("rmsNorm", [1.8485281, 2.2627417]) {
    rmsNorm($0([3, 4]), gain: $0([1, 2]), offset: $0([1, 0]), epsilon: 0)
  },
  ValueCase("layerNorm", [8, 23]) {
    layerNorm($0([1, 3]), gain: $0([2, 3]), offset: $0([10, 20]), epsilon: 0)
  },
  ValueCase("layerNorm, epsilon", [-0.5, 0.5]) { layerNorm($0([1, 3]), epsilon: 3) },
  ValueCase("gatedLinear", [21, 4.5]) {
    gatedLinear(
      $0([1, 2]), gate: $0([10, 0.5]), $0([1, 4]), $0([1, 0, 0, 1], [2, 2]), $0([1, 1]))
  },
  // The normalised row is (1, 1) and the hidden layer (1, 0); Φ(1) = 0.8413447.
  ValueCase("residualMLP", [1.8413447, 4.6826894]) {
    residualMLP(
      $0([1, 1]), gain: $0([2, 2]), offset: $0([-1, -1]), gate: $0([1, 2]),
      ($0([1, 0, 0, 1], [2, 2]), $0([0, -1])), ($0([1, 0, 1, 0], [2, 2]), $0([0, 1])), epsilon: 0)
  },
  // Rows of query, key, value. The first query weighs the keys 3 : 1, the second equally.
  ValueCase("selfAttention", [5, 6], [2, 1]) {
    selfAttention($0([ln3, 1, 4, 0, 0, 8], [2, 3]), heads: 1, axis: 0)
  },
  ValueCase("crossAttention", [5], [1, 1]) {
    crossAttention($0([ln3], [1, 1]), $0([1, 4, 0, 8], [2, 2]), heads: 1, axis: 0)
  },
  ValueCase("convolution1D", [12.5, 23.5], [1, 2, 1]) {
    convolution1D(
      $0([1, 2, 3], [1, 3, 1]), $0([10, 1], [1, 1, 2]), $0([0.5]), padding: .zeros(0))
  },
  ValueCase("convolution1D, replicate", [11, 12, 23, 33], [1, 4, 1]) {
    convolution1D(
      $0([1, 2, 3], [1, 3, 1]), $0([10, 1], [1, 1, 2]), $0([0]), padding: .replicate(1))
  },
  ValueCase("transposedConvolution1D", [10, 1, 20, 2], [1, 4, 1]) {
    transposedConvolution1D(
      $0([1, 2], [1, 2, 1]), $0([10, 1], [1, 1, 2]), $0([0]), stride: 2, padding: 0)
  },
  ValueCase("convolution2D", [6.5, 8.5, 12.5, 14.5], [1, 2, 2, 1]) {
    convolution2D(
      $0([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]), $0([1, 0, 0, 1], [1, 1, 2, 2]), $0([0.5]))
  },
  ValueCase("convolution2D, stride and padding", [1, 3, 7, 14], [1, 2, 2, 1]) {
    convolution2D(
      $0([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]), $0([1, 0, 0, 1], [1, 1, 2, 2]), $0([0]),
      stride: 2, padding: 1)
  },
  ValueCase("convolution2D, channels", [21, 1003], [1, 1, 1, 2]) {
    // Two channels of one 1 x 2 image; weight [out, in, 1, 2].
    convolution2D(
      $0([1, 10, 2, 100], [1, 1, 2, 2]), $0([1, 0, 2, 0, 1, 1, 0, 10], [2, 2, 1, 2]), $0([0, 0]))
  },
  ValueCase("meanPooled", [3, 4.5], [1, 1, 2, 1]) {
    meanPooled($0([1, 2, 3, 4, 5, 6], [1, 2, 3, 1]), block: 2)
  },
  ValueCase(
    "dropout", Philox(seed: 1, stream: "mask").uniform(64, step: 7).map { $0 < 0.75 ? 0 : 8 },
    [1, 64]
  ) { make in
    dropout(
      make([Float](repeating: 2, count: 64), [1, 64]), probability: 0.75,
      Philox(seed: 1, stream: "mask"), step: 7)
  },
]

private let lossValues: [ValueCase] = [
  ValueCase("binaryCrossEntropy", [ln2, ln4, 0]) {
    binaryCrossEntropy(logits: $0([0, ln3, 200]), $0([1, 0, 1]))
  },
  ValueCase("binaryCrossEntropy, weighted", [3 * ln2]) {
    binaryCrossEntropy(logits: $0([0]), $0([1]), positiveWeight: 3)
  },
  ValueCase("gaussianKL", [0.5, 1.5 - ln2]) { gaussianKL(mean: $0([1, 0]), scale: $0([1, 2])) },
  ValueCase("meanSquaredError", [2], []) { meanSquaredError($0([1, 2]), $0([3, 2])) },
  // Probabilities 3/4 and 1/2.
  ValueCase("crossEntropy", [(ln4 - ln3 + ln2) / 2], []) {
    crossEntropy(logits: $0([0, ln3, 500, 500], [2, 2]), [1, 0])
  },
  ValueCase("crossEntropy, label smoothing", [0.9 * (ln4 - ln3) + 0.1 * ln4], []) {
    crossEntropy(logits: $0([0, ln3]), [1], labelSmoothing: 0.2)
  },
  // Huber of differences (1, 0) and (3, 0), over twice the number of cells.
  ValueCase("gridFieldLoss", [0.75], []) { make in
    gridFieldLoss(
      prediction: make([1, 0, 3, 0], [1, 1, 2, 2]),
      target: .zeros([1, 1, 2, 2], device: make.device),
      ramp: .zeros([1, 1, 2], device: make.device),
      mask: NDArray([1, 1], shape: [1, 1, 2], device: make.device),
      GridFieldLoss(rows: 1, columns: 2, patch: 1, velocityWeight: 0, neighborWeight: 0)
    ).total
  },
]

private let createdValues: [ValueCase] = [
  ValueCase("zeros", [0, 0], [1, 2]) { .zeros([1, 2], device: $0.device) },
  ValueCase("ones", [1, 1], [2, 1]) { .ones([2, 1], device: $0.device) },
  ValueCase("full", [2.5], []) { .full(2.5, [], device: $0.device) },
  ValueCase("arange", [0, 1, 2]) { .arange(to: 3, device: $0.device) },
  ValueCase("arange, step", [1, 0.5, 0]) {
    .arange(from: 1, to: -0.25, by: -0.5, device: $0.device)
  },
  ValueCase("linspace", [-1, -0.5, 0, 0.5, 1]) {
    .linspace(from: -1, through: 1, count: 5, device: $0.device)
  },
  ValueCase("identity", [1, 0, 0, 1], [2, 2]) { .identity(2, device: $0.device) },
  ValueCase("oneHot", [0, 0, 1, 1, 0, 0], [2, 3]) {
    .oneHot([2, 0], classes: 3, device: $0.device)
  },
]

@Test(arguments: [Device.cpu, .reference])
func argMaxIsTheFirstOfTheLargest(_ device: Device) {
  let x = Tensor([1, 5, 5, 7, 2, 7], shape: [2, 3], device: device)
  let (rows, columns) = (x.argMax(axis: 1), x.argMax(axis: 0))
  #expect(rows == [1, 0])
  #expect(columns == [1, 0, 1])
}

@Test func backendsFindTheSamePlaces() {
  let x = Tensor(Philox(seed: 4, stream: "places").normal([7, 53, 19], step: 0))
  for axis in 0..<3 {
    let fast = x.argMax(axis: axis)
    let exact = Tensor(x.array.on(.reference)).argMax(axis: axis)
    let agree = fast == exact
    #expect(agree, "axis \(axis)")
  }
}

@Test func dropoutIsAFunctionOfItsCoordinates() {
  let x = Tensor.ones([4, 1000])
  let stream = Philox(seed: 9, stream: "mask")
  let y = dropout(x, probability: 0.3, stream, step: 5)
  let kept = y.array.scalars.filter { $0 != 0 }
  let values = Set(kept)
  #expect(values == [1 / 0.7])
  let share = Float(kept.count) / 4000
  #expect(abs(share - 0.7) < 0.03)
  // The batch's samples, however it is split.
  let rest = dropout(
    x.sliced(axis: 0, 1..<4), probability: 0.3, stream, step: 5, firstSample: 1)
  let sameRows = rest.array.scalars == Array(y.array.scalars[1000...])
  #expect(sameRows)
  let other = dropout(x, probability: 0.3, stream, step: 6)
  let sameStep = other.array.scalars == y.array.scalars
  #expect(!sameStep)
  // Nothing is drawn or copied at probability 0.
  let same = dropout(x, probability: 0, stream, step: 5)
  let sharesStorage = same.array.storage === x.array.storage
  #expect(sharesStorage)
}
