/// How well one track shows what a model makes of motion: points that move before those that stay,
/// then those that are seen in more frames, then those whose path bends more.
///
/// A total order without chance, so that the same clips always give the same track.
public struct BendingTrack: Sendable, Comparable {
  public let point: Int
  private let isMoving: Bool
  private let visibleFrames: Int
  /// How far the path gets from the straight line between its first and its last visible place,
  /// pixels: noise of the tracker adds little to it.
  public let bend: Double

  /// The best of `candidates` in a segment [T, N]; of two equals the one with the smaller index,
  /// nil where none of them is ever visible.
  public static func best(in truth: PointTracks, among candidates: Range<Int>) -> BendingTrack? {
    candidates.reduce(nil) { best, point in
      guard let track = BendingTrack(point: point, of: truth) else { return best }
      return best.map { $0 < track ? track : $0 } ?? track
    }
  }

  private init?(point: Int, of truth: PointTracks) {
    let path = (0..<truth.frames).filter { truth.isVisible(frame: $0, point: point) }
      .map { SIMD2<Double>(truth.position(frame: $0, point: point)) }
    guard let start = path.first, let end = path.last else { return nil }
    self.point = point
    isMoving = moves(point, in: [truth], furtherThan: movingDistance)
    visibleFrames = path.count
    bend = path.map { distance($0, toLineFrom: start, to: end) }.max() ?? 0
  }

  public static func < (a: BendingTrack, b: BendingTrack) -> Bool {
    (a.isMoving ? 1 : 0, a.visibleFrames, a.bend) < (b.isMoving ? 1 : 0, b.visibleFrames, b.bend)
  }
}

/// Pixels from a place to the nearest point of a straight line between two ends.
private func distance(
  _ place: SIMD2<Double>, toLineFrom start: SIMD2<Double>, to end: SIMD2<Double>
) -> Double {
  let along = end - start
  let lengthSquared = (along * along).sum()
  guard lengthSquared > 0 else { return (place - start).length }
  let share = max(0, min(1, ((place - start) * along).sum() / lengthSquared))
  return (place - start - share * along).length
}
