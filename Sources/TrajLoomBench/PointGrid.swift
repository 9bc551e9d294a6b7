/// How a clip's points stand on a regular grid in its frame 0, in whatever order they are listed.
///
/// Metrics that look at neighbours go by this and not by the order of the points.
public struct PointGrid: Sendable, Equatable {
  public let rows: Int
  public let columns: Int
  /// From a column to the next and from a row to the next, pixels; 1 where there is no next.
  public let spacing: SIMD2<Float>
  /// [rows · columns], row by row: the index of the point that stands there.
  public let order: [Int]

  /// The grid of query points, pixels (x right, y down): as many columns as there are different x,
  /// as many rows as there are different y. Nil unless each of their crossings holds one point; the
  /// published scripts guess a grid in that case.
  public init?(queryPoints: [SIMD2<Float>]) {
    guard !queryPoints.isEmpty, queryPoints.allSatisfy(\.isFinite) else { return nil }
    let xs = Set(queryPoints.map(\.x)).sorted()
    let ys = Set(queryPoints.map(\.y)).sorted()
    guard xs.count * ys.count == queryPoints.count else { return nil }
    let column = Dictionary(uniqueKeysWithValues: zip(xs, 0...))
    let row = Dictionary(uniqueKeysWithValues: zip(ys, 0...))
    var order = [Int?](repeating: nil, count: queryPoints.count)
    for (point, place) in queryPoints.enumerated() {
      guard let row = row[place.y], let column = column[place.x] else { return nil }
      order[row * xs.count + column] = point
    }
    guard order.allSatisfy({ $0 != nil }) else { return nil }
    (rows, columns) = (ys.count, xs.count)
    spacing = SIMD2(meanStep(xs), meanStep(ys))
    self.order = order.compactMap { $0 }
  }

  /// The index of the point in a row and a column.
  func point(row: Int, column: Int) -> Int { order[row * columns + column] }
}

private func meanStep(_ ascending: [Float]) -> Float {
  guard let first = ascending.first, let last = ascending.last, ascending.count > 1 else {
    return 1
  }
  return (last - first) / Float(ascending.count - 1)
}

extension PointTracks {
  /// [T, N], row-major: where the truth is seen and these tracks have a position.
  func comparable(with truth: PointTracks) -> [Bool] {
    (0..<frames).flatMap { frame in
      (0..<points).map {
        truth.isVisible(frame: frame, point: $0) && position(frame: frame, point: $0).isFinite
      }
    }
  }
}
