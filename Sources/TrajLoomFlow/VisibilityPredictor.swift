import Autograd
import Training

/// The form of the visibility head, under the published keys.
public struct VisibilityConfig: Codable, Sendable, Equatable {
  public var latentChannels: Int
  public var hidden: Int
  /// Number of convolutions over time.
  public var depth: Int
  public var kernelSize: Int
  /// Also sees the last history latent of its token.
  public var useHistLast: Bool
  /// And the difference to it.
  public var useDeltaToHist: Bool

  /// - Throws: `ConfigError`
  public func validate() throws {
    func check(_ holds: Bool, _ key: String, _ expected: String, _ found: Any) throws {
      guard holds else {
        throw ConfigError(key: "visibility.\(key)", expected: expected, found: "\(found)")
      }
    }
    try check(latentChannels > 0, "latent_channels", "a positive number", latentChannels)
    try check(hidden > 0, "hidden", "a positive number", hidden)
    try check(depth > 0, "depth", "a positive number", depth)
    try check(
      useHistLast || !useDeltaToHist, "use_delta_to_hist",
      "false, as use_hist_last is false (the difference is to the last history latent)",
      useDeltaToHist)
    try check(
      kernelSize > 0 && kernelSize % 2 == 1, "kernel_size", "a positive odd number", kernelSize)
  }
}

/// Visibility of future tokens from their latents: convolutions over latent time, each token on its
/// own (`models/visibility_predictor.py` of zewei-Zhang/TrajLoom).
public struct VisibilityPredictor: Module {
  public let config: VisibilityConfig
  let inProj: Linear
  let temporalNet: [any Layer]  // convolution, SiLU, convolution, SiLU, ...
  let out: Convolution1D

  /// - Throws: `ConfigError` if the configuration does not fit together.
  public init(_ config: VisibilityConfig, seed: UInt64) throws {
    try config.validate()
    var initializer = Initializer(seed: seed)
    self.config = config
    let features =
      config.latentChannels * (config.useHistLast ? config.useDeltaToHist ? 3 : 2 : 1)
    inProj = Linear(features, config.hidden, &initializer)
    temporalNet = (0..<config.depth).flatMap { _ -> [any Layer] in
      [
        Convolution1D(
          config.hidden, config.hidden, kernel: config.kernelSize,
          padding: .zeros(config.kernelSize / 2), &initializer),
        SiLU(),
      ]
    }
    out = Convolution1D(config.hidden, 1, kernel: 1, padding: .zeros(0), &initializer)
  }

  /// Logits of visibility on latent time, [B, L, N].
  /// - Parameters:
  ///   - future: scaled future latents, [B, L, N, C].
  ///   - history: scaled history latents, of which the last step is read if the configuration says
  ///     so.
  public func callAsFunction(_ future: Tensor, history: Tensor) -> Tensor {
    var x = future
    if config.useHistLast {
      let steps = history.shape[1]
      let last = history.sliced(axis: 1, steps - 1..<steps).broadcast(to: future.shape)
      x = concatenated(
        config.useDeltaToHist ? [future, last, future - last] : [future, last], axis: 3)
    }
    return out(temporalNet(inProj(x))).reshaped(Array(future.shape.dropLast()))
  }

  /// Binary cross-entropy against visibility on latent time, averaged over all tokens.
  public func loss(
    future: Tensor, history: Tensor, visibility: NDArray, positiveWeight: Float = 1
  ) -> Tensor {
    binaryCrossEntropy(
      logits: self(future, history: history), Tensor(visibility), positiveWeight: positiveWeight
    ).mean()
  }
}

/// Probabilities on latent time [B, L, N] → one per frame [B, T, N]: latent k serves frames [stride
/// k, stride (k + 1)).
public func framewise(_ probabilities: NDArray, frames: Int, stride: Int) -> NDArray {
  let (batch, latents, tokens) = (
    probabilities.shape[0], probabilities.shape[1], probabilities.shape[2]
  )
  return Tensor(probabilities).reshaped([batch, latents, 1, tokens])
    .broadcast(to: [batch, latents, stride, tokens])
    .reshaped([batch, latents * stride, tokens])
    .sliced(axis: 1, 0..<frames).array
}
