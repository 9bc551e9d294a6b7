import DataPipeline
import Foundation
import TestSupport
import Testing
import Training

@testable import Autograd
@testable import TrajLoomVAE

/// Points that start on the grid and drift smoothly: [B, 9, 6, 2] normalised, and all visible.
private func drifting(_ model: TrajectoryVAE, batch: Int = 2) -> (
  points: NDArray, visibility: NDArray
) {
  let velocity = TestConfigs.normal([batch, 1, 6, 2], "velocity")
  let time = Tensor((0..<9).map { Float($0) * 0.02 }, shape: [9, 1, 1])
  let start = Tensor(model.anchor.origin)
  let points = start + time * Tensor(velocity)
  return (points.array, NDArray(repeating: 1, shape: [batch, 9, 6]))
}

@Test(arguments: [VAEConfig.Encoding.pixel, .cell])
func vaeOverfitsOneBatch(_ encoding: VAEConfig.Encoding) throws {
  let model = try TrajectoryVAE(TestConfigs.vae(encoding, hidden: 32), seed: 3)
  let (points, visibility) = drifting(model)
  var optimizer = AdamW(weightDecay: 0)
  var losses: [Float] = []
  for step in 0..<150 {
    let noise = Philox(seed: 4, stream: "noise").normal(model.latentShape(batch: 2), step: step)
    var (loss, gradient) = valueWithGradient(at: model) {
      $0.loss(points: points, visibility: visibility, noise: noise, VAELossConfig()).total
    }
    _ = clip(&gradient, toNorm: 1)
    optimizer.update(model, along: gradient, learningRate: 3e-3)
    losses.append(loss)
  }
  #expect(losses.last! < 0.35 * losses.first!, "\(losses.first!) -> \(losses.last!)")
}

@Test func blockCheckpointingGivesTheSameGradient() throws {
  let config = TestConfigs.vae(.cell)
  let (plain, saving) = (
    try TrajectoryVAE(config, seed: 3), try TrajectoryVAE(config, seed: 3, checkpointsBlocks: true)
  )
  for model in [plain, saving] { TestConfigs.randomize(model) }
  let (points, visibility) = drifting(plain)
  let noise = TestConfigs.normal(plain.latentShape(batch: 2), "noise")
  func gradient(_ model: TrajectoryVAE) -> (value: Float, gradient: [String: NDArray]) {
    valueWithGradient(at: model) {
      $0.loss(points: points, visibility: visibility, noise: noise, VAELossConfig()).total
    }
  }
  let (a, b) = (gradient(plain), gradient(saving))
  #expect(a.value == b.value)
  #expect(a.gradient.keys.sorted() == b.gradient.keys.sorted())
  for (name, array) in a.gradient {
    #expect(maxNormalizedError(b.gradient[name]!.scalars, array.scalars) < 1e-6, "\(name)")
  }
}

/// Several blocks of rows, queries and cells, so that there is work to share.
@Test(arguments: [false, true])
func aStepIsTheSameOnOneThreadAndOnThree(_ checkpoints: Bool) throws {
  var config = TestConfigs.vae(.pixel)
  (config.inputHeight, config.inputWidth) = (64, 96)
  let model = try TrajectoryVAE(config, seed: 3, checkpointsBlocks: checkpoints)
  TestConfigs.randomize(model)
  let points = TestConfigs.normal([1, 9, 96, 2], "points")
  let visibility = NDArray(repeating: 1, shape: [1, 9, 96])
  let noise = TestConfigs.normal(model.latentShape(batch: 1), "noise")
  func step(threads: Int) -> (value: Float, gradient: [String: NDArray]) {
    ThreadPool.$limit.withValue(threads) {
      valueWithGradient(at: model) {
        $0.loss(points: points, visibility: visibility, noise: noise, VAELossConfig()).total
      }
    }
  }
  let (one, three) = (step(threads: 1), step(threads: 3))
  #expect(one.value == three.value)
  for (name, array) in one.gradient {
    let isSame = array.scalars == three.gradient[name]!.scalars
    #expect(isSame, "\(name)")
  }
}

