import DataPipeline
import Training
import TrajLoomVAE

/// The data of a run on latents.
public struct LatentData: Codable, Sendable {
  public var windows: ClipWindows
  public var cache: Cache

  public struct Cache: Codable, Sendable {
    /// The run, or checkpoint, of the VAE that encodes the tracks.
    public var vae: String
    /// Where the latents are kept; encoded when missing or stale.
    public var latents: String
  }

  public init(from decoder: any Decoder) throws {
    windows = try ClipWindows(from: decoder)
    cache = try Cache(from: decoder)
  }

  public func encode(to encoder: any Encoder) throws {
    try windows.encode(to: encoder)
    try cache.encode(to: encoder)
  }
}

/// Which objective a flow run trains on.
public enum FlowObjectiveKind: String, ConfigChoice {
  case flowMatching = "flow_matching"
  /// Flow matching and the on-policy terms, usually from the checkpoint of a flow-matching run.
  case onPolicy = "on_policy"
}

/// A flow run: `trajloom train flow --config`.
public struct FlowRunConfig: Codable, Sendable {
  /// The shared keys, flow matching, and the on-policy stage, in one block of the file.
  public struct Train: Codable, Sendable {
    public var loop: TrainingConfig
    public var matching: FlowMatchingConfig
    public var onPolicy: OnPolicyConfig
    public var stage: Stage

    /// The keys that only this block has.
    public struct Stage: Codable, Sendable {
      public var objective: FlowObjectiveKind
      /// A run or checkpoint whose weights to start from; empty for fresh weights.
      public var initFrom: String
      /// How often a caption is dropped in training.
      public var textDropoutProb: Double
    }

    public init(from decoder: any Decoder) throws {
      loop = try TrainingConfig(from: decoder)
      matching = try FlowMatchingConfig(from: decoder)
      onPolicy = try OnPolicyConfig(from: decoder)
      stage = try Stage(from: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
      try loop.encode(to: encoder)
      try matching.encode(to: encoder)
      try onPolicy.encode(to: encoder)
      try stage.encode(to: encoder)
    }
  }

  /// What `sample` uses beside the flow itself.
  public struct Sample: Codable, Sendable {
    public var drawing: Drawing
    public var correction: ContinuationCorrection

    public struct Drawing: Codable, Sendable {
      /// The run, or checkpoint, of the visibility head.
      public var visibility: String
      public var steps: Int
      public var solver: String
      /// A point is visible when its probability is above this.
      public var visThreshold: Double
    }

    public init(from decoder: any Decoder) throws {
      drawing = try Drawing(from: decoder)
      correction = try ContinuationCorrection(from: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
      try drawing.encode(to: encoder)
      try correction.encode(to: encoder)
    }
  }

  public var run: RunConfig
  public var data: LatentData
  public var flow: FlowConfig
  public var train: Train
  public var sample: Sample

  /// The decay of the continuations that the generator starts from or is told of; nil for neither.
  public var continuationDecay: Double? {
    flow.useContinuationCond || train.matching.x0Mode == .continuation
      ? train.matching.x0VelocityDecay : nil
  }

  /// - Throws: `ConfigError` for a solver that cannot follow what the generator predicts.
  public func checkSolver(_ solver: ODESolver, key: String) throws {
    guard flow.prediction == .velocity || !solver.looksAtTheEnd else {
      throw ConfigError(
        key: key, expected: "euler or midpoint, as flow.prediction is endpoint",
        found: solver.rawValue)
    }
  }

  /// - Throws: `ConfigError` that names the key and what it must agree with.
  public func validate() throws {
    try flow.validate()
    try train.loop.validate()
    try data.windows.check(
      frames: flow.numFramesIn, patch: flow.patchSize, height: flow.inputHeight,
      width: flow.inputWidth, block: "flow")
    func check(_ holds: Bool, _ key: String, _ expected: String, _ found: Any) throws {
      guard holds else { throw ConfigError(key: key, expected: expected, found: "\(found)") }
    }
    let probability = "a number in [0, 1]"
    let (matching, onPolicy, stage) = (train.matching, train.onPolicy, train.stage)
    try check(matching.x0NoiseStd >= 0, "train.x0_noise_std", "a number >= 0", matching.x0NoiseStd)
    try check(
      (0...1).contains(matching.x0VelocityDecay), "train.x0_velocity_decay", "a number in [0, 1]",
      matching.x0VelocityDecay)
    try check(
      (0...1).contains(matching.fmInvisWeight) && matching.fmInvisWeight > 0,
      "train.fm_invis_weight",
      "a number in (0, 1]", matching.fmInvisWeight)
    try check(matching.fmSigma >= 0, "train.fm_sigma", "a number >= 0", matching.fmSigma)
    try check(
      (0...1).contains(matching.tSmallProb), "train.t_small_prob", probability, matching.tSmallProb)
    try check(
      (0...1).contains(matching.tSmallMax), "train.t_small_max", probability, matching.tSmallMax)
    try check(
      matching.tokenDraws >= 0, "train.token_draws", "a number >= 0 (0: all tokens)",
      matching.tokenDraws)
    try check(
      matching.tokenDraws == 0 || flow.spatialCtxMode == .none
        || (flow.spatialCtxMode == .pooledLast && flow.spatialCtxPool == 1),
      "train.token_draws",
      "0, as a few tokens cannot be pooled by flow.spatial_ctx_mode "
        + "\(flow.spatialCtxMode.rawValue) and spatial_ctx_pool \(flow.spatialCtxPool)",
      matching.tokenDraws)
    try check(
      (0...1).contains(stage.textDropoutProb), "train.text_dropout_prob", probability,
      stage.textDropoutProb)
    try check(onPolicy.opSteps > 0, "train.op_steps", "a positive number", onPolicy.opSteps)
    try check(
      (0...1).contains(onPolicy.opBatchFraction) && onPolicy.opBatchFraction > 0,
      "train.op_batch_fraction", "a number in (0, 1]", onPolicy.opBatchFraction)
    try sample.correction.validate(
      frames: flow.numFramesIn, hasContinuation: continuationDecay != nil)
    let sample = sample.drawing
    try check(sample.steps > 0, "sample.steps", "a positive number", sample.steps)
    try check(
      ODESolver(rawValue: sample.solver) != nil, "sample.solver",
      ODESolver.allCases.map(\.rawValue).joined(separator: ", "), sample.solver)
    try checkSolver(ODESolver(rawValue: sample.solver)!, key: "sample.solver")
    try check(
      (0...1).contains(sample.visThreshold), "sample.vis_threshold", probability,
      sample.visThreshold)
  }
}

/// A run of the visibility head: `trajloom train visibility --config`.
public struct VisibilityRunConfig: Codable, Sendable {
  public struct Train: Codable, Sendable {
    public var loop: TrainingConfig
    public var head: Head

    public struct Head: Codable, Sendable, Equatable {
      /// Weight of the visible class in the loss; 1 for none.
      public var posWeight: Double
    }

    public init(from decoder: any Decoder) throws {
      loop = try TrainingConfig(from: decoder)
      head = try Head(from: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
      try loop.encode(to: encoder)
      try head.encode(to: encoder)
    }
  }

  public var run: RunConfig
  public var data: LatentData
  public var visibility: VisibilityConfig
  public var train: Train

  /// - Throws: `ConfigError`
  public func validate() throws {
    try visibility.validate()
    try train.loop.validate()
    guard train.head.posWeight > 0 else {
      throw ConfigError(
        key: "train.pos_weight", expected: "a positive number", found: "\(train.head.posWeight)")
    }
  }
}
