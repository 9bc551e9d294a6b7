import Training

/// The size and form of a trajectory VAE, under the published configuration's keys, and `encoding`.
public struct VAEConfig: Codable, Sendable, Equatable {
  /// How a grid-anchored field meets the network. The two are the same function class; learning
  /// rates do not carry over.
  public enum Encoding: String, ConfigChoice {
    /// As published: the field at every pixel, patch = cell. Weights are interchangeable.
    case pixel
    /// One point per cell, anchored at the cell's query point: a static point is exactly zero.
    case cell
  }

  public var encoding: Encoding
  public var encoderDepth: Int
  public var decoderDepth: Int
  public var hiddenSize: Int
  public var numHeads: Int
  public var mlpRatio: Double
  public var patchSize: Int
  public var inChannels: Int
  public var latentChannels: Int
  public var inputHeight: Int
  public var inputWidth: Int
  public var numFramesIn: Int
  public var numFramesLatent: Int
  public var useTempCompress: Bool
  public var tempStride: Int
  public var useOffsets: Bool
  public var learnSigma: Bool
  public var beta: Double
  public var posEmbedDim: Int

  public var gridRows: Int { inputHeight / patchSize }
  public var gridColumns: Int { inputWidth / patchSize }
  /// Frames per latent step.
  public var latentStride: Int { useTempCompress ? tempStride : 1 }
  /// N, the number of cells and of tokens per frame.
  public var tokens: Int { gridRows * gridColumns }
  /// Samples of the field along a cell's side.
  public var fieldPatch: Int { encoding == .pixel ? patchSize : 1 }

  /// - Throws: `ConfigError` that names the first key that does not fit, what was expected and
  ///   found.
  public func validate() throws {
    func check(_ holds: Bool, _ key: String, _ expected: String, _ found: Any) throws {
      guard holds else {
        throw ConfigError(key: "vae.\(key)", expected: expected, found: "\(found)")
      }
    }
    // Beyond these no machine holds the model, and products of sizes would overflow.
    let limits = [
      ("hidden_size", hiddenSize, 16384), ("latent_channels", latentChannels, 16384),
      ("pos_embed_dim", posEmbedDim, 16384), ("encoder_depth", encoderDepth, 1024),
      ("decoder_depth", decoderDepth, 1024), ("input_height", inputHeight, 16384),
      ("input_width", inputWidth, 16384), ("num_frames_in", numFramesIn, 16384),
      ("num_frames_latent", numFramesLatent, 16384), ("temp_stride", tempStride, 1024),
    ]
    for (key, value, limit) in limits {
      try check(value <= limit, key, "at most \(limit)", value)
    }
    try check(inChannels == 2, "in_channels", "2 (x and y)", inChannels)
    try check(!learnSigma, "learn_sigma", "false (not part of the published model)", learnSigma)
    try check(hiddenSize > 0 && hiddenSize % 4 == 0, "hidden_size", "a multiple of 4", hiddenSize)
    try check(
      numHeads > 0 && hiddenSize % numHeads == 0, "num_heads",
      "a divisor of hidden_size \(hiddenSize)",
      numHeads)
    try check(patchSize > 0, "patch_size", "a positive number", patchSize)
    try check(
      inputHeight > 0 && inputHeight % patchSize == 0, "input_height",
      "a multiple of patch_size \(patchSize)", inputHeight)
    try check(
      inputWidth > 0 && inputWidth % patchSize == 0, "input_width",
      "a multiple of patch_size \(patchSize)", inputWidth)
    try check(
      encoderDepth > 0 && encoderDepth % 2 == 0, "encoder_depth", "a positive even number",
      encoderDepth)
    try check(
      decoderDepth > 0 && decoderDepth % 2 == 0, "decoder_depth", "a positive even number",
      decoderDepth)
    try check(latentChannels > 0, "latent_channels", "a positive number", latentChannels)
    try check(
      posEmbedDim > 0 && posEmbedDim % 2 == 0, "pos_embed_dim", "a positive even number",
      posEmbedDim)
    try check(
      mlpRatio > 0 && mlpRatio <= 64, "mlp_ratio", "a positive number of at most 64", mlpRatio)
    try check(beta >= 0, "beta", "a number >= 0", beta)
    if useTempCompress {
      try check(tempStride > 0, "temp_stride", "a positive number", tempStride)
      try check(
        numFramesIn > 1 && (numFramesIn - 1) % tempStride == 0, "num_frames_in",
        "1 + a multiple of temp_stride \(tempStride)", numFramesIn)
      let latent = 1 + (numFramesIn - 1) / tempStride
      try check(
        numFramesLatent == latent, "num_frames_latent",
        "\(latent), which is 1 + (num_frames_in - 1) / temp_stride", numFramesLatent)
    } else {
      try check(
        numFramesLatent == numFramesIn, "num_frames_latent",
        "num_frames_in \(numFramesIn), as use_temp_compress is false", numFramesLatent)
    }
  }
}
