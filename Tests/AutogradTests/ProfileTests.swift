import Testing

@testable import Autograd

private struct Layers: Module {
  let first: Linear
  let second: Linear

  init() {
    var initializer = Initializer(seed: 1)
    first = Linear(3, 5, &initializer)
    second = Linear(5, 2, &initializer)
  }

  func loss(_ x: Tensor, checkpoints: Bool) -> Tensor {
    func body(_ layers: Layers, _ x: [Tensor]) -> Tensor {
      layers.second(gelu(layers.first(x[0])))
    }
    return square(checkpoints ? checkpointed(self, [x], body) : body(self, [x])).sum()
  }
}

private func profileOfStep(checkpoints: Bool) -> OperationProfile {
  let model = Layers()
  let x = Tensor(Philox(seed: 1, stream: "x").normal([4, 3], step: 0))
  return profiled {
    _ = valueWithGradient(at: model) { $0.loss(x, checkpoints: checkpoints) }
  }.profile
}

@Test func profilesCountWhatIsComputed() throws {
  let profile = profileOfStep(checkpoints: false)
  let linear = try #require(profile.rows.first { $0.operation == "linear" })
  #expect(linear.calls == 2)
  #expect(linear.flops == Double(2 * 4 * (3 * 5 + 5 * 2)))
  // The first layer's input needs no gradient.
  let gradient = try #require(profile.rows.first { $0.operation == "linear gradient" })
  #expect(gradient.flops == Double(2 * 4 * (3 * 5 + 2 * 5 * 2)))
  #expect(profile.recomputedFlops == 0)
  let accounted = profile.rows.reduce(0) { $0 + $1.seconds }
  #expect(accounted > 0 && accounted <= profile.totalSeconds)
  let table = profile.table()
  for column in ["operation", "calls", "share", "GFLOP/s", "GB/s", "linear gradient", "total"] {
    #expect(table.contains(column), "\(column)")
  }
}

@Test func secondEvaluationsAreNotRequired() {
  let plain = profileOfStep(checkpoints: false)
  let checkpointed = profileOfStep(checkpoints: true)
  #expect(checkpointed.recomputedFlops == Double(2 * 4 * (3 * 5 + 5 * 2)))
  #expect(checkpointed.requiredFlops == plain.requiredFlops)
}

@Test func observingChangesNothing() {
  let model = Layers()
  let x = Tensor(Philox(seed: 1, stream: "x").normal([4, 3], step: 0))
  func gradient() -> [String: [Float]] {
    valueWithGradient(at: model) { $0.loss(x, checkpoints: true) }.gradient.mapValues(\.scalars)
  }
  let plain = gradient()
  let observed = profiled(gradient).result
  let searched = findingNonFinite(gradient).result
  #expect(plain == observed)
  #expect(plain == searched)
}

@Test func theFirstNonFiniteOperationIsNamed() throws {
  let x = Tensor([1, -1, 4], shape: [3])
  let (_, none) = findingNonFinite { exp(x) }
  #expect(none == nil)
  let (_, found) = findingNonFinite { exp(sqrt(x) * 2).sum() }
  let first = try #require(found)
  #expect(first.operation == "sqrt")
  #expect(first.shape == [3] && first.count == 1 && first.index == 1 && first.value.isNaN)
  #expect(first.badOperand == nil)
  #expect(first.description.contains("its operands were finite"))
}

@Test func nonFiniteOperandsAreTold() throws {
  let broken = Tensor([1, .infinity], shape: [2])
  let first = try #require(findingNonFinite { broken + 1 }.first)
  #expect(first.operation == "add" && first.value == .infinity)
  #expect(first.badOperand == [2])
  #expect(first.description.contains("already held"))
}

@Test func nonFiniteGradientsAreFound() throws {
  // The value is finite: the square root of 0 has an infinite slope.
  let zero = NDArray([0, 1], shape: [2])
  let (result, found) = findingNonFinite { valueWithGradient(at: [zero]) { sqrt($0[0]).sum() } }
  #expect(result.value == 1)
  #expect(found?.operation == "sqrt gradient")
}
