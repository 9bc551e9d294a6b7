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
  ///   - augment: `maxStride` positive.
  ///   - seed: of the augmentations.
  /// - Throws: `DataError` for windows of unequal length, or longer than the clips, also at the
  ///   largest stride.
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
    precondition(augment.maxStride > 0, "TrackSegments: maxStride \(augment.maxStride)")
    // A segment at stride s spans (F - 1) s + 1 frames.
    let largestStride = historyLength > 1 ? (set.frames - 1) / (historyLength - 1) : Int.max
    guard augment.maxStride <= largestStride else {
      throw DataError(
        "data.augment.max_stride: expected at most \(largestStride), so that segments of "
          + "\(historyLength) frames fit into the \(set.frames) of the clips in \(set.path), found "
          + "\(augment.maxStride); use longer clips or a smaller value",
        kind: .usage)
    }
    self.set = set
    self.clips = clips
    frames = historyLength
    self.augment = augment
    random = Philox(seed: seed, stream: "augment")
  }

  /// The segments `items`, stacked in that order.
  /// - Parameters:
  ///   - draw: the position in the training run, such as the number of the batch; augmentations
  ///     depend on the seed, on it and on the slot in the batch alone.
  ///   - firstSlot: that of the first item.
  /// - Throws: `DataError` for a faulty clip.
  public func batch(items: [Int], draw: Int, firstSlot: Int = 0) throws -> TrackBatch {
    try TrackBatch(count: items.count, frames: frames, geometry: set.geometry) { position in
      try segment(
        items[position], draws: random.uniform(3, step: draw, sample: firstSlot + position))
    }
  }

  /// - Parameter draws: for flip, reversal and stride, each uniform in [0, 1).
  private func segment(_ item: Int, draws: [Float]) throws -> SegmentView {
    let clip = try set.readClip(clips[item / 2], fields: [.tracks, .visibility])
    let isFuture = item % 2 == 1
    let step = 1 + Int(Double(draws[2]) * Double(augment.maxStride))
    let window = window(isFuture: isFuture, step: step)
    var segment = SegmentView(clip, window: window, geometry: set.geometry)
    if augment.horizontalFlip, draws[0] < 0.5 { segment.flipHorizontally() }
    if augment.timeReversal, isFuture, draws[1] < 0.5 { segment.reverseTime() }
    return segment
  }

  /// The frames of a window at a stride of `step`. A history starts on the query points of frame 0;
  /// a future starts where the history at stride 1 ends, or earlier if it would not fit into the
  /// clip: at the latest frame that leaves room.
  private func window(isFuture: Bool, step: Int) -> StrideTo<Int> {
    let span = (frames - 1) * step + 1
    let start = isFuture ? min(frames, set.frames - span) : 0
    return stride(from: start, to: start + span, by: step)
  }
}
