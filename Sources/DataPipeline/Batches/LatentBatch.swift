import Autograd

/// A batch of latents with their conditions, as the flow is trained on.
///
/// Dimension letters: B batch, L latent frames, N tracks, C latent channels.
public struct LatentBatch: Sendable {
  /// The ids of the clips, B of them.
  public let clips: [String]
  /// Empty texts where there is none.
  public let captions: [String]
  /// [B, L, N, C], unscaled.
  public let zHistory: NDArray
  /// [B, L, N, C], unscaled.
  public let zFuture: NDArray
  /// [B, L, N, C], unscaled: latents of the history's `continuation`.
  public let zContinuation: NDArray?
  /// [B, L, N] of 0 and 1.
  public let historyVisibility: NDArray
  /// [B, L, N] of 0 and 1.
  public let futureVisibility: NDArray
  /// [B, history, H/4, W/4, 3], RGB in [0, 1].
  public let video: NDArray?
  /// [B, L, N, Cv].
  public let videoLatents: NDArray?
  /// [B, E].
  public let textEmbedding: NDArray?

  public init(
    clips: [String], captions: [String], zHistory: NDArray, zFuture: NDArray,
    zContinuation: NDArray? = nil, historyVisibility: NDArray, futureVisibility: NDArray,
    video: NDArray? = nil,
    videoLatents: NDArray? = nil, textEmbedding: NDArray? = nil
  ) {
    self.clips = clips
    self.captions = captions
    self.zHistory = zHistory
    self.zFuture = zFuture
    self.zContinuation = zContinuation
    self.historyVisibility = historyVisibility
    self.futureVisibility = futureVisibility
    self.video = video
    self.videoLatents = videoLatents
    self.textEmbedding = textEmbedding
  }
}
