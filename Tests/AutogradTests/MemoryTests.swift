import Testing

@testable import Autograd

/// What the tests of one process see of each other: `MemoryUse` counts all arrays, so these run in
/// processes of their own.
@Test func liveBytesReturnToTheirBaseline() async {
  await #expect(processExitsWith: .success) {
    var initializer = Initializer(seed: 1)
    let model: [any Layer] = [
      Convolution2D(1, 4, kernel: 3, padding: 1, &initializer), GELU(), LayerNorm(4),
      Linear(4, 3, &initializer),
    ]
    let wrapped = Layers(layers: model)
    let x = Tensor(Philox(seed: 1, stream: "x").normal([2, 9, 9, 1], step: 0))
    var optimizer = SGD(momentum: 0.9)
    func step() {
      let gradient = valueWithGradient(at: wrapped) { model in
        let hidden = checkpointed(model, [x]) { model, inputs in model.layers(inputs[0]) }
        return square(hidden).mean()
      }.gradient
      optimizer.update(wrapped, along: gradient, learningRate: 0.01)
    }
    step()  // makes the optimiser's velocities
    MemoryUse.resetPeak()
    let baseline = MemoryUse.live
    for _ in 0..<3 { step() }
    let (live, peak) = withExtendedLifetime((wrapped, x, optimizer)) {
      (MemoryUse.live, MemoryUse.peak)
    }
    #expect(live == baseline)
    #expect(peak > baseline, "nothing was held during a step")
  }
}

/// Backward passes op after op; what each one saved is given back before the next is reached.
@Test func savedArraysAreReleasedAsBackwardPassesThem() async {
  await #expect(processExitsWith: .success) {
    let size = 1 << 16
    let bytes = MemoryPool.capacity(forBytes: size * 4)
    let watch = Watch()
    let depth = 8
    let x = NDArray(repeating: 0.5, shape: [size])
    _ = valueWithGradient(at: [x]) { inputs in
      var y = inputs[0]
      for _ in 0..<depth { y = square(watch.recording(y)) }
      watch.live = []
      return y.sum()
    }
    // `square` saves its argument: one array fewer at each pullback that follows, but for the
    // first argument, which is `x`.
    let released = zip(watch.live, watch.live.dropFirst()).map { $0 - $1 }
    #expect(released == [Int](repeating: bytes, count: depth - 2) + [0])
  }
}

@Test func intermediateResultsWithoutGradientAreNotKept() {
  weak var inside: HostStorage?
  weak var outside: HostStorage?
  let x = NDArray(repeating: 0.5, shape: [64])
  let (_, gradients) = valueWithGradient(at: [x]) { inputs in
    let constant = withoutGradient { () -> Tensor in
      let hidden = square(inputs[0])
      inside = hidden.array.storage
      return square(hidden).sum()
    }
    #expect(!constant.isTracked)
    #expect(inside == nil, "a result that nothing refers to was kept")
    let kept = square(inputs[0])
    outside = kept.array.storage
    let loss = (square(kept) * constant).sum()
    #expect(outside != nil, "what backward needs was given back")
    return loss
  }
  #expect(outside == nil)
  // d/dx 64 x⁴ c with c = 64 · 0.5⁴ held constant: 4 x³ c.
  let gradient = gradients[0]!.scalars
  #expect(gradient == [Float](repeating: 4 * 0.125 * 4, count: 64))
}

@Test func withoutGradientNestsAndEnds() {
  let x = NDArray([3], shape: [1])
  let (_, gradients) = valueWithGradient(at: [x]) { inputs in
    let tracked: [Bool] = withoutGradient {
      let outer = square(inputs[0]).isTracked
      let inner = withoutGradient { square(inputs[0]).isTracked }
      return [outer, inner, square(inputs[0]).isTracked]
    }
    #expect(tracked == [false, false, false])
    return (square(inputs[0]) * withoutGradient { square(inputs[0]) }).sum()
  }
  let gradient = gradients[0]!.scalars
  #expect(gradient == [54])
}

private struct Layers: Module {
  let layers: [any Layer]
}

/// Notes the bytes in use each time that backward passes one of its ops.
private final class Watch {
  var live: [Int] = []

  /// `x`, recorded by an op that saves nothing.
  func recording(_ x: Tensor) -> Tensor {
    .recorded(x.array, from: [x]) { dy in
      self.live.append(MemoryUse.live)
      return [dy]
    }
  }
}
