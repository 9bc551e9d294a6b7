/// One clip in latent space with its conditions.
///
/// Dimension letters: L latent frames, N tracks, C latent channels.
public struct LatentClip: Sendable, Equatable {
  public var id: String
  public var caption: String
  public var source: String
  /// [L, N, C], unscaled posterior means of the history.
  public var zHistory: [Float]
  /// [L, N, C], unscaled posterior means of the future.
  public var zFuture: [Float]
  /// [L, N, C], unscaled posterior means of the history's `continuation`.
  public var zContinuation: [Float]?
  /// The extents [L, N, C] of all of them.
  public var latentShape: [Int]
  /// [L, N] of 0 and 1.
  public var historyVisibility: [UInt8]
  /// [L, N] of 0 and 1.
  public var futureVisibility: [UInt8]
  /// [history, H/4, W/4, 3], RGB.
  public var video: [UInt8]?
  /// [L, N, Cv], stored in half precision.
  public var videoLatents: [Float]?
  /// The extents [L, N, Cv]; present when `videoLatents` is.
  public var videoLatentShape: [Int]?
  /// [E], stored in half precision.
  public var textEmbedding: [Float]?

  public init(
    id: String, caption: String, source: String, zHistory: [Float], zFuture: [Float],
    zContinuation: [Float]? = nil, latentShape: [Int], historyVisibility: [UInt8],
    futureVisibility: [UInt8],
    video: [UInt8]? = nil, videoLatents: [Float]? = nil, videoLatentShape: [Int]? = nil,
    textEmbedding: [Float]? = nil
  ) {
    self.id = id
    self.caption = caption
    self.source = source
    self.zHistory = zHistory
    self.zFuture = zFuture
    self.zContinuation = zContinuation
    self.latentShape = latentShape
    self.historyVisibility = historyVisibility
    self.futureVisibility = futureVisibility
    self.video = video
    self.videoLatents = videoLatents
    self.videoLatentShape = videoLatentShape
    self.textEmbedding = textEmbedding
  }
}
