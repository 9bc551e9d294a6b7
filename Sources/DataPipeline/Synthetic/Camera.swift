import Foundation

/// A camera over flat layers: pan, slight zoom and roll about the middle of the frame. On frame 0
/// the screen is the world.
struct Camera: Sendable {
  /// The camera on one frame.
  struct View: Sendable, Equatable {
    /// How far the camera has moved, pixels.
    var pan: SIMD2<Float>
    /// Zoom times cosine and sine of the roll.
    var cosine: Float
    var sine: Float
    /// The middle of the frame, pixels.
    var centre: SIMD2<Float>

    /// World to screen. A layer nearer than the background (`parallax` > 1) shifts more.
    func project(_ world: SIMD2<Float>, parallax: Float) -> SIMD2<Float> {
      let p = world - parallax * pan - centre
      return SIMD2(cosine * p.x - sine * p.y, sine * p.x + cosine * p.y) + centre
    }

    /// Screen to world, the inverse of `project`.
    func unproject(_ screen: SIMD2<Float>, parallax: Float) -> SIMD2<Float> {
      let p = (screen - centre) / (cosine * cosine + sine * sine)
      return SIMD2(cosine * p.x + sine * p.y, cosine * p.y - sine * p.x) + centre + parallax * pan
    }
  }

  /// Pixels per frame.
  var velocity: SIMD2<Float>
  /// Pixels of a slow swing beside the steady pan.
  var swing: SIMD2<Float>
  /// Radians per frame of the swing.
  var swingRate: Float
  /// Relative growth per frame.
  var zoomRate: Float
  /// Radians per frame.
  var rollRate: Float

  func views(frames: Int, geometry: GridGeometry) -> [View] {
    let centre = SIMD2(Float(geometry.width), Float(geometry.height)) / 2
    return (0..<frames).map { frame in
      let t = Float(frame)
      let zoom = exp(zoomRate * t)
      return View(
        pan: velocity * t + swing * sin(swingRate * t), cosine: zoom * cos(rollRate * t),
        sine: zoom * sin(rollRate * t), centre: centre)
    }
  }
}
