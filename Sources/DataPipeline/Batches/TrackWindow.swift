import Autograd

extension ShardSet {
  /// Frames `frames` of one clip, as a batch of one.
  /// - Precondition: `clip` is one of `clips`, and the frames are among its.
  /// - Throws: `DataError` for a faulty clip.
  public func window(clip: Int, frames: Range<Int>) throws -> TrackBatch {
    let own = try readClip(clip, fields: [.tracks, .visibility])
    let segment = Segment(own, window: frames, geometry: geometry)
    let shape = [1, frames.count, geometry.rows, geometry.columns]
    return TrackBatch(
      clips: [own.id], tracks: NDArray(segment.tracks, shape: shape + [2]),
      visibility: NDArray(segment.visibility, shape: shape))
  }
}
