import Training

/// The size and form of the generator, under the published configuration's keys, and where video
/// and text come from.
public struct FlowConfig: Codable, Sendable, Equatable {
  public enum VideoSource: String, ConfigChoice {
    /// Latents from the shard, whatever made them.
    case precomputed
    /// A small causal encoder of quarter-size frames, trained with the flow.
    case patch
  }

  public enum TextSource: String, ConfigChoice {
    /// A pooled embedding from the shard.
    case precomputed
    /// Hashed word features of the caption, trained with the flow.
    case hash
  }

  public enum SpatialContext: String, ConfigChoice {
    case pooledLast = "pooled_last"
    case timeMean = "time_mean"
    case none
  }

  public enum VideoContext: String, ConfigChoice { case concat, sum }

  public enum TrackFusion: String, ConfigChoice {
    case none
    case addLast = "add_last"
    case addLastPlusVel = "add_last_plus_vel"
  }

  public enum Prediction: String, ConfigChoice {
    /// The velocity itself, as published.
    case velocity
    /// Where the path ends, z_1; the velocity is what leads there. Where the future is nearly certain
    /// no noise of the source is left in it. Not in the paper.
    case endpoint
  }

  public enum PositionInit: String, ConfigChoice {
    /// N(0, 0.02²), as published: where a token stands is learnt from nothing.
    case normal
    /// The fixed table of the VAE, which tells neighbours from the first step on. Not published.
    case sincos
  }

  public enum VideoFusion: String, ConfigChoice {
    case none
    case addLast = "add_last"
  }

  public var latentChannels: Int
  public var numFramesLatent: Int
  public var inputHeight: Int
  public var inputWidth: Int
  public var patchSize: Int
  public var hiddenSize: Int
  public var numHeads: Int
  public var depth: Int
  public var mlpRatio: Double
  public var dropout: Double
  public var videoLatentChannels: Int
  public var useVideoCond: Bool
  public var videoSource: VideoSource
  public var textEmbedDim: Int
  public var useTextCond: Bool
  public var textSource: TextSource
  public var numFramesIn: Int
  public var latentTimeStride: Int
  public var useOverlap: Bool
  public var temporalFirst: Bool
  public var spatialCtxMode: SpatialContext
  public var spatialCtxPool: Int
  public var spatialCtxLastK: Int
  public var spatialCtxIncludeVideo: Bool
  public var videoCtxMode: VideoContext
  public var trackFusion: TrackFusion
  public var trackFusionScaleInit: Double
  public var trackFusionUseTimeGate: Bool
  public var videoFusion: VideoFusion
  public var videoFusionScaleInit: Double
  public var useHistVisCond: Bool
  public var histVisScaleInit: Double
  /// Adds the latents of the history's continuation to the query tokens. Not in the paper.
  public var useContinuationCond: Bool
  public var posEmbedInit: PositionInit
  public var prediction: Prediction

  public var gridRows: Int { inputHeight / patchSize }
  public var gridColumns: Int { inputWidth / patchSize }
  /// N, the tokens per latent frame.
  public var tokens: Int { gridRows * gridColumns }

  /// - Throws: `ConfigError` that names the first key that does not fit, what was expected and
  ///   found.
  public func validate() throws {
    func check(_ holds: Bool, _ key: String, _ expected: String, _ found: Any) throws {
      guard holds else {
        throw ConfigError(key: "flow.\(key)", expected: expected, found: "\(found)")
      }
    }
    try check(
      hiddenSize > 0 && hiddenSize % 2 == 0, "hidden_size", "a positive even number", hiddenSize)
    try check(
      numHeads > 0 && hiddenSize % numHeads == 0, "num_heads",
      "a divisor of hidden_size \(hiddenSize)",
      numHeads)
    try check(depth > 0 && depth % 2 == 0, "depth", "a positive even number", depth)
    try check(patchSize > 0, "patch_size", "a positive number", patchSize)
    try check(
      inputHeight > 0 && inputHeight % patchSize == 0, "input_height",
      "a multiple of patch_size \(patchSize)", inputHeight)
    try check(
      inputWidth > 0 && inputWidth % patchSize == 0, "input_width",
      "a multiple of patch_size \(patchSize)", inputWidth)
    try check(dropout == 0, "dropout", "0 (the published model has none)", dropout)
    try check(mlpRatio > 0, "mlp_ratio", "a positive number", mlpRatio)
    try check(latentChannels > 0, "latent_channels", "a positive number", latentChannels)
    try check(numFramesLatent > 1, "num_frames_latent", "at least 2", numFramesLatent)
    try check(latentTimeStride > 0, "latent_time_stride", "a positive number", latentTimeStride)
    try check(
      numFramesIn == 1 + (numFramesLatent - 1) * latentTimeStride, "num_frames_in",
      "\(1 + (numFramesLatent - 1) * latentTimeStride), which is 1 + (num_frames_latent - 1) · "
        + "latent_time_stride", numFramesIn)
    try check(spatialCtxPool > 0, "spatial_ctx_pool", "a positive number", spatialCtxPool)
    try check(
      (1...numFramesLatent).contains(spatialCtxLastK), "spatial_ctx_last_k",
      "1 to num_frames_latent \(numFramesLatent)", spatialCtxLastK)
    try check(
      !useVideoCond || videoLatentChannels > 0, "video_latent_channels", "a positive number",
      videoLatentChannels)
    try check(!useTextCond || textEmbedDim > 0, "text_embed_dim", "a positive number", textEmbedDim)
    try check(
      !(useVideoCond && videoSource == .patch) || patchSize % 4 == 0, "patch_size",
      "a multiple of 4 for video_source \"patch\" (frames are quarter size)", patchSize)
  }
}
