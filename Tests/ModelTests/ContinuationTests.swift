import Autograd
import DataPipeline
import TestSupport
import Testing

@testable import TrajLoomFlow
@testable import TrajLoomVAE

/// A generator that predicts endpoints, counted from a continuation that it is told of.
private func endpointModel(_ change: (inout FlowConfig) -> Void = { _ in }) throws -> TrajectoryDiT
{
  var config = TestConfigs.flow
  (config.useVideoCond, config.useTextCond, config.spatialCtxPool) = (false, false, 1)
  (config.prediction, config.useContinuationCond) = (.endpoint, true)
  change(&config)
  return try TrajectoryDiT(config, seed: 5)
}

private let history = TestConfigs.normal([2, 3, 6, 4], "history")
private let continued = TestConfigs.normal([2, 3, 6, 4], "continuation")
private func conditions() -> FlowConditions {
  FlowConditions(
    history: Tensor(history), historyVisibility: Tensor(NDArray(repeating: 1, shape: [2, 3, 6])),
    continuation: Tensor(continued))
}

@Test func anUntrainedEndpointIsTheContinuation() throws {
  let model = try endpointModel()
  let anchors = RectifiedFlow.Anchors(history: history, continuation: continued)
  let source = RectifiedFlow.source(
    noise: TestConfigs.normal([2, 3, 6, 4], "noise"),
    anchorNoise: TestConfigs.normal([2, 1, 6, 4], "anchor"), anchors: anchors, .continuation,
    noiseDeviation: 0.5)
  let apart = maxNormalizedError(source.scalars, continued.scalars)
  let context = model.context(conditions())
  for (solver, steps) in [(ODESolver.euler, 7), (.euler, 300), (.midpoint, 8)] {
    let end = solver.solve(from: source, steps: steps) { z, time in
      model.velocity(z, time: [time, time], context)
    }
    let left = maxNormalizedError(end.scalars, continued.scalars)
    #expect(apart > 0.1 && left < 1e-3, "\(solver): from \(apart) to \(left)")
  }
}

/// A drawing with noise in the input aims at the data all the same.
@Test func anEndpointIsTrainedTowardsTheDataFromAnyInput() {
  let z = Tensor(TestConfigs.normal([2, 3, 6, 4], "z"))
  let data = Tensor(TestConfigs.normal([2, 3, 6, 4], "data"))
  let way = RectifiedFlow.way(to: data, from: z, [0.5, 0.75])
  let reached = z + Tensor([0.5, 0.25], shape: [2, 1, 1, 1]) * way
  #expect(maxNormalizedError(reached.array.scalars, data.array.scalars) < 1e-5)
  let weights = RectifiedFlow.endpointWeights(
    NDArray(repeating: 1, shape: [2, 3, 6]), [0.5, 0.75])
  #expect(weights.scalars.first == 0.25 && weights.scalars.last == 0.0625)
}

@Test func theVelocityLeadsToThePredictedEndpoint() throws {
  let model = try endpointModel()
  TestConfigs.randomize(model)
  let plain = try endpointModel { $0.prediction = .velocity }
  try plain.load(model.stateDictionary())
  let z = Tensor(TestConfigs.normal([2, 3, 6, 4], "z"))
  let times: [Float] = [0.25, 0.5]
  let context = model.context(conditions())
  // The same network, its output as it is.
  let output = plain.velocity(z, time: times, context)
  let remaining = Tensor([0.75, 0.5], shape: [2, 1, 1, 1])
  let expected = (Tensor(continued) + output - z) / remaining
  let found = model.velocity(z, time: times, context)
  #expect(maxNormalizedError(found.array.scalars, expected.array.scalars) < 1e-5)
  // The time that remains is never taken for nothing.
  let last = model.velocity(z, time: [1, 1], context).array.scalars
  let isFinite = last.allSatisfy(\.isFinite)
  #expect(isFinite)
}

@Test func theContinuationReachesTheVelocity() throws {
  let model = try endpointModel()
  TestConfigs.randomize(model)
  let z = Tensor(TestConfigs.normal([2, 3, 6, 4], "z"))
  func output(_ continuation: NDArray) -> NDArray {
    var told = conditions()
    told.continuation = Tensor(continuation)
    // What is predicted beside the origin itself.
    let end = z + model.velocity(z, time: [0, 0], model.context(told))
    return (end - Tensor(continuation)).array
  }
  let shifted = (Tensor(continued) + 1).array
  #expect(maxNormalizedError(output(shifted).scalars, output(continued).scalars) > 1e-3)
}