@Test func staticPointsAreZeroInTheCellEncoding() throws {
  let model = try TrajectoryVAE(TestConfigs.vae(.cell), seed: 1)
  let still = Tensor(model.anchor.origin).broadcast(to: [1, 9, 6, 2])
  // A fresh model's last layer is zero: it reconstructs exactly the query points.
  #expect(model.decodePoints(model.encode(still.array).mean).array.scalars == still.array.scalars)
  let pixels = model.anchor.denormalize(model.anchor.origin).scalars
  #expect(maxNormalizedError(pixels, [0, 0, 8, 0, 16, 0, 0, 8, 8, 8, 16, 8]) < 1e-6)
}

@Test func invisiblePointsDoNotReachTheFieldLoss() throws {
  let model = try TrajectoryVAE(TestConfigs.vae(.cell), seed: 1)
  TestConfigs.randomize(model)
  let (points, _) = drifting(model, batch: 1)
  let noise = TestConfigs.normal(model.latentShape(batch: 1), "noise")
  let nothing = NDArray.zeros([1, 9, 6])
  let (total, terms) = model.loss(
    points: points, visibility: nothing, noise: noise, VAELossConfig())
  #expect(terms.reconstruction == 0 && terms.velocity == 0 && terms.neighbor == 0)
  #expect(total.array.item.isFinite)
}

/// The same numbers whenever it comes, with noise of its own.
@Test func validationIsDeterministic() throws {
  let model = try TrajectoryVAE(TestConfigs.vae(.cell), seed: 1)
  TestConfigs.randomize(model)
  let shape = [2, 9, 2, 3]
  let batch = TrackBatch(
    clips: ["a", "b"], tracks: (8 * Tensor(TestConfigs.normal(shape + [2], "tracks"))).array,
    visibility: NDArray(repeating: 1, shape: shape))
  func evaluate(seed: UInt64, index: Int = 0) -> [String: Double] {
    let metrics = VAEObjective(model, VAELossConfig(), seed: seed).evaluate(batch, index: index)
    return Dictionary(uniqueKeysWithValues: metrics.map { ($0.name, $0.sum / $0.count) })
  }
  let (first, again) = (evaluate(seed: 7), evaluate(seed: 7))
  let (other, next) = (evaluate(seed: 8), evaluate(seed: 7, index: 1))
  #expect(first == again && first.keys.sorted() == ["loss", "vepe_px"])
  // The reconstruction comes from the posterior's mean, the loss from a draw.
  #expect(first["vepe_px"] == other["vepe_px"] && first["vepe_px"] == next["vepe_px"])
  #expect(first["loss"] != other["loss"] && first["loss"] != next["loss"])
  let training = VAEObjective(model, VAELossConfig(), seed: 7).loss(
    batch, at: BatchPlace(number: 0, slots: batch.clips.indices)
  ).loss
  #expect(Double(training.array.item) != first["loss"])
}

/// The paper's toy (Fig. 7): a line against a shifted and against a jittering copy. The
/// reconstruction term cannot tell them apart, the velocity term can: 0.005 and 0.005 against 0 and
/// 0.4.
///
/// Both coordinates go along t and are off by 0.1. A displacement is then off by 0.2 in each, and
/// L1 sums the two to 0.4; no other cost does so: 0.08 squared, 0.04 Huber, 0.28 Euclidean.
@Test(arguments: [(PairCost.l1, 0.4), (.sq, 0.08), (.huber, 0.04), (.l2, 0.08.squareRoot())])
func velocityTellsJitterFromShift(_ cost: PairCost, _ expected: Double) {
  let frames = 41
  func terms(_ error: (Int) -> Float) -> (reconstruction: Float, velocity: Float) {
    func line(_ error: (Int) -> Float) -> NDArray {
      NDArray(
        (0..<frames).flatMap { [Float($0) + error($0), Float($0) + error($0)] },
        shape: [1, frames, 1, 2])
    }
    let terms = gridFieldLoss(
      prediction: Tensor(line(error)), target: line { _ in 0 }, ramp: NDArray.zeros([1, 1, 2]),
      mask: NDArray(repeating: 1, shape: [1, frames, 1]),
      GridFieldLoss(
        rows: 1, columns: 1, patch: 1, cost: cost, velocityWeight: 1, neighborWeight: 1)
    ).terms
    return (terms.reconstruction[0], terms.velocity[0])
  }
  let shift = terms { _ in 0.1 }
  let jitter = terms { $0 % 2 == 0 ? 0.1 : -0.1 }
  #expect(abs(shift.reconstruction - 0.005) < 1e-6 && abs(shift.velocity) < 1e-6)
  #expect(abs(jitter.reconstruction - 0.005) < 1e-6)
  #expect(abs(jitter.velocity - Float(expected)) < 2e-5, "\(cost): \(jitter.velocity)")
}

