@testable import TrajLoomBench

/// A grid of points every 32 pixels.
func grid(rows: Int, columns: Int) -> PointGrid {
  PointGrid(
    queryPoints: (0..<rows * columns).map {
      SIMD2(Float($0 % columns) * 32, Float($0 / columns) * 32)
    })!
}

/// Points of a grid that wander with the steps of a seeded random walk; some are hidden at times.
func wandering(
  _ grid: PointGrid, frames: Int, seed: UInt64, step: Float = 3, hiddenShare: Float = 0.1
) -> PointTracks {
  var random = Scatter(state: seed)
  var places = (0..<grid.order.count).map {
    SIMD2(Float($0 % grid.columns) * 32, Float($0 / grid.columns) * 32)
  }
  var speeds = places.map { _ in SIMD2(random.next() - 0.5, random.next() - 0.5) * step }
  var positions: [Float] = []
  for _ in 0..<frames {
    for point in places.indices {
      speeds[point] += SIMD2(random.next() - 0.5, random.next() - 0.5) * (step / 4)
      places[point] += speeds[point]
      positions += [places[point].x, places[point].y]
    }
  }
  return PointTracks(
    frames: frames, points: places.count, positions: positions,
    visibility: (0..<frames * places.count).map { _ in random.next() < hiddenShare ? 0 : 1 })
}

extension PointTracks {
  /// The same tracks with every position changed.
  func mapped(_ change: (_ frame: Int, _ point: Int, SIMD2<Float>) -> SIMD2<Float>) -> PointTracks {
    var positions: [Float] = []
    for frame in 0..<frames {
      for point in 0..<points {
        let place = change(frame, point, position(frame: frame, point: point))
        positions += [place.x, place.y]
      }
    }
    return PointTracks(
      frames: frames, points: points, positions: positions, visibility: visibility)
  }

  /// The points in another order: number k is number `order[k]` of these.
  func reordered(_ order: [Int]) -> PointTracks {
    var (positions, visibility): ([Float], [UInt8]) = ([], [])
    for frame in 0..<frames {
      for point in order {
        let place = position(frame: frame, point: point)
        positions += [place.x, place.y]
        visibility.append(self.visibility[frame * points + point])
      }
    }
    return PointTracks(
      frames: frames, points: points, positions: positions, visibility: visibility)
  }

  /// All points visible.
  var unhidden: PointTracks {
    PointTracks(
      frames: frames, points: points, positions: positions,
      visibility: Array(repeating: 1, count: visibility.count))
  }
}

/// Numbers in [0, 1) by xorshift.
struct Scatter {
  var state: UInt64

  mutating func next() -> Float {
    if state == 0 { state = 0x9E37_79B9_7F4A_7C15 }
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Float(state >> 40) / Float(1 << 24)
  }
}

/// 0..<count in an order of chance.
func shuffled(_ count: Int, seed: UInt64) -> [Int] {
  var random = Scatter(state: seed)
  return (0..<count).map { (random.next(), $0) }.sorted { $0 < $1 }.map { $0.1 }
}
