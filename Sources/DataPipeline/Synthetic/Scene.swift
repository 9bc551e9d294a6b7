import Autograd
import Foundation

/// One scene of the synthetic world: a textured background, a camera, and rigid objects at
/// different depths.
struct Scene: Sendable {
  struct Object: Sendable {
    let shape: RigidShape
    let motion: RigidMotion
    /// How much more than the background the object shifts under a pan; nearer is more.
    let parallax: Float
    let colour: Colour
    /// The velocity that the object gains where futures part, pixels per frame.
    let kick: SIMD2<Float>
  }

  struct Colour: Sendable {
    let name: String
    let rgb: SIMD3<Float>
  }

  let background: Colour
  let camera: Camera
  /// From the farthest to the nearest.
  let objects: [Object]
  /// Of the textures.
  let textureSeed: UInt32

  /// The scene of a history, with the kicks of one of its futures; a pure function of its
  /// arguments.
  init(config: SyntheticConfig, scene index: Int, future: Int) {
    let random = Philox(seed: config.seed, stream: "synthetic scene")
    let u = random.uniform(16, sample: index)
    let geometry = config.geometry
    let extent = SIMD2(Float(geometry.width), Float(geometry.height))
    let size = min(extent.x, extent.y)
    // Speeds are meant for 480 x 832 and 162 frames, and scale with the frame.
    let scale = size / 480
    let isPanning = u[0] < 0.7
    let heading = 2 * Float.pi * u[1]
    let speed = isPanning ? scale * (0.3 + 0.9 * u[2]) : 0
    camera = Camera(
      velocity: speed * SIMD2(cos(heading), 0.4 * sin(heading)),
      swing: isPanning ? scale * SIMD2(8 * u[3], 5 * u[4]) : .zero,
      swingRate: 0.02 + 0.04 * u[5],
      zoomRate: isPanning ? 0.0016 * (u[6] - 0.5) : 0,
      rollRate: isPanning ? 0.0012 * (u[7] - 0.5) : 0)
    let backgroundIndex = Int(u[8] * Float(Colour.all.count))
    background = Colour.all[backgroundIndex]
    textureSeed = random.words(step: 1, sample: index, index: 0).x
    let count = 2 + Int(u[9] * 5)
    objects = (0..<count).map { number in
      Object(
        draw: Philox(seed: config.seed, stream: "synthetic object \(number)"), scene: index,
        future: config.futures > 1 ? future : nil, background: backgroundIndex,
        nearness: Float(number + 1) / Float(count),
        extent: extent, scale: scale, size: size)
    }
  }

  /// Such as "2 red discs and a blue triangle move over a green background while the camera pans
  /// left."
  var caption: String {
    var counts: [(name: String, count: Int)] = []
    for object in objects {
      let name = "\(object.colour.name) \(object.shape.name)"
      if let known = counts.firstIndex(where: { $0.name == name }) {
        counts[known].count += 1
      } else {
        counts.append((name, 1))
      }
    }
    let phrases = counts.map { name, count in
      count == 1 ? withArticle(name) : "\(count) \(name)s"
    }
    let list =
      phrases.count == 1
      ? phrases[0]
      : phrases.dropLast().joined(separator: ", ") + " and " + phrases[phrases.count - 1]
    let falls = objects.contains { $0.motion.gravity > 0 }
    let verb = (falls ? "fall and bounce" : "move") + (objects.count == 1 ? "s" : "")
    let pan = camera.velocity
    let direction =
      pan == .zero
      ? "the camera stands still"
      : "the camera pans "
        + (abs(pan.x) > abs(pan.y) ? (pan.x > 0 ? "right" : "left") : pan.y > 0 ? "down" : "up")
    let text = "\(list) \(verb) over \(withArticle(background.name)) background while \(direction)."
    return text.prefix(1).uppercased() + text.dropFirst()
  }
}

private func withArticle(_ noun: String) -> String {
  ("aeiou".contains(noun.first ?? "x") ? "an " : "a ") + noun
}

extension Scene.Object {
  /// Draws an object; `future` selects its kick, nil for none.
  fileprivate init(
    draw random: Philox, scene: Int, future: Int?, background: Int, nearness: Float,
    extent: SIMD2<Float>, scale: Float, size: Float
  ) {
    let u = random.uniform(16, sample: scene)
    let radius = size * (0.08 + 0.14 * u[0])
    switch Int(u[1] * 5) {
    case 0: shape = .disc(radius: radius)
    case 1: shape = .rectangle(halfWidth: radius, halfHeight: radius * (0.4 + 0.5 * u[2]))
    case 2: shape = .polygon(sides: 3, radius: radius * 1.2)
    case 3: shape = .polygon(sides: 5, radius: radius)
    default: shape = .polygon(sides: 6, radius: radius)
    }
    let heading = 2 * Float.pi * u[3]
    let speed = scale * (0.3 + 2.7 * u[4] * u[4])
    let margin = min(shape.reach, 0.45 * size)
    motion = RigidMotion(
      position: SIMD2(repeating: margin)
        + SIMD2(u[5], u[6]) * (extent - SIMD2(repeating: 2 * margin)),
      velocity: speed * SIMD2(cos(heading), sin(heading)),
      gravity: u[7] < 0.25 ? scale * (0.01 + 0.02 * u[8]) : 0,
      spin: u[9] < 0.5 ? 0 : 0.04 * (u[10] - 0.5), margin: margin)
    parallax = 1 + 0.5 * nearness * u[11]
    // Any colour but the background's, else the object could not be seen.
    let others = Scene.Colour.all.count - 1
    colour = Scene.Colour.all[(background + 1 + Int(u[12] * Float(others))) % (others + 1)]
    if let future {
      let v = random.uniform(2, step: 1 + future, sample: scene)
      let angle = 2 * Float.pi * v[0]
      kick = scale * (0.5 + 1.5 * v[1]) * SIMD2(cos(angle), sin(angle))
    } else {
      kick = .zero
    }
  }
}

extension Scene.Colour {
  fileprivate static let all: [Scene.Colour] = [
    .init(name: "red", rgb: SIMD3(210, 60, 50)), .init(name: "orange", rgb: SIMD3(230, 140, 40)),
    .init(name: "yellow", rgb: SIMD3(225, 205, 70)), .init(name: "green", rgb: SIMD3(70, 160, 80)),
    .init(name: "blue", rgb: SIMD3(60, 95, 200)), .init(name: "purple", rgb: SIMD3(140, 75, 170)),
    .init(name: "white", rgb: SIMD3(215, 215, 215)), .init(name: "grey", rgb: SIMD3(115, 115, 120)),
  ]
}
