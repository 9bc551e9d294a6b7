import Autograd
import DataPipeline
import TestSupport
import Testing
import Training
import TrajLoomVAE

@testable import TrajLoomFlow

/// A world of points whose futures follow from what the generator is told, and from nothing else.
///
/// A latent is a place in the plane. Every token stands still, and then moves off in even steps:
/// along x as the text says, along y as the video says, half as far where the history was hidden at
/// its end. In a wild clip, which the text tells as well, the way along x is a coin's, for all
/// tokens of the clip alike.
private struct Plane {
  static let (steps, tokens, stride) = (3, 6, Float(1))
  private let random: Philox

  init(seed: UInt64) { random = Philox(seed: seed, stream: "plane") }

  struct Told {
    var right: Bool
    var down: Bool
    var wild: Bool
    /// By token, whether it was seen at the end of the history.
    var seen: [Bool]
  }

  /// Clips `number`...; each depends on its number alone.
  func batch(_ numbers: Range<Int>, _ change: (inout Told) -> Void = { _ in }) -> LatentBatch {
    let (steps, tokens) = (Self.steps, Self.tokens)
    var history: [Float] = []
    var future: [Float] = []
    var seen: [Float] = []
    var video: [Float] = []
    var text: [Float] = []
    for number in numbers {
      let u = random.uniform(4 + tokens, step: number)
      var told = Told(
        right: u[0] < 0.5, down: u[1] < 0.5, wild: u[2] < 0.5,
        seen: u[4...].map { $0 < 0.5 })
      change(&told)
      let places = random.normal([tokens, 2], step: number).scalars
      let way: Float = (told.wild ? u[3] < 0.5 : told.right) ? 1 : -1
      for step in 0..<steps {
        history += places
        for token in 0..<tokens {
          let far = Float(step + 1) * Self.stride * (told.seen[token] ? 1 : 0.5)
          future += [
            places[2 * token] + far * way, places[2 * token + 1] + far * (told.down ? 1 : -1),
          ]
          video += [told.down ? 1 : -1]
          seen.append(step < steps - 1 || told.seen[token] ? 1 : 0)
        }
      }
      text += [told.right ? 1 : -1, told.wild ? 1 : -1]
    }
    let shape = [numbers.count, steps, tokens]
    return LatentBatch(
      clips: numbers.map { "\($0)" }, captions: numbers.map { _ in "" },
      zHistory: NDArray(history, shape: shape + [2]), zFuture: NDArray(future, shape: shape + [2]),
      historyVisibility: NDArray(seen, shape: shape),
      futureVisibility: NDArray(repeating: 1, shape: shape),
      videoLatents: NDArray(video, shape: shape + [1]),
      textEmbedding: NDArray(text, shape: [numbers.count, 2]))
  }
}

/// A generator trained in the plane.
private struct Trained {
  let model: TrajectoryDiT
  let matching: FlowMatchingConfig
  private let scaling = LatentScaling(mean: [0, 0], deviation: [1, 1])

  /// - Parameter hints: whether it gets the two boundary hints.
  init(steps: Int, hints: Bool) throws {
    var config = TestConfigs.flow
    (config.latentChannels, config.videoLatentChannels, config.textEmbedDim) = (2, 1, 2)
    (config.videoSource, config.textSource) = (.precomputed, .precomputed)
    (config.hiddenSize, config.numHeads) = (32, 2)
    config.trackFusion = hints ? .addLastPlusVel : .none
    matching = FlowMatchingConfig(
      x0Mode: hints ? .anchorFirst : .noise, x0NoiseStd: 0.1, fmUseVisMask: true,
      fmInvisWeight: 0.01, fmSigma: 0, tSampling: .uniform, tSmallProb: 0.2, tSmallMax: 0.1)
    model = try TrajectoryDiT(config, seed: 3)
    let objective = FlowObjective(model, scaling, try TestConfigs.flowTraining(matching))
    let world = Plane(seed: 1)
    var optimizer = AdamW(weightDecay: 0)
    for step in 0..<steps {
      let batch = world.batch(16 * step..<16 * (step + 1))
      let decay = 1 - Double(step) / Double(steps)
      var (_, gradient) = valueWithGradient(at: model) { _ in
        objective.loss(batch, at: BatchPlace(number: step, slots: batch.clips.indices)).loss
      }
      _ = clip(&gradient, toNorm: 1)
      optimizer.update(model, along: gradient, learningRate: 4e-3 * decay)
    }
  }

