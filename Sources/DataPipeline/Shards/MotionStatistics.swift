/// Running sums over clips: how far and how fast visible points move.
struct MotionStatistics {
  private(set) var xRange: [Float] = [.infinity, -.infinity]
  private(set) var yRange: [Float] = [.infinity, -.infinity]
  private(set) var points = 0
  private(set) var visible = 0
  private(set) var displacement = 0.0
  private(set) var displaced = 0
  private(set) var largestDisplacement = 0.0
  private(set) var speed = 0.0
  private(set) var steps = 0
  private(set) var largestSpeed = 0.0
  private(set) var tracks = 0
  private(set) var moving = 0

  /// - Parameter isVisible: [T, Hc, Wc].
  mutating func add(_ clip: Clip, isVisible: [Bool], geometry: GridGeometry) {
    let (tracks, count) = (clip.tracks, geometry.count)
    func distance(_ a: Int, _ b: Int) -> Double {
      let (dx, dy) = (tracks[2 * a] - tracks[2 * b], tracks[2 * a + 1] - tracks[2 * b + 1])
      return Double((dx * dx + dy * dy).squareRoot())
    }
    points += isVisible.count
    self.tracks += count
    var hasMoved = [Bool](repeating: false, count: count)
    for point in isVisible.indices where isVisible[point] {
      visible += 1
      let (x, y) = (tracks[2 * point], tracks[2 * point + 1])
      xRange = [min(xRange[0], x), max(xRange[1], x)]
      yRange = [min(yRange[0], y), max(yRange[1], y)]
      let fromStart = distance(point, point % count)
      displacement += fromStart
      displaced += 1
      largestDisplacement = max(largestDisplacement, fromStart)
      if fromStart > 8 { hasMoved[point % count] = true }
      if point >= count, isVisible[point - count] {
        let step = distance(point, point - count)
        speed += step
        steps += 1
        largestSpeed = max(largestSpeed, step)
      }
    }
    moving += hasMoved.count { $0 }
  }
}

/// How much of the variance of two-dimensional values the cell explains:
/// eta^2 = sum_g W_g |mu_g - mu|^2 / sum |x - mu|^2 (arXiv 2603.22606, figure 3b).
struct GridVariance {
  private var weights: [Double]
  private var sums: [SIMD2<Double>]
  private var squares = 0.0

  init(cells: Int) {
    weights = [Double](repeating: 0, count: cells)
    sums = [SIMD2<Double>](repeating: .zero, count: cells)
  }

  mutating func add(_ value: SIMD2<Double>, cell: Int) {
    weights[cell] += 1
    sums[cell] += value
    squares += (value * value).sum()
  }

  /// From 0 to 1; 0 when nothing varies.
  var explainedShare: Double {
    let weight = weights.reduce(0, +)
    guard weight > 0 else { return 0 }
    let mean = sums.reduce(.zero, +) / weight
    let total = squares - weight * (mean * mean).sum()
    let between = zip(weights, sums).reduce(0.0) { sum, cell in
      guard cell.0 > 0 else { return sum }
      let difference = cell.1 / cell.0 - mean
      return sum + cell.0 * (difference * difference).sum()
    }
    return total > 1e-12 * weight ? between / total : 0
  }
}
