/// Where an object is on one frame, in world coordinates (the pixels of frame 0).
struct Pose: Sendable, Equatable {
  var position: SIMD2<Float>
  /// The sine and cosine of its turn.
  var sine: Float
  var cosine: Float

  static let origin = Pose(position: .zero, sine: 0, cosine: 1)
}

/// The law that an object moves by, in steps of one frame. Pushes change its velocity at once.
struct Motion: Sendable {
  enum Law: Sendable {
    /// Constant velocity or gravity (pixels per frame and frame, downwards), and bounces off the
    /// edges of the frame. `margin`: how far from them the middle turns back. `restitution`: the
    /// share of the impact that a plain bounce gives back.
    case free(gravity: Float, margin: Float, restitution: Float)
    /// To and fro about a place; `rate` in radians per frame.
    case sway(home: SIMD2<Float>, rate: Float)
    /// On a rod of this length below a pivot, turning with the rod.
    case swing(pivot: SIMD2<Float>, length: Float, rate: Float)
  }

  struct Path: Sendable {
    /// One per frame.
    var poses: [Pose]
    /// How often the object sprang off an edge during the history.
    var historyBounces: Int
  }

  var law: Law
  /// Pixels at frame 0: in the world if free, from home if it sways; along the arc from its lowest
  /// point, rightwards and in x alone, if it swings.
  var offset: SIMD2<Float>
  /// Pixels per frame, of the offset.
  var velocity: SIMD2<Float>
  /// Radians at frame 0.
  var angle: Float
  /// Radians per frame.
  var spin: Float

  /// The path through a history and one of its futures; frames before `history` depend on the
  /// history's incidents alone.
  func path(
    frames: Int, history: Int, extent: SIMD2<Float>, past: Incidents, future: Incidents
  ) -> Path {
    var state = self
    var bounces = 0
    var historyBounces = 0
    let poses = (0..<frames).map { frame in
      if frame == history { (historyBounces, bounces) = (bounces, 0) }
      let incidents = frame < history ? past : future
      for push in incidents.pushes where push.frame == frame { state.gain(push.gain) }
      if frame > 0 { state.step(extent: extent, incidents: incidents, bounces: &bounces) }
      return state.pose(frame: frame)
    }
    return Path(poses: poses, historyBounces: frames > history ? historyBounces : bounces)
  }

  private mutating func gain(_ gain: SIMD2<Float>) {
    guard case .swing(_, let length, _) = law else {
      velocity += gain
      return
    }
    // The share along the arc; the rod holds the rest.
    let (sine, cosine) = PortableMath.sineAndCosine(offset.x / length)
    velocity.x += gain.x * cosine - gain.y * sine
  }

  private mutating func step(extent: SIMD2<Float>, incidents: Incidents, bounces: inout Int) {
    switch law {
    case .free(let gravity, let margin, let restitution):
      velocity.y += gravity
      offset += velocity
      for axis in 0..<2 where extent[axis] > 2 * margin {
        let (low, high) = (margin, extent[axis] - margin)
        guard offset[axis] < low || offset[axis] > high else { continue }
        let inwards: Float = offset[axis] < low ? 1 : -1
        // An object at rest on the floor falls in by a step of gravity on each frame; that is no
        // bounce.
        let springs = abs(velocity[axis]) > 10 * gravity
        let chance = springs ? incidents.bounce(bounces) : (liveliness: 1, turn: 0)
        if springs { bounces += 1 }
        let kept = restitution * chance.liveliness
        // Mirrored at the edge, so that the path has a corner and no jump.
        let wall = inwards > 0 ? low : high
        offset[axis] = min(max(wall + kept * (wall - offset[axis]), low), high)
        velocity[axis] *= -kept
        let turn = PortableMath.direction(chance.turn)
        velocity = SIMD2(
          turn.x * velocity.x - turn.y * velocity.y, turn.y * velocity.x + turn.x * velocity.y)
        velocity[axis] = inwards * abs(velocity[axis])
      }
    case .sway(_, let rate), .swing(_, _, let rate):
      // Semi-implicit Euler steps keep the amplitude.
      velocity -= rate * rate * offset
      offset += velocity
    }
  }

  private func pose(frame: Int) -> Pose {
    var position = offset
    var turn = angle + spin * Float(frame)
    switch law {
    case .free: break
    case .sway(let home, _): position += home
    case .swing(let pivot, let length, _):
      let rod = PortableMath.sineAndCosine(offset.x / length)
      position = pivot + length * SIMD2(rod.sine, rod.cosine)
      turn -= offset.x / length
    }
    let (sine, cosine) = PortableMath.sineAndCosine(turn)
    return Pose(position: position, sine: sine, cosine: cosine)
  }
}
