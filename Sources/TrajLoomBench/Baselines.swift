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
  /// How many visible history frames the velocity is fitted to.
  static let fittedFrames = 5

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
    return (
      lastPosition(of: point, in: history),
      self == .static ? .zero : lastVelocity(of: point, in: history)
    )
  }
}

/// The position in the last frame that has one. A point that never had one stays non-finite, and so
/// does its error.
private func lastPosition(of point: Int, in history: PointTracks) -> SIMD2<Float> {
  for frame in (0..<history.frames).reversed() {
    let position = history.position(frame: frame, point: point)
    if position.isFinite { return position }
  }
  return history.position(frame: history.frames - 1, point: point)
}

/// Pixels per frame: the slope of a least-squares line through the last visible frames of the
/// point, zero where fewer than two are visible.
private func lastVelocity(of point: Int, in history: PointTracks) -> SIMD2<Float> {
  let visible = (0..<history.frames).reversed().lazy
    .filter { history.isVisible(frame: $0, point: point) }
    .prefix(Baseline.fittedFrames)
  let frames = Array(visible)
  guard frames.count >= 2 else { return .zero }
  let meanTime = Float(frames.reduce(0, +)) / Float(frames.count)
  var spread: Float = 0
  var slope = SIMD2<Float>.zero
  // The mean position drops out of the slope, because the times below sum to zero; the first
  // position is subtracted instead, to keep the products small.
  let reference = history.position(frame: frames[0], point: point)
  for frame in frames {
    let time = Float(frame) - meanTime
    spread += time * time
    slope += time * (history.position(frame: frame, point: point) - reference)
  }
  return slope / spread
}
