/// What a synthetic data set is made of. Equal values make equal clips.
public struct SyntheticConfig: Sendable, Equatable, Codable {
  public var geometry: GridGeometry
  /// T, history and future together.
  public var frames: Int
  /// The frames before the point where futures may part, and the length of the video.
  public var history: Int
  /// Whether clips carry the history as RGB frames at a quarter of the size.
  public var renderVideo: Bool
  public var seed: UInt64
  /// How many clips share one history and part at frame `history`: clips `futures · i` to
  /// `futures · i + futures - 1`.
  public var futures: Int

  /// Frames. A camera that zooms for longer leaves the range in which places are exact.
  static let longest = 1 << 14

  /// - Throws: `DataError` unless 0 < history <= frames, futures is positive and, with video,
  ///   height and width are multiples of 4.
  public init(
    geometry: GridGeometry, frames: Int, history: Int, renderVideo: Bool, seed: UInt64,
    futures: Int = 1
  ) throws {
    guard history > 0, history <= frames, frames <= SyntheticConfig.longest, futures > 0 else {
      throw DataError(
        "synthetic data: expected 0 < history <= frames <= \(SyntheticConfig.longest) and futures > 0, "
          + "found history \(history), frames \(frames), futures \(futures)", kind: .usage)
    }
    guard !renderVideo || (geometry.height.isMultiple(of: 4) && geometry.width.isMultiple(of: 4))
    else {
      throw DataError(
        "synthetic video: expected height and width to be multiples of 4, found \(geometry)",
        kind: .usage)
    }
    self.geometry = geometry
    self.frames = frames
    self.history = history
    self.renderVideo = renderVideo
    self.seed = seed
    self.futures = futures
  }
}
