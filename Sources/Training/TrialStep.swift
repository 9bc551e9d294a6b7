import Autograd
import Foundation

/// One step of a run that writes nothing: whether data, model and disk will do, and what they cost.
public struct TrialStep: Sendable {
  public let loss: Float
  public let gradientNorm: Float
  /// Of the step: the first is the slowest.
  public let seconds: Double
  /// Bytes of arrays at the most, optimiser and average included.
  public let arrayBytes: Int
  public let checkpointBytes: Int
  /// Bytes of the checkpoints that the run has still to write and keeps, and of one being written.
  public let diskBytes: Int
  /// Bytes free where the run will lie; nil where the system does not say.
  public let freeBytes: Int?

  /// - Parameters:
  ///   - path: the run's folder, which need not exist.
  ///   - checkpoint: where the run would go on; nil to start anew.
  /// - Throws: `ConfigError`, `TrainingError.numerical`, `TrainingError.resource` when the checkpoints
  ///   have no room, `TrainingError.checkpoint` for one of other data or another model, and whatever
  ///   making a batch throws.
  public init<O: Objective>(
    _ objective: O, _ batches: BatchSource<O.Batch>, _ config: TrainingConfig, at path: String,
    resuming checkpoint: Checkpoint? = nil
  ) throws {
    try config.check(objective)
    try checkpoint?.check(batches.data)
    if let checkpoint { _ = try checkpoint.load(.raw, into: objective.model) }
    checkpointBytes = CheckpointContents.byteCount(
      of: objective.model, averaged: config.emaDecay > 0)
    // A run that exists has written some of them already, into what is not free any more.
    let written = RunDirectory.checkpoints(in: path).count
    let (bytes, isTooMany) = max(1, Self.checkpoints(config) - written)
      .multipliedReportingOverflow(by: checkpointBytes)
    diskBytes = isTooMany ? .max : bytes
    freeBytes = DiskSpace.free(at: path)
    if let freeBytes, freeBytes < diskBytes {
      throw TrainingError.resource(
        "\(path): expected \(DiskSpace.text(diskBytes)) (\(diskBytes) bytes) free for checkpoints, "
          + "found \(DiskSpace.text(freeBytes)) (\(freeBytes) bytes); free space, keep fewer "
          + "(train.keep_last, keep_every), or put run.dir elsewhere")
    }
    MemoryUse.resetPeak()
    if batches.validationCount > 0 {
      _ = objective.evaluate(try batches.validation(0), index: 0)
    }
    var optimizer = AdamW(
      beta1: config.betas[0], beta2: config.betas[1], weightDecay: config.weightDecay)
    var average =
      config.emaDecay > 0
      ? ExponentialMovingAverage(of: objective.model, decay: config.emaDecay, warmsUp: true) : nil
    let start = ContinuousClock.now
    var (loss, gradient): (Float, [String: NDArray]) = (0, [:])
    let accumulation = config.gradientAccumulationSteps
    for micro in 0..<accumulation {
      let place = BatchPlace(number: micro, slots: 0..<config.batchSize)
      let batch = try batches.training(place)
      let ((value, part), origin) = findingNonFinite {
        valueWithGradient(at: objective.model) { _ in objective.loss(batch, at: place).loss }
      }
      guard value.isFinite, origin == nil else {
        throw TrainingError.numerical(
          step: 1, problem: "\(value.isFinite ? "the gradient" : "the loss") is not finite",
          clips: objective.clips(batch), origin: origin, canSkip: config.onNonfinite == .stop)
      }
      loss += value / Float(accumulation)
      accumulate(part, into: &gradient, scale: 1 / Float(accumulation))
    }
    let norm = clip(&gradient, toNorm: Float(config.clipGradNorm))
    let model = objective.model
    optimizer.update(
      model, along: gradient, learningRate: config.schedule.rate(base: config.learningRate, step: 0)
    )
    average?.update(model)
    seconds = (ContinuousClock.now - start) / .seconds(1)
    self.loss = loss
    gradientNorm = norm
    arrayBytes = MemoryUse.peak
  }

  /// How many checkpoints lie in a run's folder at the most.
  private static func checkpoints(_ config: TrainingConfig) -> Int {
    let beingWritten = 1
    let best = config.keepBest.isEmpty ? 0 : 1
    // Those of regular steps that are saved, too.
    let lasting =
      config.keepEvery > 0
      ? config.maxSteps / leastCommonMultiple(config.keepEvery, config.saveEvery) : 0
    return config.keepLast + beingWritten + best + lasting
  }
}

private func leastCommonMultiple(_ a: Int, _ b: Int) -> Int {
  var (x, y) = (a, b)
  while y != 0 { (x, y) = (y, x % y) }
  return (a / x).multipliedReportingOverflow(by: b).overflow ? .max : a / x * b
}
