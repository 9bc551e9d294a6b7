/// VEPE, the mean Euclidean distance in pixels between predicted and true positions over the
/// visible true points, pooled over all frames of all clips (not a mean of per-clip means), as the
/// published benchmark computes it.
///
/// Used for reconstructions, which have no history; `TrajectoryErrors` has the same number for
/// futures as ADE.
public struct VisiblePointError: Sendable {
  private var error = RunningMean()

  public init() {}

  /// Pixels; nil before the first visible point.
  public var value: Double? { error.value }

  /// How many visible points were compared.
  public var count: Int { error.count }

  /// Shapes: both [T, N].
  public mutating func add(prediction: PointTracks, truth: PointTracks) {
    checkSameShape(prediction, truth, in: "VisiblePointError.add")
    for frame in 0..<truth.frames {
      for point in 0..<truth.points where truth.isVisible(frame: frame, point: point) {
        error.add(distance(prediction, truth, frame: frame, point: point))
      }
    }
  }
}

/// Pixels between two tracks of the same point in the same frame.
func distance(_ a: PointTracks, _ b: PointTracks, frame: Int, point: Int) -> Double {
  (a.position(frame: frame, point: point) - b.position(frame: frame, point: point)).length
}

func checkSameShape(_ prediction: PointTracks, _ truth: PointTracks, in caller: String) {
  precondition(
    prediction.frames == truth.frames && prediction.points == truth.points,
    "\(caller): prediction [\(prediction.frames), \(prediction.points)], "
      + "truth [\(truth.frames), \(truth.points)]")
}
