extension ShardSet {
  /// Frames `frames` of one clip, as a batch of one.
  /// - Precondition: `clip` is one of `clips`, and the frames are among its.
  /// - Throws: `DataError` for a faulty clip.
  public func window(clip: Int, frames: Range<Int>) throws -> TrackBatch {
    let own = try readClip(clip, fields: [.tracks, .visibility])
    return TrackBatch(count: 1, frames: frames.count, geometry: geometry) { _ in
      SegmentView(own, window: frames, geometry: geometry)
    }
  }
}
