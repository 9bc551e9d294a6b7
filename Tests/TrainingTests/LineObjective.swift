import Autograd
import Foundation

@testable import Training

/// A line fitted to noisy points: the smallest objective that uses everything a run has.
struct LineObjective: Objective {
  struct Line: Module {
    let layer: Linear
    @Buffer var shift: NDArray
    init() {
      var initializer = Initializer(seed: 3)
      layer = Linear(2, 1, &initializer)
      shift = NDArray([0.5], shape: [1])
    }
  }

  let model = Line()
  /// Batches whose loss is multiplied by something.
  var factors: [Int: Float] = [:]
  /// Called with the place of every batch before its loss is computed.
  var beforeLoss: (BatchPlace) -> Void = { _ in }

  let monitored = ["mse"]

  func loss(_ batch: NDArray, at place: BatchPlace) -> (loss: Tensor, terms: [Term]) {
    beforeLoss(place)
    let noise = Philox(seed: 1, stream: "noise").normal(
      [batch.shape[0], 1], step: place.number, firstSample: place.slots.lowerBound)
    let target = Tensor(batch).sum([1], keepingAxes: true) + 0.01 * Tensor(noise)
    var loss = square(model.layer(Tensor(batch)) + Tensor(model.shift) - target).mean()
    if let factor = factors[place.number] { loss = loss * factor }
    return (loss, [Term("mse", loss.array.item)])
  }

  func evaluate(_ batch: NDArray, index: Int) -> [PooledMetric] {
    let place = BatchPlace(number: 1000, slots: 0..<batch.shape[0])
    return [
      PooledMetric("mse", sum: Double(loss(batch, at: place).loss.array.item), count: 1),
      PooledMetric("nothing", sum: 0, count: 0),
    ]
  }

  func clips(_ batch: NDArray) -> [String] { ["clip"] }

  /// - Parameter files: the data's fingerprint.
  static func batches(
    _ files: [String: String] = ["a.h5": "1"], validation: Int = 1,
    before: @escaping @Sendable (BatchPlace) throws -> Void = { _ in }
  ) -> BatchSource<NDArray> {
    let make: @Sendable (BatchPlace) -> NDArray = {
      Philox(seed: 2, stream: "batch").normal(
        [$0.slots.count, 2], step: $0.number, firstSample: $0.slots.lowerBound)
    }
    return BatchSource(
      training: {
        try before($0)
        return make($0)
      }, validationCount: validation,
      validation: { make(BatchPlace(number: 500 + $0, slots: 0..<4)) },
      data: DataFingerprint(files))
  }
}

extension TrainingConfig {
  /// Two micro-batches of 4 a step; validates and saves every 4 steps.
  static func line(steps: Int, _ change: (inout TrainingConfig) -> Void = { _ in })
    -> TrainingConfig
  {
    var config = TrainingConfig(
      maxSteps: steps, maxMinutes: 0, batchSize: 4, gradientAccumulationSteps: 2,
      learningRate: 0.02, betas: [0.9, 0.999], weightDecay: 0.01, clipGradNorm: 1,
      lrSchedule: .warmup, warmupSteps: 3, minLr: 0, emaDecay: 0.9, seed: 1,
      activationCheckpointing: .none, logEvery: 1, valEvery: 4, valMaxBatches: 1, saveEvery: 4,
      keepLast: 2, keepEvery: 0, keepBest: "", previewEvery: 0, prefetchBatches: 2,
      onNonfinite: .stop, lossSpikeZscore: 0)
    change(&config)
    return config
  }
}

/// Trains the line in `folder`.
@discardableResult
func trainLine(
  _ folder: String, steps: Int, resume: Bool = false,
  batches: BatchSource<NDArray> = LineObjective.batches(),
  objective: LineObjective = LineObjective(), reporter: (any RunReporter)? = nil,
  _ change: (inout TrainingConfig) -> Void = { _ in }
) throws -> TrainingRun<LineObjective>.Outcome {
  let directory = try RunDirectory(folder)
  let checkpoint =
    resume ? try directory.newestIntactCheckpoint(isStrict: false, announce: { _ in }) : nil
  var run = try TrainingRun(
    objective, batches, .line(steps: steps, change), configText: "{}", in: directory,
    resuming: checkpoint, reporter: reporter)
  return try run.run()
}

func bytes(_ path: String) -> Data? { FileManager.default.contents(atPath: path) }

/// The steps of the checkpoints in a run's folder.
func savedSteps(_ folder: String) -> [Int] {
  RunDirectory.checkpoints(in: folder).compactMap { Int($0.suffix(7)) }
}
