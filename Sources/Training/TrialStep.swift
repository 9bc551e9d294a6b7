import Autograd
import Foundation

/// One step of a run that writes nothing: whether data, model and disk will do, and what they cost.
public struct TrialStep: Sendable {
  public let loss: Float
  public let gradientNorm: Float
  /// Of the step, the first and slowest, without its validation batch.
  public let seconds: Double
  /// Bytes of arrays at the most, optimiser and average included.
  public let arrayBytes: Int
  public let checkpointBytes: Int
  /// Bytes of all checkpoints that the run keeps, and of the one being written.
  public let diskBytes: Int
  /// Bytes free where the run will lie; nil where the system does not say.
  public let freeBytes: Int?

  /// - Parameter path: the run's folder, which need not exist.
  /// - Throws: `ConfigError`, `TrainingError.numerical`, `TrainingError.resource` when the checkpoints have no room,
  ///   and whatever making a batch throws.
  public init<O: Objective>(
    _ objective: O, _ batches: BatchSource<O.Batch>, _ config: TrainingConfig, at path: String
  ) throws {
    try config.check(objective)
    checkpointBytes = CheckpointContents.byteCount(
      of: objective.model, averaged: config.emaDecay > 0)
    // A run that exists has written some of them already, into what is not free any more.
    let written = RunDirectory.checkpoints(in: path).count
    diskBytes = max(2, Self.checkpoints(config) - written) * checkpointBytes
    freeBytes = DiskSpace.free(at: path)
    if let freeBytes, freeBytes < diskBytes {
      throw TrainingError.resource(
        "\(path): expected \(DiskSpace.text(diskBytes)) (\(diskBytes) bytes) free for checkpoints, "
          + "found \(DiskSpace.text(freeBytes)) (\(freeBytes) bytes); free space, keep fewer "
          + "(train.keep_last, keep_every), or put run.dir elsewhere")
    }
    if batches.validationCount > 0 {
      _ = objective.evaluate(try batches.validation(0), index: 0)
    }
    let place = BatchPlace(number: 0, slots: 0..<config.batchSize)
    let batch = try batches.training(place)
    var optimizer = AdamW(
      beta1: config.betas[0], beta2: config.betas[1], weightDecay: config.weightDecay)
    var average =
      config.emaDecay > 0
      ? ExponentialMovingAverage(of: objective.model, decay: config.emaDecay, warmsUp: true) : nil
    MemoryUse.resetPeak()
    let start = ContinuousClock.now
    var ((loss, gradient), origin) = findingNonFinite {
      valueWithGradient(at: objective.model) { _ in objective.loss(batch, at: place).loss }
    }
    let norm = clip(&gradient, toNorm: Float(config.clipGradNorm))
    guard loss.isFinite, norm.isFinite else {
      throw TrainingError.numerical(
        step: 1, problem: "\(loss.isFinite ? "the gradient" : "the loss") is not finite",
        clips: objective.clips(batch), origin: origin)
    }
    let model = objective.model
    optimizer.update(
      model, along: gradient, learningRate: config.schedule.rate(base: config.learningRate, step: 0)
    )
    average?.update(model)
    seconds =
      (ContinuousClock.now - start) / .seconds(1) * Double(config.gradientAccumulationSteps)
    self.loss = loss
    gradientNorm = norm
    arrayBytes = MemoryUse.peak
  }

  /// How many checkpoints lie in a run's folder at the most.
  private static func checkpoints(_ config: TrainingConfig) -> Int {
    let beingWritten = 1
    let best = config.keepBest.isEmpty ? 0 : 1
    let lasting = config.keepEvery > 0 ? config.maxSteps / config.keepEvery : 0
    return config.keepLast + beingWritten + best + lasting
  }
}
