/// One scene of the synthetic world: a textured background, a camera, and objects at different
/// depths. What happens by chance on top of it is up to `Incidents`.
struct Scene: Sendable {
  struct Object: Sendable {
    let shape: Shape
    /// nil: rigid.
    let bend: Bend?
    let motion: Motion
    /// How much more than the background the object shifts under a pan; nearer is more.
    let parallax: Float
    let colour: Colour
  }

  struct Colour: Sendable, Equatable {
    let name: String
    let rgb: SIMD3<Float>
  }

  let background: Colour
  let camera: Camera
  /// From the farthest to the nearest.
  let objects: [Object]
  /// How strong pushes are and how far bounces stray, from 0.02 to 1: how much futures differ.
  let unrest: Float
  /// Of the textures.
  let textureSeed: UInt32
}

extension Scene.Colour {
  static let all: [Scene.Colour] = [
    .init(name: "red", rgb: SIMD3(210, 60, 50)), .init(name: "orange", rgb: SIMD3(230, 140, 40)),
    .init(name: "yellow", rgb: SIMD3(225, 205, 70)), .init(name: "green", rgb: SIMD3(70, 160, 80)),
    .init(name: "blue", rgb: SIMD3(60, 95, 200)), .init(name: "purple", rgb: SIMD3(140, 75, 170)),
    .init(name: "white", rgb: SIMD3(215, 215, 215)), .init(name: "grey", rgb: SIMD3(115, 115, 120)),
  ]
}
