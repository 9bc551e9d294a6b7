import Autograd

/// Where runs are kept and what this one is called.
public struct RunConfig: Codable, Sendable, Equatable {
  public var dir: String
  public var name: String

  public init(dir: String, name: String) {
    self.dir = dir
    self.name = name
  }
}

/// The part of a `train` block that every objective shares.
public struct TrainingConfig: Codable, Sendable, Equatable {
  public enum Schedule: String, ConfigChoice { case constant, warmup, cosine }
  public enum ActivationCheckpointing: String, ConfigChoice { case none, block }
  public enum NonFinitePolicy: String, ConfigChoice { case stop, skip }

  public var maxSteps: Int
  /// Minutes of training after which the run ends as if at `maxSteps`; 0 for no limit.
  public var maxMinutes: Double
  public var batchSize: Int
  public var gradientAccumulationSteps: Int
  public var learningRate: Double
  public var betas: [Double]
  public var weightDecay: Double
  public var clipGradNorm: Double
  public var lrSchedule: Schedule
  public var warmupSteps: Int
  public var minLr: Double
  /// Decay of the weights' moving average; 0 for none.
  public var emaDecay: Double
  public var seed: UInt64
  public var activationCheckpointing: ActivationCheckpointing
  public var logEvery: Int
  public var valEvery: Int
  public var valMaxBatches: Int
  public var saveEvery: Int
  /// How many of the newest checkpoints are kept, at least 2.
  public var keepLast: Int
  /// Those of every so many steps are kept too; 0 for none.
  public var keepEvery: Int
  /// The validation quantity by whose lowest value a checkpoint is saved and kept too; "" for none.
  public var keepBest: String
  /// The report gets new pictures with the first validation after every so many steps; 0 for none.
  public var previewEvery: Int
  /// How many finished batches may wait for the step that takes them.
  public var prefetchBatches: Int
  /// What to do when a loss or gradient is not finite: stop, or skip the step. The tenth in a row
  /// stops.
  public var onNonfinite: NonFinitePolicy
  /// Skips steps whose loss lies so many deviations above the mean of the last ones; 0 for none.
  public var lossSpikeZscore: Double

  /// What the authors' configurations do not say of keeping a run safe, as JSON by key.
  package static let publishedFilling = [
    "train.keep_last": "2", "train.keep_every": "0", "train.keep_best": "\"\"",
    "train.preview_every": "0", "train.prefetch_batches": "2", "train.on_nonfinite": "\"stop\"",
    "train.loss_spike_zscore": "0.0",
  ]

  /// Keys that a resumed run may change: they do not alter what a step computes from finite numbers.
  /// The length of a cosine schedule does. Data may move: what it is has a fingerprint.
  public var harmlessKeys: Set<String> {
    let keys: Set<String> = [
      "run", "sample", "data.path", "data.vae", "data.latents", "train.max_minutes",
      "train.log_every", "train.val_every",
      "train.val_max_batches", "train.save_every", "train.keep_last", "train.keep_every",
      "train.keep_best", "train.preview_every", "train.prefetch_batches", "train.on_nonfinite",
    ]
    return lrSchedule == .cosine ? keys : keys.union(["train.max_steps"])
  }

  /// - Throws: `ConfigError` that names the first key that does not fit.
  public func validate() throws {
    func check(_ holds: Bool, _ key: String, _ expected: String, _ found: Any) throws {
      guard holds else {
        throw ConfigError(key: "train.\(key)", expected: expected, found: "\(found)")
      }
    }
    try check(maxSteps > 0, "max_steps", "a positive number", maxSteps)
    try check(maxMinutes >= 0, "max_minutes", "a number >= 0", maxMinutes)
    try check(batchSize > 0, "batch_size", "a positive number", batchSize)
    try check(
      gradientAccumulationSteps > 0, "gradient_accumulation_steps", "a positive number",
      gradientAccumulationSteps)
    try check(
      learningRate > 0 && learningRate.isFinite, "learning_rate", "a positive number", learningRate)
    try check(
      betas.count == 2 && betas.allSatisfy { (0..<1).contains($0) }, "betas",
      "two numbers in [0, 1)", betas)
    try check(weightDecay >= 0, "weight_decay", "a number >= 0", weightDecay)
    try check(clipGradNorm > 0, "clip_grad_norm", "a positive number", clipGradNorm)
    try check(warmupSteps >= 0, "warmup_steps", "a number >= 0", warmupSteps)
    try check(minLr >= 0 && minLr <= learningRate, "min_lr", "0 to learning_rate", minLr)
    try check((0..<1).contains(emaDecay), "ema_decay", "a number in [0, 1)", emaDecay)
    try check(logEvery > 0, "log_every", "a positive number", logEvery)
    try check(valEvery > 0, "val_every", "a positive number", valEvery)
    try check(valMaxBatches > 0, "val_max_batches", "a positive number", valMaxBatches)
    try check(saveEvery > 0, "save_every", "a positive number", saveEvery)
    try check(keepLast >= 2, "keep_last", "at least 2", keepLast)
    try check(keepEvery >= 0, "keep_every", "a number >= 0", keepEvery)
    try check(previewEvery >= 0, "preview_every", "a number >= 0", previewEvery)
    try check(prefetchBatches > 0, "prefetch_batches", "a positive number", prefetchBatches)
    try check(
      lossSpikeZscore >= 0 && lossSpikeZscore.isFinite, "loss_spike_zscore", "a number >= 0",
      lossSpikeZscore)
  }

  /// - Throws: `ConfigError` for a setting that this objective does not know.
  func check(_ objective: some Objective) throws {
    guard keepBest.isEmpty || objective.monitored.contains(keepBest) else {
      throw ConfigError(
        key: "train.keep_best",
        expected: "one of \(objective.monitored.joined(separator: ", ")), or \"\" for none",
        found: keepBest)
    }
  }

  var schedule: LearningRateSchedule {
    switch lrSchedule {
    case .constant: .constant
    case .warmup: .warmup(warmupSteps)
    case .cosine: .cosine(warmup: warmupSteps, total: maxSteps, minimum: minLr)
    }
  }
}
