import TrajLoomBench

/// A place in the frame, pixels.
typealias Place = (x: Float, y: Float)

/// `frames` frames of what `places` says of each time.
func tracks(
  frames: Range<Int>, hidden: Set<[Int]> = [], _ places: (_ time: Float) -> [Place]
) -> PointTracks {
  tracks(frames.map { places(Float($0)) }, hidden: hidden)
}

/// Tracks written out by hand: per frame, per point, (x, y).
func tracks(_ frames: [[Place]], hidden: Set<[Int]> = []) -> PointTracks {
  let points = frames.first?.count ?? 0
  return PointTracks(
    frames: frames.count, points: points,
    positions: frames.flatMap { $0.flatMap { [$0.x, $0.y] } },
    visibility: frames.indices.flatMap { frame in
      (0..<points).map { hidden.contains([frame, $0]) ? 0 : 1 }
    })
}
