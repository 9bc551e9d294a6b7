/// A camera over flat layers: pan, slight zoom and roll about the middle of the frame. On frame 0
/// the screen is the world.
struct Camera: Sendable {
  /// The camera on one frame.
  struct View: Sendable, Equatable {
    /// How far the camera has moved, pixels; x right, y down.
    let pan: SIMD2<Float>
    /// Zoom times cosine and sine of the roll.
    let cosine: Float
    let sine: Float
    /// The middle of the frame, pixels.
    let centre: SIMD2<Float>

    /// From the coordinates of something at `pose` in the world to the screen. A layer nearer than
    /// the background (`parallax` > 1) shifts more under a pan.
    func place(_ pose: Pose, parallax: Float) -> Similarity {
      let p = pose.position - parallax * pan - centre
      return Similarity(
        cosine: cosine * pose.cosine - sine * pose.sine,
        sine: sine * pose.cosine + cosine * pose.sine,
        shift: SIMD2(cosine * p.x - sine * p.y, sine * p.x + cosine * p.y) + centre)
    }
  }

  /// The mean over an ease, pixels per frame.
  var velocity: SIMD2<Float>
  /// How much the pan slows and hastens, as a share of its velocity; below 1 it never turns back.
  var ease: Float
  /// Radians per frame of the ease.
  var easeRate: Float
  /// Relative growth per frame; above 0 the camera zooms in.
  var zoomRate: Float
  /// Radians per frame.
  var rollRate: Float

  func views(frames: Int, geometry: GridGeometry) -> [View] {
    let centre = SIMD2(Float(geometry.width), Float(geometry.height)) / 2
    var zoom: Float = 1
    return (0..<frames).map { frame in
      let t = Float(frame)
      let (sine, cosine) = PortableMath.sineAndCosine(rollRate * t)
      // The integral of the speed 1 + ease · cos(easeRate · t).
      let travel = t + ease / easeRate * PortableMath.sineAndCosine(easeRate * t).sine
      defer { zoom *= 1 + zoomRate }
      return View(
        pan: velocity * travel, cosine: zoom * cosine, sine: zoom * sine, centre: centre)
    }
  }
}
