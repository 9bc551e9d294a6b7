import DataPipeline

/// Predictions that know nothing but the history, printed beside every model: what a model must
/// beat.
///
/// They start where the history ends, so that their boundary jump is only the motion they predict;
/// the B-spline starts at the end of its curve, which the last position lies beside. A point keeps
/// the visibility of its last history frame. Where that frame has no position, the last one that
/// has is held.
public enum Baseline: String, CaseIterable, Sendable {
  /// Every point stays where it is. Strong in real clips, where half of the points never move.
  case `static` = "static"
  /// Every point goes on at its last velocity.
  case constantVelocity = "constant_velocity"
  /// Every point goes on at its last velocity, which fades by `velocityDecay` with each frame.
  case dampedVelocity = "damped_velocity"
  /// Every point goes on along the tangent of a cubic B-spline through where it was seen in the
  /// last 32 frames (see `BSplineTangent`); one that was hidden too much for that, at its last velocity.
  case bSplineTangent = "bspline_tangent"

  /// What is left of the velocity after one frame: a point coasts to ten times its last step.
  static let velocityDecay: Float = 0.9
  /// The next `frames` frames after `history`. Shapes: `history` [T, N] → [`frames`, N].
  /// - Precondition: the history has at least one frame.
  public func predict(history: PointTracks, frames: Int) -> PointTracks {
    precondition(history.frames > 0, "Baseline.predict: the history has no frames")
    let last = history.frames - 1
    var positions = [Float](repeating: 0, count: frames * history.points * 2)
    var visibility = [UInt8](repeating: 0, count: frames * history.points)
    for point in 0..<history.points {
      var (position, step) = launch(of: point, in: history)
      for frame in 0..<frames {
        position += step
        if self == .dampedVelocity { step *= Baseline.velocityDecay }
        let index = frame * history.points + point
        positions[2 * index] = position.x
        positions[2 * index + 1] = position.y
        visibility[index] = history.isVisible(frame: last, point: point) ? 1 : 0
      }
    }
    return PointTracks(
      frames: frames, points: history.points, positions: positions, visibility: visibility)
  }

  /// Where a point is in the last frame of the history, and its way to the next: pixels.
  private func launch(
    of point: Int, in history: PointTracks
  ) -> (position: SIMD2<Float>, step: SIMD2<Float>) {
    if self == .bSplineTangent, let tangent = BSplineTangent(of: point, in: history) {
      return (tangent.position, tangent.velocity)
    }
    let motion = LastMotion(
      frames: history.frames, position: { history.position(frame: $0, point: point) },
      isVisible: { history.isVisible(frame: $0, point: point) })
    return (motion.position, self == .static ? .zero : motion.velocity)
  }
}