@Test func everyFutureStepStartsAtTheLastOneOfTheHistory() {
  let source = RectifiedFlow.source(
    noise: NDArray(repeating: 1, shape: [2, 3, 6, 4]),
    anchorNoise: NDArray.zeros([2, 1, 6, 4]), anchors: .init(history: history), .anchorAll,
    noiseDeviation: 0.5)
  let last = Tensor(history).sliced(axis: 1, 2..<3)
  let expected = (last + Tensor(NDArray(repeating: 0.5, shape: [2, 3, 6, 4]))).array
  #expect(source.scalars == expected.scalars)
}

// MARK: A few of the tokens

@Test func aSubsetOfAllTokensIsTheWhole() throws {
  let model = try endpointModel()
  TestConfigs.randomize(model)
  // Every token once: draws in the middle of its share of the chance.
  let draws = (0..<6).map { (Float($0) + 0.5) / 6 }
  let subset = TokenSubset(
    surprise: NDArray(repeating: 1, shape: [2, 6]), uniforms: [draws, draws])
  #expect(subset.indices == [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]])
  #expect(subset.weights.scalars.allSatisfy { abs($0 - 1) < 1e-5 })
  let z = TestConfigs.normal([2, 3, 6, 4], "z")
  let whole = model.velocity(Tensor(z), time: [0.2, 0.6], model.context(conditions()))
  let some = model.velocity(
    Tensor(subset.of(z)), time: [0.2, 0.6], model.context(conditions(), tokens: subset))
  #expect(maxNormalizedError(some.array.scalars, whole.array.scalars) < 1e-5)
}

@Test func drawnTokensTakeTheirOwnPlacesAndValues() throws {
  let subset = TokenSubset(
    surprise: NDArray([0, 0, 9, 0, 0, 1, 1, 1, 1, 1, 1, 1], shape: [2, 6]),
    uniforms: [[0.3, 0.5, 0.99], [0.01, 0.5, 0.99]])
  #expect(subset.indices == [[2, 2, 5], [0, 3, 5]])
  let x = NDArray((0..<2 * 3 * 6).map { Float($0) }, shape: [2, 3, 6])
  #expect(
    subset.of(x).scalars
      == [2, 2, 5, 8, 8, 11, 14, 14, 17, 18, 21, 23, 24, 27, 29, 30, 33, 35])
}

/// Importance sampling: a weighted sum over drawn tokens is, on average, that over all of them.
@Test func weightsOfDrawnTokensKeepSumsAsTheyAre() {
  let surprise = NDArray([0, 0.1, 5, 0.2, 0, 1], shape: [1, 6])
  let values: [Float] = [3, 1, 4, 1, 5, 9]
  let random = Philox(seed: 4, stream: "tokens")
  var total = 0.0
  var ofThird = 0
  let rounds = 4000
  for round in 0..<rounds {
    let subset = TokenSubset(surprise: surprise, uniforms: [random.uniform(8, step: round)])
    for (token, weight) in zip(subset.indices[0], subset.weights.scalars) {
      total += Double(values[token] * weight)
      ofThird += token == 2 ? 1 : 0
    }
  }
  let mean = total / Double(rounds)
  #expect(abs(mean - 23) < 0.2, "\(mean) for 23")
  // 5 and the mean of 1.05, of 6.3 and 6 of those means.
  let share = Double(ofThird) / Double(8 * rounds)
  #expect(abs(share - 6.05 / 12.6) < 0.01, "\(share)")
}

// MARK: Correcting the continuation

private let path = NDArray((0..<9 * 4).map { Float($0) }, shape: [1, 9, 2, 2])

@Test func whatIsNotChangedGoesOnAsItWas() {
  let correction = ContinuationCorrection(
    correctContinuation: true, smoothFrames: 5, shrinkPx: 1)
  let decoded = TestConfigs.normal([1, 9, 2, 2], "decoded")
  let same = correction.apply(
    decoded, to: .init(continuation: path, decoded: decoded, curved: path)
  ).scalars
  #expect(same == path.scalars)
}

