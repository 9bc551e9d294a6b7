import TestSupport
import Testing

@testable import Autograd

private struct Weights: Module {
  @Parameter var weight: Tensor
  @Parameter var unused: Tensor

  init(_ values: [Float], device: Device = .cpu) {
    weight = Tensor(values, shape: [values.count], device: device)
    unused = .ones([2], device: device)
  }
}

/// Two steps by hand, with the gradient of the second equal to that of the first.
@Test(arguments: [Device.cpu, .reference])
func sgdFollowsItsEquations(_ device: Device) {
  func twoSteps(_ optimizer: SGD) -> [Float] {
    var optimizer = optimizer
    let model = Weights([1, -2], device: device)
    let gradient = ["weight": NDArray([0.5, 1], shape: [2], device: device)]
    for _ in 0..<2 { optimizer.update(model, along: gradient, learningRate: 0.1) }
    let unused = model.unused.array.scalars
    #expect(unused == [1, 1])
    #expect(optimizer.velocities.keys.sorted() == (optimizer.momentum > 0 ? ["weight"] : []))
    return model.weight.array.scalars
  }
  func expect(_ actual: [Float], _ expected: [Float]) {
    #expect(maxNormalizedError(actual, expected) < 1e-6, "\(actual), expected \(expected)")
  }
  expect(twoSteps(SGD()), [0.9, -2.2])
  // v = g, then 1.9 g: p - 0.1 · 2.9 g
  expect(twoSteps(SGD(momentum: 0.9)), [0.855, -2.29])
  // 1.9 g, then g + 0.9 · 1.9 g = 2.71 g
  expect(twoSteps(SGD(momentum: 0.9, nesterov: true)), [0.7695, -2.461])
  // g + 0.1 p = (0.6, 0.8), p = (0.94, -2.08); (0.594, 0.792)
  expect(twoSteps(SGD(weightDecay: 0.1)), [0.8806, -2.1592])
}

@Test func sgdBackendsAgree() {
  let stream = Philox(seed: 2, stream: "sgd")
  func steps(_ device: Device) -> [Float] {
    let model = Weights(stream.normal(17_003), device: device)
    var optimizer = SGD(momentum: 0.8, nesterov: true, weightDecay: 0.02)
    for step in 0..<3 {
      let gradient = NDArray(stream.normal(17_003, step: step + 1), shape: [17_003], device: device)
      optimizer.update(model, along: ["weight": gradient], learningRate: 0.1)
    }
    return model.weight.array.scalars
  }
  let error = maxNormalizedError(steps(.cpu), steps(.reference))
  #expect(error < 1e-6)
}

@Test func sgdStateRoundTrips() throws {
  func gradient(_ step: Int) -> [String: NDArray] {
    ["weight": Philox(seed: 3, stream: "gradient").normal([5], step: step)]
  }
  let model = Weights([1, 2, 3, 4, 5])
  var optimizer = SGD(momentum: 0.9, nesterov: true)
  for step in 0..<3 { optimizer.update(model, along: gradient(step), learningRate: 0.1) }
  let copy = Weights([0, 0, 0, 0, 0])
  try copy.load(model.stateDictionary())
  var resumed = SGD(momentum: 0.9, nesterov: true)
  try resumed.load(optimizer.state(), for: copy)
  optimizer.update(model, along: gradient(3), learningRate: 0.1)
  resumed.update(copy, along: gradient(3), learningRate: 0.1)
  let (straight, continued) = (model.weight.array.scalars, copy.weight.array.scalars)
  #expect(straight == continued)

  var broken = optimizer.state()
  #expect(broken.keys.sorted() == ["momentum_buffer.weight"])
  broken["momentum_buffer.weight"] = NDArray.zeros([4])
  broken["momentum_buffer.wait"] = NDArray.zeros([5])
  let before = resumed.velocities["weight"]!.scalars
  let error = #expect(throws: StateMismatch.self) { try resumed.load(broken, for: copy) }
  #expect(error?.misshaped == ["momentum_buffer.weight (expected [5], found [4])"])
  #expect(error?.unknown == ["momentum_buffer.wait"])
  let after = resumed.velocities["weight"]!.scalars
  #expect(before == after)
}

@Test func updatesWriteInPlace() {
  let model = Weights([1, 2, 3])
  var optimizer = SGD(momentum: 0.9)
  let gradient = ["weight": NDArray([1, 1, 1], shape: [3])]
  optimizer.update(model, along: gradient, learningRate: 0.1)
  let (weight, velocity) = (
    model.weight.array.storage.pointer, optimizer.velocities["weight"]!.storage.pointer
  )
  optimizer.update(model, along: gradient, learningRate: 0.1)
  #expect(model.weight.array.storage.pointer == weight)
  #expect(optimizer.velocities["weight"]!.storage.pointer == velocity)
}
