import Autograd

extension SyntheticConfig {
  /// W and H, pixels.
  var extent: SIMD2<Float> { SIMD2(Float(geometry.width), Float(geometry.height)) }

  /// Sizes and speeds are meant for 480 x 832 and 162 frames, and scale with the frame.
  var scale: Float { min(extent.x, extent.y) / 480 }
}

extension Scene {
  /// Draws scene `index`, a pure function of the arguments.
  init(config: SyntheticConfig, scene index: Int) {
    let random = Philox(seed: config.seed, stream: "synthetic scene")
    let u = random.uniform(8, sample: index)
    camera = Camera(draw: random.uniform(12, step: 2, sample: index), scale: config.scale)
    let backgroundIndex = Int(u[0] * Float(Colour.all.count))
    background = Colour.all[backgroundIndex]
    textureSeed = random.words(step: 1, sample: index, index: 0).x
    // Many calm scenes, some wild ones.
    unrest = 0.02 + 0.98 * u[1] * u[1]
    let count = 2 + Int(u[2] * 5)
    var objects: [Object] = []
    var look: [Float] = []
    for number in 0..<count {
      let draws = Philox(seed: config.seed, stream: "synthetic object \(number)").uniform(
        24, sample: index)
      // Now and then an object looks and moves as the one behind it: "two red discs".
      if number == 0 || draws[0] >= 0.35 { look = Array(draws[1..<6]) }
      objects.append(
        Object(
          draw: Array(draws[6...]), look: look, background: backgroundIndex,
          nearness: Float(number + 1) / Float(count), config: config))
    }
    self.objects = objects
  }
}

extension Camera {
  /// Pans, zooms and rolls, each in some of the scenes.
  fileprivate init(draw u: [Float], scale: Float) {
    let speed = u[0] < 0.6 ? scale * (0.3 + 0.7 * u[1]) : 0
    velocity = speed * SIMD2(1, 0.6) * PortableMath.direction(2 * Float.pi * u[2])
    ease = 0.8 * u[3]
    easeRate = 0.02 + 0.04 * u[4]
    zoomRate = u[5] < 0.4 ? (u[6] < 0.5 ? -1 : 1) * (0.0003 + 0.0005 * u[7]) : 0
    rollRate = u[8] < 0.3 ? (u[9] < 0.5 ? -1 : 1) * (0.0003 + 0.0005 * u[10]) : 0
  }
}

extension Scene.Object {
  /// - Parameters:
  ///   - look: draws of kind, colour, motion, bend and spin, which several objects may share.
  ///   - background: the index of its colour.
  fileprivate init(
    draw u: [Float], look: [Float], background: Int, nearness: Float, config: SyntheticConfig
  ) {
    let kinds = Shape.Kind.allCases
    shape = Shape(
      kinds[Int(look[0] * Float(kinds.count))], radius: 480 * config.scale * (0.08 + 0.14 * u[0]),
      slimness: u[1])
    // Any colour but the background's, else the object could not be seen.
    let others = Scene.Colour.all.count - 1
    colour = Scene.Colour.all[(background + 1 + Int(look[1] * Float(others))) % (others + 1)]
    bend =
      shape.kind.bends
      ? Bend(
        style: look[3] < 0.5 ? .arch : .wave,
        amplitude: min(config.scale * (15 + 30 * u[2]), 0.3 * shape.reach),
        rate: 0.04 + 0.05 * u[3], phase: 2 * Float.pi * u[4])
      : nil
    parallax = 1 + 0.5 * nearness * u[5]
    motion = Motion(draw: Array(u[6...]), look: look, shape: shape, config: config)
  }
}

extension Motion {
  fileprivate init(draw u: [Float], look: [Float], shape: Shape, config: SyntheticConfig) {
    let (extent, scale) = (config.extent, config.scale)
    let margin = min(shape.reach, 216 * scale)
    let place =
      SIMD2(repeating: margin) + SIMD2(u[0], u[1]) * (extent - SIMD2(repeating: 2 * margin))
    let heading = PortableMath.direction(2 * Float.pi * u[2])
    angle = 2 * Float.pi * u[3]
    spin = look[4] < 0.5 ? (look[4] < 0.25 ? -1 : 1) * (0.006 + 0.012 * u[4]) : 0
    let phase = PortableMath.direction(2 * Float.pi * u[5])
    switch look[2] {
    case ..<0.55:
      let falls = look[2] < 0.25
      law = .free(
        gravity: falls ? scale * (0.01 + 0.02 * u[6]) : 0, margin: margin,
        restitution: 0.8 + 0.2 * u[7])
      offset = place
      velocity = scale * (0.3 + 2.7 * u[8] * u[8]) * heading
    case ..<0.75:
      let rate = 0.04 + 0.04 * u[6]
      let amplitude = scale * (20 + 40 * u[7])
      law = .sway(home: place, rate: rate)
      offset = amplitude * phase.x * heading
      velocity = amplitude * rate * phase.y * heading
    default:
      // A pendulum whose length is at least the object's own: the longer, the slower.
      let length = shape.reach + scale * 80 * u[6]
      let rate = (0.6 * scale / length).squareRoot()
      let arc = (0.15 + 0.25 * u[7]) * length
      law = .swing(pivot: place - SIMD2(0, length), length: length, rate: rate)
      offset = SIMD2(arc * phase.x, 0)
      velocity = SIMD2(arc * rate * phase.y, 0)
      spin = 0
    }
  }
}
