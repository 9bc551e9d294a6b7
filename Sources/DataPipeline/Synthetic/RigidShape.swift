import Foundation

/// A flat rigid shape around its own origin, in pixels.
enum RigidShape: Sendable, Equatable {
  case disc(radius: Float)
  case rectangle(halfWidth: Float, halfHeight: Float)
  /// The corners lie on a circle of this radius.
  case polygon(sides: Int, radius: Float)

  /// The radius of a disc around the origin that holds the shape.
  var reach: Float {
    switch self {
    case .disc(let radius), .polygon(_, let radius): radius
    case .rectangle(let a, let b): (a * a + b * b).squareRoot()
    }
  }

  var name: String {
    switch self {
    case .disc: "disc"
    case .rectangle: "rectangle"
    case .polygon(3, _): "triangle"
    case .polygon(5, _): "pentagon"
    case .polygon: "hexagon"
    }
  }

  /// Whether a point in the shape's own coordinates lies in it.
  func contains(_ x: Float, _ y: Float) -> Bool {
    switch self {
    case .disc(let radius): return x * x + y * y <= radius * radius
    case .rectangle(let a, let b): return abs(x) <= a && abs(y) <= b
    case .polygon(let sides, let radius):
      // Inside of every edge: the distance along each edge's normal is at most the inner radius.
      let inner = radius * cos(Float.pi / Float(sides))
      for side in 0..<sides {
        let angle = 2 * Float.pi * (Float(side) + 0.5) / Float(sides)
        if x * cos(angle) + y * sin(angle) > inner { return false }
      }
      return true
    }
  }
}
