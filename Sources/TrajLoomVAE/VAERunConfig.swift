import DataPipeline
import Training

/// A VAE run: `trajloom train vae --config`.
public struct VAERunConfig: Codable, Sendable {
  /// The clips, and how they are changed in training.
  public struct DataBlock: Codable, Sendable {
    public var windows: ClipWindows
    public var changes: Changes

    public struct Changes: Codable, Sendable {
      public var augment: Augmentation
    }

    public init(from decoder: any Decoder) throws {
      windows = try ClipWindows(from: decoder)
      changes = try Changes(from: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
      try windows.encode(to: encoder)
      try changes.encode(to: encoder)
    }
  }

  /// The shared keys and the loss weights, in one block of the file.
  public struct Train: Codable, Sendable {
    public var loop: TrainingConfig
    public var loss: VAELossConfig

    public init(from decoder: any Decoder) throws {
      loop = try TrainingConfig(from: decoder)
      loss = try VAELossConfig(from: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
      try loop.encode(to: encoder)
      try loss.encode(to: encoder)
    }
  }

  public var run: RunConfig
  public var data: DataBlock
  public var vae: VAEConfig
  public var train: Train

  /// - Throws: `ConfigError` that names the key and what it must agree with.
  public func validate() throws {
    try vae.validate()
    try train.loop.validate()
    try data.windows.check(
      frames: vae.numFramesIn, patch: vae.patchSize, height: vae.inputHeight, width: vae.inputWidth,
      block: "vae")
    let maxStride = data.changes.augment.maxStride
    guard maxStride >= 1 else {
      throw ConfigError(
        key: "data.augment.max_stride", expected: "a whole number >= 1 (1: every frame)",
        found: "\(maxStride)")
    }
    guard train.loss.velLambda >= 0 else {
      throw ConfigError(
        key: "train.vel_lambda", expected: "a number >= 0", found: "\(train.loss.velLambda)")
    }
    guard train.loss.neighborLambda >= 0 else {
      throw ConfigError(
        key: "train.neighbor_lambda", expected: "a number >= 0",
        found: "\(train.loss.neighborLambda)")
    }
  }
}
