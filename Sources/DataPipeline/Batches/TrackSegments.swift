import Autograd

/// The training segments of a data set: the history window and the future window of every clip.
public struct TrackSegments: Sendable {
  public let set: ShardSet
  /// Indices into `set.clips`.
  public let clips: [Int]
  /// T of a segment.
  public let frames: Int
  public let augment: Augmentation
  private let random: Philox

  /// Item 2i is the history of `clips[i]`, item 2i + 1 its future.
  public var count: Int { 2 * clips.count }

  /// - Parameters:
  ///   - historyLength: frames [0, historyLength).
  ///   - futureLength: the frames after those; as many, because one model takes both.
  ///   - seed: of the augmentations.
  /// - Throws: `DataError` for windows of unequal length, or longer than the clips.
  public init(
    set: ShardSet, clips: [Int], historyLength: Int, futureLength: Int,
    augment: Augmentation = .none, seed: UInt64 = 0
  ) throws {
    guard historyLength > 0, historyLength == futureLength else {
      throw DataError(
        "history and future windows: expected equal positive lengths, found \(historyLength) and "
          + "\(futureLength); set data.hist_len and data.future_len to the same number",
        kind: .usage)
    }
    guard historyLength + futureLength <= set.frames else {
      throw DataError(
        file: set.path, expected: "clips of at least \(historyLength + futureLength) frames",
        found: "\(set.frames)", advice: "use shorter windows or import longer clips")
    }
    self.set = set
    self.clips = clips
    frames = historyLength
    self.augment = augment
    random = Philox(seed: seed, stream: "augment")
  }

  /// The segments `items`, stacked in that order.
  /// - Parameter draw: the position in the training run, such as the number of the batch;
  ///   augmentations depend on the seed, on it and on the position in the batch alone.
  /// - Throws: `DataError` for a faulty clip.
  public func batch(items: [Int], draw: Int) throws -> TrackBatch {
    let grid = [set.geometry.rows, set.geometry.columns]
    var ids: [String] = []
    var tracks: [Float] = []
    var visibility: [Float] = []
    tracks.reserveCapacity(items.count * frames * set.geometry.count * 2)
    visibility.reserveCapacity(items.count * frames * set.geometry.count)
    for (position, item) in items.enumerated() {
      let clip = try set.readClip(clips[item / 2], fields: [.tracks, .visibility])
      let isFuture = item % 2 == 1
      let start = isFuture ? frames : 0
      var segment = Segment(clip, window: start..<start + frames, geometry: set.geometry)
      let coins = random.uniform(2, step: draw, sample: position)
      if augment.horizontalFlip, coins[0] < 0.5 { segment.flipHorizontally() }
      if augment.timeReversal, isFuture, coins[1] < 0.5 { segment.reverseTime() }
      ids.append(clip.id)
      tracks += segment.tracks
      visibility += segment.visibility
    }
    let shape = [items.count, frames] + grid
    return TrackBatch(
      clips: ids, tracks: NDArray(tracks, shape: shape + [2]),
      visibility: NDArray(visibility, shape: shape))
  }
}
