import Autograd
import TestSupport
import Testing

@testable import TrajLoomFlow
@testable import TrajLoomVAE

private func conditions(_ batch: Int) -> FlowConditions {
  let frames = TestConfigs.normal([batch, 9, 4, 6, 3], "video")
  return FlowConditions(
    history: Tensor(TestConfigs.normal([batch, 3, 6, 4], "history")),
    historyVisibility: Tensor(NDArray(repeating: 1, shape: [batch, 3, 6])),
    video: Tensor(frames), text: nil)
}

private func model(_ change: (inout FlowConfig) -> Void = { _ in }) throws -> TrajectoryDiT {
  var config = TestConfigs.flow
  change(&config)
  let model = try TrajectoryDiT(config, seed: 5)
  TestConfigs.randomize(model)
  return model
}

private func velocity(_ model: TrajectoryDiT, _ conditions: FlowConditions) -> [Float] {
  let z = Tensor(TestConfigs.normal([2, 3, 6, 4], "z"))
  return model.velocity(z, time: [0.3, 0.8], model.context(conditions)).array.scalars
}

@Test func flowOverfitsOneBatch() throws {
  let model = try TrajectoryDiT(TestConfigs.flow, seed: 5)
  let data = TestConfigs.normal([2, 3, 6, 4], "data")
  let source = TestConfigs.normal([2, 3, 6, 4], "source")
  let weights = RectifiedFlow.tokenWeights(
    NDArray(repeating: 1, shape: [2, 3, 6]), invisibleWeight: 0.01)
  let target = Tensor(data) - Tensor(source)
  var optimizer = AdamW(weightDecay: 0)
  var losses: [Float] = []
  for step in 0..<120 {
    let time = Philox(seed: 6, stream: "time").uniform(2, step: step)
    var (loss, gradient) = valueWithGradient(at: model) { model in
      let text = model.textEncoder!(["two red discs", "a panning camera"])
      var own = conditions(2)
      own.text = text
      let z = Tensor(RectifiedFlow.interpolate(source, data, time))
      return RectifiedFlow.loss(
        model.velocity(z, time: time, model.context(own)), target: target, weights: weights)
    }
    _ = clip(&gradient, toNorm: 1)
    optimizer.update(model, along: gradient, learningRate: 5e-3)
    losses.append(loss)
  }
  #expect(losses.last! < 0.2 * losses.first!, "\(losses.first!) -> \(losses.last!)")
}

@Test func everyConditionReachesTheVelocity() throws {
  let model = try model()
  let base = velocity(model, conditions(2))
  var changed = conditions(2)
  changed.historyVisibility = Tensor(NDArray.zeros([2, 3, 6]))
  #expect(velocity(model, changed) != base, "history visibility")
  changed = conditions(2)
  changed.video = nil
  #expect(velocity(model, changed) != base, "video")
  changed = conditions(2)
  changed.text = model.textEncoder!(["one", "two words"])
  #expect(velocity(model, changed) != base, "text")
  changed = conditions(2)
  changed.history = changed.history * 1.1
  #expect(velocity(model, changed) != base, "history")
}

/// Every switch of the configuration makes another model that still runs, forward and backward.
private let switches: [(String, @Sendable (inout FlowConfig) -> Void)] = [
  ("no video", { c in c.useVideoCond = false }),
  ("video summed", { c in c.videoCtxMode = .sum }), ("no text", { c in c.useTextCond = false }),
  ("no visibility", { c in c.useHistVisCond = false }),
  ("no fusion", { c in c.trackFusion = .none }),
  ("fusion of the last step", { c in c.trackFusion = .addLast }),
  ("no gate", { c in c.trackFusionUseTimeGate = false }),
  ("video fusion", { c in c.videoFusion = .addLast }),
  ("no spatial context", { c in c.spatialCtxMode = .none }),
  ("time mean", { c in c.spatialCtxMode = .timeMean }),
  ("two last steps", { c in c.spatialCtxLastK = 2 }),
  ("track context only", { c in c.spatialCtxIncludeVideo = false }),
  ("spatial first", { c in c.temporalFirst = false }), ("overlap", { c in c.useOverlap = true }),
]

@Test(arguments: switches)
func everySwitchChangesTheModel(_ name: String, _ change: @Sendable (inout FlowConfig) -> Void)
  throws
{
  let base = velocity(try model(), conditions(2))
  let other = try model(change)
  // Without text input the text switch shows in the weights alone.
  if name == "no text" {
    #expect(other.textProj == nil && other.textEncoder == nil)
  } else {
    #expect(velocity(other, conditions(2)) != base)
  }
  let (_, gradient) = valueWithGradient(at: other) { model in
    let z = Tensor(TestConfigs.normal([2, 3, 6, 4], "z"))
    return square(model.velocity(z, time: [0.3, 0.8], model.context(conditions(2)))).sum()
  }
  #expect(gradient.values.allSatisfy { $0.scalars.allSatisfy(\.isFinite) })
  #expect(gradient["in_proj.weight"] != nil)
}

