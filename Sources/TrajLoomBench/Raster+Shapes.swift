/// One end of a piece of a line: the width and the opacity change linearly from one to the next.
struct StrokePoint {
  var position: SIMD2<Float>
  /// Half of the line's width, pixels.
  var radius: Float
  /// [0, 1].
  var alpha: Float
}

extension Raster {
  /// A line with round ends through `points`; a disc for a single one.
  mutating func stroke(_ points: [StrokePoint], color: RGB, clip: Region) {
    let pieces =
      points.count == 1 ? [(points[0], points[0])] : Array(zip(points, points.dropFirst()))
    stroke(pieces: pieces, color: color, clip: clip)
  }

  /// Straight lines with round ends. Where they overlap nothing is drawn twice: each pixel takes
  /// the strongest ink that any piece has for it.
  mutating func stroke(pieces: [(StrokePoint, StrokePoint)], color: RGB, clip: Region) {
    let ends = pieces.flatMap { [$0.0, $0.1] }
    let region = box(around: ends.map { ($0.position, $0.radius) }, clip: clip)
    var ink = [Float](repeating: 0, count: region.width * region.height)
    for (a, b) in pieces {
      let along = b.position - a.position
      let lengthSquared = max((along * along).sum(), 1e-12)
      let near = box(
        around: [(a.position, a.radius), (b.position, b.radius)], clip: region)
      for y in near.y..<near.y + near.height {
        for x in near.x..<near.x + near.width {
          let offset = SIMD2(Float(x) + 0.5, Float(y) + 0.5) - a.position
          let t = max(0, min(1, (offset * along).sum() / lengthSquared))
          let toLine = offset - t * along
          let distance = (toLine * toLine).sum().squareRoot()
          let cover = coverage(distance: distance, radius: a.radius + t * (b.radius - a.radius))
          let index = (y - region.y) * region.width + x - region.x
          ink[index] = max(ink[index], cover * (a.alpha + t * (b.alpha - a.alpha)))
        }
      }
    }
    lay(ink, over: region, color: color)
  }

  mutating func disc(
    center: SIMD2<Float>, radius: Float, color: RGB, alpha: Float = 1, clip: Region
  ) {
    stroke([StrokePoint(position: center, radius: radius, alpha: alpha)], color: color, clip: clip)
  }

  /// A hollow circle: a line of width `thickness` centred on `radius`.
  mutating func ring(
    center: SIMD2<Float>, radius: Float, thickness: Float, color: RGB, alpha: Float = 1,
    clip: Region
  ) {
    let region = box(around: [(center, radius + thickness / 2)], clip: clip)
    var ink = [Float](repeating: 0, count: region.width * region.height)
    for y in 0..<region.height {
      for x in 0..<region.width {
        let offset = SIMD2(Float(region.x + x) + 0.5, Float(region.y + y) + 0.5) - center
        let distance = abs((offset * offset).sum().squareRoot() - radius)
        ink[y * region.width + x] = alpha * coverage(distance: distance, radius: thickness / 2)
      }
    }
    lay(ink, over: region, color: color)
  }

  private mutating func lay(_ ink: [Float], over region: Region, color: RGB) {
    for y in 0..<region.height {
      for x in 0..<region.width where ink[y * region.width + x] > 0 {
        blend(
          x: region.x + x, y: region.y + y, color: color, alpha: ink[y * region.width + x])
      }
    }
  }

  /// The pixels that discs of these radii can touch, with one more all around for the soft edge;
  /// empty for no discs.
  private func box(around discs: [(center: SIMD2<Float>, radius: Float)], clip: Region) -> Region {
    let limits = clip.intersection(bounds)
    let corner = SIMD2(Float(limits.x), Float(limits.y))
    let opposite = corner + SIMD2(Float(limits.width), Float(limits.height))
    // Clamped before they become integers: a diverged model's tracks can be anywhere.
    var low = opposite
    var high = corner
    for (center, radius) in discs {
      low = pointwiseMin(low, pointwiseMax(center - radius - 1, corner))
      high = pointwiseMax(high, pointwiseMin(center + radius + 1, opposite))
    }
    let (left, top) = (Int(low.x.rounded(.down)), Int(low.y.rounded(.down)))
    let (right, bottom) = (Int(high.x.rounded(.up)), Int(high.y.rounded(.up)))
    return Region(x: left, y: top, width: max(0, right - left), height: max(0, bottom - top))
  }
}

/// How much of a pixel at this distance from the middle of a line is under it: the overlap of
/// [-radius, radius] with the pixel's width. Exact along the axes, and right for lines thinner than
/// a pixel too.
private func coverage(distance: Float, radius: Float) -> Float {
  max(0, min(distance + 0.5, radius) - max(distance - 0.5, -radius))
}