  /// One future of every clip of a batch, [B, L, N, 2].
  func draw(_ batch: LatentBatch, number: Int) -> NDArray {
    let draws = FlowDraws(seed: UInt64(number), prefix: "test/")
    let source = draws.source(
      anchors: .init(batch, scaling), BatchPlace(number: 0, slots: batch.clips.indices),
      matching.x0Mode, noiseDeviation: Float(matching.x0NoiseStd)
    )
    let context = model.context(model.conditions(batch, scaling, keepsText: nil))
    return ODESolver.euler.solve(from: source, steps: 20) { z, time in
      model.velocity(z, time: [Float](repeating: time, count: batch.clips.count), context)
    }
  }

  /// How far futures lead from the end of the history, over tokens and clips: the mean along one
  /// axis, at the last step.
  func travel(_ batch: LatentBatch, axis: Int) -> Float {
    mean(moved(batch, number: 0), axis: axis)
  }

  func mean(_ way: NDArray, axis: Int) -> Float {
    Tensor(way).sliced(axis: 1, Plane.steps - 1..<Plane.steps).sliced(axis: 3, axis..<axis + 1)
      .mean().array.item
  }

  /// Futures minus the end of the history, [B, L, N, 2].
  func moved(_ batch: LatentBatch, number: Int) -> NDArray {
    let last = Tensor(batch.zHistory).sliced(axis: 1, Plane.steps - 1..<Plane.steps)
    return (Tensor(draw(batch, number: number)) - last).array
  }

  /// The root mean square step from the end of the history to the first future step, of samples and
  /// of the truth.
  func boundaryJump(_ batch: LatentBatch) -> (samples: Float, truth: Float) {
    let last = Tensor(batch.zHistory).sliced(axis: 1, Plane.steps - 1..<Plane.steps)
    func jump(_ future: NDArray) -> Float {
      let step = Tensor(future).sliced(axis: 1, 0..<1) - last
      return square(step).sum([3]).mean().array.item.squareRoot()
    }
    return (jump(draw(batch, number: 0)), jump(batch.zFuture))
  }

  /// How far two futures of the same clip are apart along x, a mean over clips.
  func spread(_ batch: LatentBatch) -> Float {
    let (a, b) = (Tensor(draw(batch, number: 1)), Tensor(draw(batch, number: 2)))
    return abs((a - b).sliced(axis: 3, 0..<1)).mean().array.item
  }
}

/// Conditions, hints and chance, in one test, because it takes a trained model.
@Test func aTrainedGeneratorUsesWhatItIsGiven() throws {
  let model = try Trained(steps: 500, hints: true)
  let world = Plane(seed: 2)
  func batch(_ change: (inout Plane.Told) -> Void) -> LatentBatch { world.batch(0..<64, change) }

  // A calm clip goes 3 along x where it is seen.
  func along(x right: Bool) -> Float {
    let told = batch { ($0.right, $0.wild, $0.seen) = (right, false, $0.seen.map { _ in true }) }
    return model.travel(told, axis: 0)
  }
  let (right, left) = (along(x: true), along(x: false))
  #expect(right > 2 && left < -2, "text: \(right) and \(left) for 3 and -3")

  func along(y down: Bool) -> Float {
    let told = batch { ($0.down, $0.seen) = (down, $0.seen.map { _ in true }) }
    return model.travel(told, axis: 1)
  }
  let (down, up) = (along(y: true), along(y: false))
  #expect(down > 2 && up < -2, "video: \(down) and \(up) for 3 and -3")

  func far(seen: Bool) -> Float {
    let told = batch { ($0.down, $0.seen) = (true, $0.seen.map { _ in seen }) }
    return model.travel(told, axis: 1)
  }
  let (near, whole) = (far(seen: false), far(seen: true))
  #expect(near < 2.1 && whole > 2.1, "visibility: \(near) and \(whole) for 1.5 and 3")

  let plain = world.batch(0..<64)
  let (jump, truth) = model.boundaryJump(plain)
  #expect(jump < 1.5 * truth, "boundary jump \(jump), of the truth \(truth)")

  let (calm, wild) = (
    model.spread(batch { $0.wild = false }), model.spread(batch { $0.wild = true })
  )
  #expect(calm > 0 && wild > 2 * calm, "spread \(calm) where it is told, \(wild) where it is not")
}

@Test func withoutItsHintsAGeneratorJumpsAtTheBoundary() throws {
  let plain = Plane(seed: 2).batch(0..<64)
  let with = try Trained(steps: 100, hints: true).boundaryJump(plain)
  let without = try Trained(steps: 100, hints: false).boundaryJump(plain)
  #expect(
    without.samples > 1.3 * with.samples,
    "\(with.samples) with the hints, \(without.samples) without, truth \(with.truth)")
}
