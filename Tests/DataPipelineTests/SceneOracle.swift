import Foundation

@testable import DataPipeline

/// The geometry of a scene once more, in double precision and straight from the laws: what tracks
/// and visibility are checked against. Objects are counted from 0, far to near; nil is the
/// background.
struct SceneOracle {
  typealias Point = SIMD2<Double>
  let timeline: SceneTimeline

  func material(atScreen screen: Point, object: Int?, frame: Int) -> Point {
    let view = timeline.views[frame]
    let (c, s) = (Double(view.cosine), Double(view.sine))
    let d = screen - Point(view.centre)
    let turned = Point(c * d.x + s * d.y, c * d.y - s * d.x) / (c * c + s * s)
    let world = turned + Point(view.centre) + parallax(object) * Point(view.pan)
    guard let object else { return world }
    let pose = timeline.paths[object].poses[frame]
    let p = world - Point(pose.position)
    let (pc, ps) = (Double(pose.cosine), Double(pose.sine))
    let own = Point(pc * p.x + ps * p.y, pc * p.y - ps * p.x)
    return Point(own.x, own.y - displacement(own.x, object: object, frame: frame))
  }

  func screen(ofMaterial material: Point, object: Int?, frame: Int) -> Point {
    var world = material
    if let object {
      let pose = timeline.paths[object].poses[frame]
      let y = material.y + displacement(material.x, object: object, frame: frame)
      let (pc, ps) = (Double(pose.cosine), Double(pose.sine))
      world =
        Point(pose.position) + Point(pc * material.x - ps * y, ps * material.x + pc * y)
    }
    let view = timeline.views[frame]
    let (c, s) = (Double(view.cosine), Double(view.sine))
    let p = world - parallax(object) * Point(view.pan) - Point(view.centre)
    return Point(c * p.x - s * p.y, s * p.x + c * p.y) + Point(view.centre)
  }

  /// How deep a point of the screen lies inside an object, in pixels or about that; negative
  /// outside.
  func depth(atScreen screen: Point, object: Int, frame: Int) -> Double {
    let p = material(atScreen: screen, object: object, frame: frame)
    let shape = timeline.scene.objects[object].shape
    let (reach, a) = (Double(shape.reach), Double(shape.halfLength))
    switch shape.kind {
    case .disc: return reach - (p.x * p.x + p.y * p.y).squareRoot()
    case .rectangle, .strip:
      return min(a - abs(p.x), (reach * reach - a * a).squareRoot() - abs(p.y))
    case .blob:
      guard case .ellipse(_, let b) = shape.outline else { return .nan }
      let (x, y) = (p.x / a, p.y / Double(b))
      return Double(b) * (1 - (x * x + y * y).squareRoot())
    case .triangle, .pentagon, .hexagon:
      let sides = [Shape.Kind.triangle: 3, .pentagon: 5, .hexagon: 6][shape.kind]!
      let corners = (0..<sides).map { corner in
        let angle = 2 * Double.pi * Double(corner) / Double(sides)
        return reach * Point(cos(angle), sin(angle))
      }
      // The distance to the left of each edge, going around.
      return corners.indices.map { index in
        let (from, to) = (corners[index], corners[(index + 1) % sides])
        let edge = to - from
        let cross = edge.x * (p.y - from.y) - edge.y * (p.x - from.x)
        return cross / (edge.x * edge.x + edge.y * edge.y).squareRoot()
      }.min()!
    }
  }

  private func parallax(_ object: Int?) -> Double {
    object.map { Double(timeline.scene.objects[$0].parallax) } ?? 1
  }

  private func displacement(_ u: Double, object: Int, frame: Int) -> Double {
    let item = timeline.scene.objects[object]
    guard let bend = item.bend else { return 0 }
    let s = u / Double(item.shape.halfLength)
    let angle = Double(bend.rate) * Double(frame) + Double(bend.phase)
    let arch = Double(bend.amplitude) * sin(angle) * (s * s - 1 / 3)
    guard bend.style == .wave else { return arch }
    let wave = Double(bend.amplitude) * cos(angle) * 2.598 * s * (1 - s * s)
    return 0.7 * arch + 0.7 * wave
  }
}
