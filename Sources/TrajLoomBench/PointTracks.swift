/// Tracked points of one clip, or of a part of it: where each point is in each frame, and whether
/// it is seen there.
///
/// T frames, N points. The plain form in which tracks reach the metrics, the baselines and the
/// pictures, whatever they came from.
public struct PointTracks: Sendable, Equatable {
  /// T.
  public let frames: Int
  /// N.
  public let points: Int
  /// [T, N, 2], pixels, x right, y down.
  public let positions: [Float]
  /// [T, N], 1 visible, 0 hidden.
  public let visibility: [UInt8]

  /// - Precondition: `positions` holds T·N·2 numbers and `visibility` T·N zeros and ones.
  public init(frames: Int, points: Int, positions: [Float], visibility: [UInt8]) {
    precondition(frames >= 0 && points >= 0, "PointTracks: [\(frames), \(points)] is no shape")
    precondition(
      positions.count == frames * points * 2,
      "PointTracks: \(positions.count) coordinates for shape [\(frames), \(points), 2]")
    precondition(
      visibility.count == frames * points,
      "PointTracks: \(visibility.count) visibilities for shape [\(frames), \(points)]")
    precondition(
      visibility.allSatisfy { $0 <= 1 }, "PointTracks: visibility must be 0 or 1 everywhere")
    self.frames = frames
    self.points = points
    self.positions = positions
    self.visibility = visibility
  }

  /// One point alone, [T, 1].
  /// - Precondition: there is such a point.
  public func point(_ point: Int) -> PointTracks {
    precondition((0..<points).contains(point), "PointTracks.point: \(point) of \(points)")
    return PointTracks(
      frames: frames, points: 1,
      positions: (0..<frames).flatMap { frame in
        let position = position(frame: frame, point: point)
        return [position.x, position.y]
      },
      visibility: (0..<frames).map { visibility[$0 * points + point] })
  }

  /// Pixels, x right, y down.
  public func position(frame: Int, point: Int) -> SIMD2<Float> {
    let index = 2 * (frame * points + point)
    return SIMD2(positions[index], positions[index + 1])
  }

  /// Whether the point is marked visible and its position is a number: a non-finite one counts as
  /// hidden.
  public func isVisible(frame: Int, point: Int) -> Bool {
    visibility[frame * points + point] == 1 && position(frame: frame, point: point).isFinite
  }
}

extension SIMD2<Float> {
  var isFinite: Bool { x.isFinite && y.isFinite }

  /// The Euclidean length. Accumulated in double, as all metrics are.
  var length: Double { SIMD2<Double>(self).length }
}

extension SIMD2<Double> {
  /// The Euclidean length.
  var length: Double { (x * x + y * y).squareRoot() }
}
