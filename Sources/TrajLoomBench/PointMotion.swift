/// How far a point must get from its start to count as moving, unless told otherwise, pixels.
public let movingDistance = 8.0

/// Whether a point, while visible, gets further than `distance` pixels from its start: its first
/// visible position in the parts of a clip, which follow each other.
func moves(_ point: Int, in parts: [PointTracks], furtherThan distance: Double) -> Bool {
  var start: SIMD2<Float>?
  for tracks in parts {
    for frame in 0..<tracks.frames where tracks.isVisible(frame: frame, point: point) {
      let position = tracks.position(frame: frame, point: point)
      if let start, (position - start).length > distance { return true }
      start = start ?? position
    }
  }
  return false
}
