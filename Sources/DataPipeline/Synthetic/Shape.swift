/// A flat shape around its own origin, in pixels; where it bends, this is its unbent form.
struct Shape: Sendable {
  enum Kind: String, CaseIterable, Sendable {
    case disc, rectangle, triangle, pentagon, hexagon
    /// Bend as they move: a long rectangle and a long ellipse.
    case strip, blob

    var bends: Bool { self == .strip || self == .blob }
  }

  enum Outline: Sendable {
    /// Half-axes.
    case ellipse(a: Float, b: Float)
    /// Convex: the points whose distances along all normals are at most `distance`. Unused lanes
    /// have no normal and hold everything.
    case edges(normalX: SIMD8<Float>, normalY: SIMD8<Float>, distance: SIMD8<Float>)
  }

  let kind: Kind
  /// The radius of a disc around the origin that holds the shape.
  let reach: Float
  /// Half of its extent along its x axis, along which it bends.
  let halfLength: Float
  let outline: Outline

  /// - Parameter slimness: from 0 to 1, the height of rectangles, strips and blobs between the
  ///   stoutest and the slimmest.
  init(_ kind: Kind, radius: Float, slimness: Float) {
    self.kind = kind
    switch kind {
    case .disc:
      (reach, halfLength) = (radius, radius)
      outline = .ellipse(a: radius, b: radius)
    case .blob:
      (reach, halfLength) = (1.3 * radius, 1.3 * radius)
      outline = .ellipse(a: 1.3 * radius, b: radius * (0.7 - 0.25 * slimness))
    case .rectangle:
      (reach, halfLength, outline) = Shape.box(radius, radius * (0.9 - 0.5 * slimness))
    case .strip:
      (reach, halfLength, outline) = Shape.box(1.4 * radius, radius * (0.45 - 0.15 * slimness))
    case .triangle: (reach, halfLength, outline) = Shape.regular(sides: 3, radius: 1.2 * radius)
    case .pentagon: (reach, halfLength, outline) = Shape.regular(sides: 5, radius: radius)
    case .hexagon: (reach, halfLength, outline) = Shape.regular(sides: 6, radius: radius)
    }
  }

  /// Whether a point in the shape's own, unbent coordinates lies in it.
  @inline(__always)  // the inner loop of the video
  func contains(_ p: SIMD2<Float>) -> Bool {
    switch outline {
    case .ellipse(let a, let b):
      let (x, y) = (p.x / a, p.y / b)
      return x * x + y * y <= 1
    case .edges(let normalX, let normalY, let distance):
      return all(normalX * p.x + normalY * p.y .<= distance)
    }
  }

  private typealias Form = (reach: Float, halfLength: Float, outline: Outline)

  private static func box(_ a: Float, _ b: Float) -> Form {
    let edges = Outline.edges(
      normalX: SIMD8(1, -1, 0, 0, 0, 0, 0, 0), normalY: SIMD8(0, 0, 1, -1, 0, 0, 0, 0),
      distance: SIMD8(a, a, b, b, 0, 0, 0, 0))
    return ((a * a + b * b).squareRoot(), a, edges)
  }

  /// A regular polygon whose corners lie on a circle.
  private static func regular(sides: Int, radius: Float) -> Form {
    var (normalX, normalY) = (SIMD8<Float>.zero, SIMD8<Float>.zero)
    for side in 0..<sides {
      let normal = PortableMath.direction(2 * Float.pi * (Float(side) + 0.5) / Float(sides))
      (normalX[side], normalY[side]) = (normal.x, normal.y)
    }
    let inner = radius * PortableMath.direction(Float.pi / Float(sides)).x
    return (
      radius, radius,
      .edges(normalX: normalX, normalY: normalY, distance: SIMD8(repeating: inner))
    )
  }
}
