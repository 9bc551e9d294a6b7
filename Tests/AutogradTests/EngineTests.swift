import TestSupport
import Testing

@testable import Autograd

private struct TwoLayers: Module {
  let first: Linear
  let blocks: [Linear]
  let gate: Parameter?
  let absent: Linear?
  @Buffer var table: NDArray

  init() {
    var initializer = Initializer(seed: 1)
    first = Linear(4, 3, &initializer)
    blocks = [Linear(3, 3, &initializer), Linear(3, 2, &initializer)]
    gate = Parameter(wrappedValue: .ones([2]))
    absent = nil
    table = NDArray.zeros([2])
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    gate!.wrappedValue * blocks[1](gelu(blocks[0](first(x)))) + Tensor(table)
  }
}

@Test func pathsAreCheckpointKeys() {
  #expect(
    TwoLayers().stateDictionary().keys.sorted() == [
      "blocks.0.bias", "blocks.0.weight", "blocks.1.bias", "blocks.1.weight", "first.bias",
      "first.weight", "gate", "table",
    ])
  #expect(TwoLayers().namedParameters().map(\.name).contains("table") == false)
  #expect(checkpointName("gateMsa") == "gate_msa")
  #expect(checkpointName("adaLN") == "adaLN")
  #expect(checkpointName("trackFusionGateLogit") == "track_fusion_gate_logit")
}

