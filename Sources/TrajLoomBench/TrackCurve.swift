/// One point's way as a picture draws it: only where it is seen. T frames.
struct TrackCurve {
  /// [T], pixels; nil where the truth is hidden or the position is no number.
  let path: [SIMD2<Float>?]

  /// - Parameter truth: says where the point is seen. Shapes: both [T, 1].
  init(_ track: PointTracks, seenIn truth: PointTracks) {
    path = (0..<truth.frames).map { frame in
      let position = track.position(frame: frame, point: 0)
      return truth.isVisible(frame: frame, point: 0) && position.isFinite ? position : nil
    }
  }

  /// [T - 1], pixels per frame from each frame to the next.
  var speeds: [Double?] {
    zip(path, path.dropFirst()).map { from, to in
      guard let from, let to else { return nil }
      return (to - from).length
    }
  }

  var highestSpeed: Double { speeds.compactMap { $0 }.max() ?? 0 }

  /// The corners of the smallest box around the path; nil for a path that is never seen.
  var box: (low: SIMD2<Float>, high: SIMD2<Float>)? {
    let places = path.compactMap { $0 }
    guard let first = places.first else { return nil }
    return places.reduce((first, first)) { (pointwiseMin($0.0, $1), pointwiseMax($0.1, $1)) }
  }
}

extension Raster {
  /// The lines of a curve that has gaps.
  mutating func stroke(_ places: [SIMD2<Float>?], ink: CurveInk, clip: Region) {
    for run in places.split(separator: nil) {
      stroke(run.compactMap { $0 }.map(ink.point), color: ink.color, clip: clip)
    }
  }
}