private let faults: [(String, @Sendable (inout VAEConfig) -> Void)] = [
  ("num_frames_in", { c in c.numFramesIn = 10 }),
  ("num_frames_latent", { c in c.numFramesLatent = 4 }),
  ("input_width", { c in c.inputWidth = 25 }), ("encoder_depth", { c in c.encoderDepth = 3 }),
  ("num_heads", { c in c.numHeads = 3 }), ("learn_sigma", { c in c.learnSigma = true }),
]

@Test(arguments: faults)
func impossibleVAEsAreRefused(_ key: String, _ change: @Sendable (inout VAEConfig) -> Void) {
  var config = TestConfigs.vae(.pixel)
  change(&config)
  do {
    _ = try TrajectoryVAE(config, seed: 0)
    Issue.record("\(key) was accepted")
  } catch {
    #expect("\(error)".contains("vae.\(key)"), "\(error)")
  }
}

@Test func statisticsScaleLatentsToUnitDeviation() throws {
  let history = TestConfigs.normal([4, 3, 6, 2], "h")
  let future = (Tensor(TestConfigs.normal([4, 3, 6, 2], "f")) * 3 + 1).array
  var (a, b) = (LatentMoments(channels: 2), LatentMoments(channels: 2))
  a.add(history)
  b.add(future)
  let path = try TemporaryFolder.path("latent_stats.json")
  try LatentStatistics(history: a, future: b).json().write(to: URL(fileURLWithPath: path))
  let scaling = try LatentStatistics.read(path).scaling(source: path)
  let all = concatenated([Tensor(history), Tensor(future)], axis: 0)
  let scaled = Tensor(scaling.scale(all.array))
  for (mean, square) in zip(
    scaled.mean([0, 1, 2]).array.scalars, square(scaled).mean([0, 1, 2]).array.scalars)
  {
    #expect(abs(mean) < 1e-5 && abs(square - 1) < 1e-4)
  }
  #expect(maxNormalizedError(scaling.unscale(scaled.array).scalars, all.array.scalars) < 1e-6)

  // What nothing is computed with is right too: all channels together, and the extremes.
  let text = try #require(FileManager.default.contents(atPath: path))
  let json = try #require(try JSONSerialization.jsonObject(with: text) as? [String: Any])
  let block = try #require(json["z_all"] as? [String: Any])
  let channels = try #require(block["per_channel"] as? [String: Any])
  let values = all.array.scalars.map { Double($0) }
  let mean = values.reduce(0, +) / Double(values.count)
  let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
  for (key, expected) in [
    ("count", Double(values.count)), ("mean", mean), ("std", variance.squareRoot()),
    ("min", values.min()!), ("max", values.max()!),
  ] { #expect(abs((block[key] as? Double ?? .nan) - expected) < 1e-5, "\(key)") }
  let second = stride(from: 1, to: values.count, by: 2).map { values[$0] }
  for (key, expected) in [("min", second.min()!), ("max", second.max()!)] {
    #expect(abs(((channels[key] as? [Double])?[1] ?? .nan) - expected) < 1e-6, "\(key)")
  }
  #expect(abs((json["suggested_latent_scale"] as? Double ?? 0) - 1 / variance.squareRoot()) < 1e-5)
  var flat = LatentMoments(channels: 1)
  flat.add(NDArray(repeating: 2, shape: [5, 1]))
  #expect(throws: (any Error).self) {
    try LatentStatistics(history: flat, future: flat).scaling(source: "s")
  }
}
