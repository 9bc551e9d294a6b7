import Foundation

/// Where a rigid shape is on one frame, in world coordinates (the pixels of frame 0).
struct Pose: Sendable, Equatable {
  var x: Float
  var y: Float
  /// The sine and cosine of the turn since frame 0.
  var sine: Float
  var cosine: Float
}

/// The laws that an object moves by: constant velocity or gravity, bouncing off the edges of the
/// frame, with constant spin.
struct RigidMotion: Sendable {
  /// Pixels at frame 0.
  var position: SIMD2<Float>
  /// Pixels per frame.
  var velocity: SIMD2<Float>
  /// Pixels per frame and frame, downwards.
  var gravity: Float
  /// Radians per frame.
  var spin: Float
  /// How far from the edges the centre turns back.
  var margin: Float

  /// The pose on each frame. At frame `kickFrame` the velocity gains `kick`, which is where futures
  /// part.
  func poses(
    frames: Int, extent: SIMD2<Float>, kickFrame: Int, kick: SIMD2<Float>
  ) -> [Pose] {
    var (position, velocity) = (position, velocity)
    let low = SIMD2<Float>(repeating: margin)
    let high = extent - low
    return (0..<frames).map { frame in
      if frame == kickFrame { velocity += kick }
      if frame > 0 {
        velocity.y += gravity
        position += velocity
        for axis in 0..<2 where high[axis] > low[axis] {
          // Mirrored at the wall, so that the path has a corner and no jump.
          if position[axis] < low[axis] {
            position[axis] = min(2 * low[axis] - position[axis], high[axis])
            velocity[axis] = abs(velocity[axis])
          } else if position[axis] > high[axis] {
            position[axis] = max(2 * high[axis] - position[axis], low[axis])
            velocity[axis] = -abs(velocity[axis])
          }
        }
      }
      let angle = spin * Float(frame)
      return Pose(x: position.x, y: position.y, sine: sin(angle), cosine: cos(angle))
    }
  }
}