@Test func videoEncodingIsCausal() throws {
  let model = try model()
  let encoder = try #require(model.videoEncoder)
  let frames = TestConfigs.normal([1, 9, 4, 6, 3], "video")
  let base = encoder(Tensor(frames)).array.scalars
  // Frame 5 is the first that latent 2 sees; latents 0 and 1 must not change.
  var changed = frames.scalars
  for i in 5 * 72..<6 * 72 { changed[i] += 1 }
  let other = encoder(Tensor(changed, shape: frames.shape)).array.scalars
  #expect(Array(base.prefix(2 * 6 * 4)) == Array(other.prefix(2 * 6 * 4)))
  #expect(base != other)
}

@Test func captionsAreHashedIntoWordsAndPairs() throws {
  #expect(TextHashEncoder.features("Two red, DISCS") == TextHashEncoder.features("two red discs"))
  #expect(TextHashEncoder.features("two red discs").count == 5)
  let encoder = try #require(try model().textEncoder)
  let rows = encoder(["", "red disc", "red disc"]).array.scalars
  #expect(rows.prefix(8).allSatisfy { $0 == 0 } && rows[8..<16] == rows[16..<24])
}

@Test func onPolicyContextPrefixMatchesASmallerBatch() throws {
  let model = try model()
  let both = model.context(conditions(2)).prefix(1)
  var one = conditions(2)
  one.history = one.history.sliced(axis: 0, 0..<1)
  one.historyVisibility = one.historyVisibility!.sliced(axis: 0, 0..<1)
  one.video = one.video!.sliced(axis: 0, 0..<1)
  let z = Tensor(TestConfigs.normal([1, 3, 6, 4], "z"))
  let a = model.velocity(z, time: [0.4], both).array.scalars
  let b = model.velocity(z, time: [0.4], model.context(one)).array.scalars
  #expect(maxNormalizedError(a, b) < 1e-5)
}

@Test func solversConvergeAtTheirOrders() {
  // dz/dt = z from 1: e at t = 1.
  func error(_ solver: ODESolver, _ steps: Int) -> Double {
    let z = solver.solve(from: NDArray([1], shape: [1]), steps: steps) { z, _ in z }
    return abs(Double(z.scalars[0]) - 2.718281828459045)
  }
  for (solver, order) in [(ODESolver.euler, 1.0), (.heun, 2), (.midpoint, 2)] {
    let ratio = error(solver, 8) / error(solver, 16)
    #expect(abs(ratio - Double(1 << Int(order))) < 0.5, "\(solver): \(ratio)")
  }
  #expect(error(.rk4, 8) < 1e-5)
}

@Test func samplesDependOnSeedClipAndNumberAlone() throws {
  let vae = try TrajectoryVAE(TestConfigs.vae(.cell), seed: 1)
  TestConfigs.randomize(vae)
  let head = try VisibilityPredictor(
    VisibilityConfig(
      latentChannels: 4, hidden: 8, depth: 1, kernelSize: 3, useHistLast: true, useDeltaToHist: true
    ),
    seed: 1)
  let flow = try model { $0.useVideoCond = false }
  func sampler(seed: UInt64) -> FutureSampler {
    FutureSampler(
      flow: flow, vae: vae, visibility: head,
      scaling: LatentScaling(mean: [0, 0, 0, 0], deviation: [1, 1, 1, 1]),
      matching: FlowMatchingConfig(
        x0Mode: .anchorFirst, x0NoiseStd: 0.1, fmUseVisMask: true, fmInvisWeight: 0.01, fmSigma: 0,
        tSampling: .uniform, tSmallProb: 0, tSmallMax: 0),
      correction: ContinuationCorrection(
        correctContinuation: false, smoothFrames: 0, shrinkPx: 0), solver: .euler, steps: 3,
      seed: seed)
  }
  func draw(_ sampler: FutureSampler, _ id: String, _ number: Int) -> [Float] {
    let tracks = TestConfigs.normal([9, 6, 2], "tracks")
    let clip = sampler.prepare(
      id: id, tracks: tracks, visibility: NDArray(repeating: 1, shape: [9, 6]), caption: "a disc",
      video: nil, text: nil)
    return sampler.draw(clip, sample: number).positions
  }
  let base = draw(sampler(seed: 1), "a", 1)
  _ = draw(sampler(seed: 1), "b", 0)
  #expect(draw(sampler(seed: 1), "a", 1) == base)
  #expect(draw(sampler(seed: 1), "a", 0) != base)
  #expect(draw(sampler(seed: 1), "b", 1) != base)
  #expect(draw(sampler(seed: 2), "a", 1) != base)
  #expect(base.count == 9 * 6 * 2)
}