/// With smoothing and shrinking together: a change that is quadratic from its sixth frame on is kept
/// there, but for what is shrunk of it towards the curve.
@Test func smallChangesAreDroppedAndLargeOnesKept() {
  let correction = ContinuationCorrection(
    correctContinuation: true, smoothFrames: 5, shrinkPx: 2)
  let zeros = NDArray.zeros([1, 9, 2, 2])
  // Point 0 moves by 1 pixel at most, point 1 by 20.
  let decoded = NDArray(
    (0..<9).flatMap { frame in [Float(frame) / 8, 0, 20 * Float(frame) / 8, 0] },
    shape: [1, 9, 2, 2])
  func last(curvedBy shift: Float) -> (small: Float, large: Float) {
    let curved = (Tensor(path) + Tensor(NDArray(repeating: shift, shape: path.shape))).array
    let future = correction.apply(
      decoded, to: .init(continuation: path, decoded: zeros, curved: curved))
    let moved = (Tensor(future) - Tensor(path)).array.scalars
    return (moved[8 * 4], moved[8 * 4 + 2])
  }
  let straight = last(curvedBy: 0)
  #expect(straight.small == 0 && abs(straight.large - 20 * (1 - 4.0 / 400)) < 1e-3)
  // The small change is nearer than 2 to a curve 0.5 away, the large one further: 19.5 and 0.5 off.
  let bent = last(curvedBy: 0.5)
  let kept = 1 - 4 / (19.5 * 19.5 + 0.5 * 0.5)
  #expect(bent.small == 0.5 && abs(Double(bent.large) - (0.5 + 19.5 * kept)) < 1e-3)
}

/// A quadratic is its own smoothing but near its start, where it meets the frames that nothing
/// changes; of a saw of two frames (-2, 3, 6, 7, 6, 3, -2) / 21 leave 5 / 21.
@Test func smoothingKeepsQuadraticsAndDropsSaws() {
  let (frames, window) = (21, 7)
  let matrix = Tensor(ContinuationCorrection.smoothing(frames: frames, window: window))
  func smoothed(_ values: [Float]) -> [Float] {
    matmul(matrix, Tensor(values, shape: [frames, 1])).array.scalars
  }
  let quadratic = (0..<frames).map { 0.1 * Float($0 * $0) }
  let error = zip(smoothed(quadratic), quadratic).map { abs($0 - $1) }
  let isKept = error[4...].allSatisfy { $0 < 1e-3 }
  #expect(isKept, "\(error)")
  let saw = (0..<frames).map { Float($0 % 2 == 0 ? 1 : -1) }
  let left = zip(smoothed(saw), saw).map { $0 * $1 }[4..<frames - 4]
  let isLeft = left.allSatisfy { abs($0 - 5.0 / 21) < 1e-4 }
  #expect(isLeft, "\(left)")
}

/// The whole way through the sampler: what an untrained generator changes is nothing.
@Test(arguments: [0, 5]) func anUntrainedGeneratorsFutureIsTheContinuation(_ window: Int) throws {
  let vae = try TrajectoryVAE(TestConfigs.vae(.cell), seed: 1)
  TestConfigs.randomize(vae)
  let head = try VisibilityPredictor(
    VisibilityConfig(
      latentChannels: 4, hidden: 8, depth: 1, kernelSize: 3, useHistLast: false,
      useDeltaToHist: false), seed: 1)
  func draw(_ corrects: Bool) throws -> [Float] {
    let sampler = FutureSampler(
      flow: try endpointModel(), vae: vae, visibility: head,
      scaling: LatentScaling(mean: [0, 0, 0, 0], deviation: [1, 1, 1, 1]),
      matching: FlowMatchingConfig(
        x0Mode: .continuation, x0NoiseStd: 0.5, fmUseVisMask: true, fmInvisWeight: 0.01,
        fmSigma: 0, tSampling: .uniform, tSmallProb: 0, tSmallMax: 0),
      correction: ContinuationCorrection(
        correctContinuation: corrects, smoothFrames: window, shrinkPx: 0), solver: .euler, steps: 3,
      seed: 1)
    return sampler.draw(
      sampler.prepare(
        id: "a", tracks: moving, visibility: visible, caption: "", video: nil, text: nil), sample: 0
    ).positions
  }
  let expected = continuation(
    of: moving, visibility: visible, decay: 1, frames: 9, height: 16, width: 24
  ).scalars
  let error = maxNormalizedError(try draw(true), expected)
  #expect(error < 1e-4, "\(error)")
  // As it is decoded, the random VAE has it elsewhere.
  let decoded = maxNormalizedError(try draw(false), expected)
  #expect(decoded > 0.01, "\(decoded)")
}

private let moving = NDArray(
  (0..<9 * 6).flatMap { index -> [Float] in
    let (frame, point) = (Float(index / 6), Float(index % 6))
    return [2 + 3 * point + 0.1 * frame, 8 - 0.2 * frame]
  }, shape: [9, 6, 2])
private let visible = NDArray(repeating: 1, shape: [9, 6])