@Test func loadingIsStrict() throws {
  let model = TwoLayers()
  var state = model.stateDictionary()
  state["gate"] = NDArray.zeros([3])
  state["first.bias"] = nil
  state["extra"] = NDArray(0)
  let before = model.stateDictionary()
  let error = #expect(throws: StateMismatch.self) { try model.load(state) }
  #expect(error?.missing == ["first.bias"])
  #expect(error?.unknown == ["extra"])
  #expect(error?.misshaped == ["gate (expected [2], found [3])"])
  for (name, array) in model.stateDictionary() { #expect(array.scalars == before[name]!.scalars) }
}

@Test func memoryReturnsToItsBaseline() {
  let model = TwoLayers()
  let x = Tensor(Philox(seed: 1, stream: "x").normal([64, 4], step: 0))
  func step() -> Float { valueWithGradient(at: model) { square($0(x)).sum() }.value }
  _ = step()
  weak var storage: HostStorage?
  let inside = valueWithGradient(at: model) { model in
    let hidden = gelu(model.first(x))
    storage = hidden.array.storage
    return square(hidden).sum()
  }
  #expect(storage == nil, "an intermediate result outlived its step")
  #expect(inside.gradient.keys.sorted() == ["first.bias", "first.weight"])
}

@Test func gradientsAddUpOverUses() {
  // d/dx (x·x + 3x) with x used three times.
  let (value, gradients) = valueWithGradient(at: [NDArray([2, -1], shape: [2])]) { inputs in
    (inputs[0] * inputs[0] + 3 * inputs[0]).sum()
  }
  #expect(value == 8)
  #expect(gradients[0]!.scalars == [7, 1])
}

@Test func sharedUpstreamGradientsAreNotChangedInPlace() {
  // The same array is the upstream of both operands of a sum, and one of them is accumulated into.
  let (_, gradients) = valueWithGradient(at: [
    NDArray([1, 2], shape: [2]), NDArray([5, 6], shape: [2]),
  ]) { x in
    let sum = x[0] + x[1]
    return (sum + x[0] * 10).sum()
  }
  #expect(gradients[0]!.scalars == [11, 11])
  #expect(gradients[1]!.scalars == [1, 1])
}

@Test func optimizerStateRoundTrips() throws {
  let model = TwoLayers()
  let x = Tensor(Philox(seed: 1, stream: "x").normal([8, 4], step: 0))
  func gradient(_ model: TwoLayers) -> [String: NDArray] {
    valueWithGradient(at: model) { square($0(x)).sum() }.gradient
  }
  var optimizer = AdamW(weightDecay: 0.01)
  for _ in 0..<3 { optimizer.update(model, along: gradient(model), learningRate: 0.01) }
  let copy = TwoLayers()
  try copy.load(model.stateDictionary())
  var resumed = AdamW(weightDecay: 0.01)
  try resumed.load(optimizer.state(), steps: optimizer.steps, for: copy)
  for _ in 0..<2 {
    optimizer.update(model, along: gradient(model), learningRate: 0.01)
    resumed.update(copy, along: gradient(copy), learningRate: 0.01)
  }
  for (name, array) in model.stateDictionary() {
    #expect(array.scalars == copy.stateDictionary()[name]!.scalars, "\(name)")
  }
  var broken = optimizer.state()
  broken["exp_avg.gate"] = nil
  #expect(throws: StateMismatch.self) { try resumed.load(broken, steps: 5, for: copy) }
}

@Test func accumulationOverPartsIsTheGradientOfTheWhole() {
  let model = TwoLayers()
  let x = Philox(seed: 1, stream: "x").normal([8, 4], step: 0)
  func gradient(_ x: NDArray) -> [String: NDArray] {
    valueWithGradient(at: model) { square($0(Tensor(x))).mean() }.gradient
  }
  var total: [String: NDArray] = [:]
  for half in [0..<4, 4..<8] {
    accumulate(gradient(Tensor(x).sliced(axis: 0, half).array), into: &total, scale: 0.5)
  }
  for (name, whole) in gradient(x) {
    #expect(maxNormalizedError(total[name]!.scalars, whole.scalars) < 1e-6, "\(name)")
  }
}

@Test func nonFiniteNormLeavesGradientsAlone() {
  var gradient = ["a": NDArray([1, .nan], shape: [2]), "b": NDArray([3], shape: [1])]
  #expect(clip(&gradient, toNorm: 1).isNaN)
  #expect(gradient["b"]!.scalars == [3])
}

@Test(arguments: [Device.cpu, .reference])
func emptyBatchesHaveZeroGradients(_ device: Device) {
  func ones(_ shape: [Int]) -> NDArray { NDArray(repeating: 1, shape: shape, device: device) }
  let inputs = [ones([0, 3]), ones([3]), ones([4, 3]), ones([4]), ones([3, 4]), ones([3])]
  let (value, gradients) = valueWithGradient(at: inputs) { x in
    let branch = residualMLP(x[0], gain: x[1], gate: x[1], (x[2], x[3]), (x[4], x[5]))
    return gatedLinear(branch, gate: x[1], linear(branch, x[2], x[3]), x[4], x[5]).sum()
  }
  #expect(value == 0)
  for (input, gradient) in zip(inputs, gradients) {
    #expect(gradient?.shape == input.shape)
    #expect(gradient?.scalars.allSatisfy { $0 == 0 } == true)
  }
}

@Test func arraysAreFilledInPlace() async throws {
  struct Fault: Error {}
  let filled = NDArray(shape: [2, 3]) { output in
    for value in 0..<6 { output.append(Float(value)) }
  }
  let (scalars, shape) = (filled.scalars, filled.shape)
  #expect(scalars == [0, 1, 2, 3, 4, 5] && shape == [2, 3])
  let empty = NDArray(shape: [0, 3]) { _ in }.scalars
  #expect(empty.isEmpty)
  #expect(throws: Fault.self) {
    _ = try NDArray(shape: [2]) { output in
      output.append(1)
      throw Fault()
    }
  }
  let short = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = NDArray(shape: [2]) { $0.append(1) } }
  let message = String(decoding: try #require(short).standardErrorContent, as: UTF8.self)
  #expect(message.contains("1 elements written where 2 belong"))
  await #expect(processExitsWith: .failure) {
    _ = NDArray(shape: [1]) {
      $0.append(1)
      $0.append(2)
    }
  }
}
