/// Which imported point serves which cell of the grid.
struct GridMatch: Equatable {
  enum Kind: Equatable {
    /// Every cell has its own point, in row-major order.
    case exact
    /// Every cell has its own point, in another order.
    case reordered
    /// Each cell has the nearest point that no other cell has; some cells may have none.
    case nearest
  }

  let kind: Kind
  /// [Hc Wc], the point of each cell; nil for an empty cell.
  let points: [Int?]
  /// The mean distance of the points from the query points that they stand for, pixels.
  let meanDistance: Float

  var emptyCells: Int { points.count { $0 == nil } }

  /// - Parameters:
  ///   - starts: [N], the points on frame 0 in pixels; not finite where unknown.
  ///   - isVisible: whether a point is seen on frame 0. A point that is not serves a cell only if
  ///     its place shows that it was put there for it: elsewhere its position is a guess.
  ///   - tolerance: how far a point may be from the query point that it was put on, pixels.
  init(
    starts: [(x: Float, y: Float)], geometry: GridGeometry,
    isVisible: (Int) -> Bool = { _ in true },
    tolerance: Float = 1
  ) {
    let nearest = starts.map { geometry.nearestCell(x: $0.x, y: $0.y) }
    if starts.count == geometry.count {
      let distances = nearest.compactMap { $0?.distance }
      let isClose = !distances.isEmpty && distances.allSatisfy { $0 <= tolerance }
      // A point that is unknown on frame 0 takes the place that its neighbours leave to it.
      if isClose,
        nearest.enumerated().allSatisfy({ $0.element == nil || $0.element!.cell == $0.offset })
      {
        kind = .exact
        points = Array(0..<geometry.count)
        meanDistance = mean(distances)
        return
      }
      var cells: [Int?] = Array(repeating: nil, count: geometry.count)
      for (point, place) in nearest.enumerated() { if let place { cells[place.cell] = point } }
      if isClose, cells.allSatisfy({ $0 != nil }) {
        kind = .reordered
        points = cells
        meanDistance = mean(distances)
        return
      }
    }
    let pairs = closePairs(starts, geometry).filter { isVisible($0.point) }
    var cells: [Int?] = Array(repeating: nil, count: geometry.count)
    var (taken, distances): (Set<Int>, [Float]) = ([], [])
    for pair in pairs where cells[pair.cell] == nil && taken.insert(pair.point).inserted {
      cells[pair.cell] = pair.point
      distances.append(pair.distance)
    }
    kind = .nearest
    points = cells
    meanDistance = mean(distances)
  }
}

private func mean(_ values: [Float]) -> Float {
  values.isEmpty ? 0 : values.reduce(0, +) / Float(values.count)
}

private struct ClosePair {
  let point: Int
  let cell: Int
  let distance: Float
  /// The distance in thousandths of the stride: what rounding makes of equal ones is equal.
  let rank: Float
  /// How far the point lies right of and below the query point.
  let lead: Float

  func comesBefore(_ other: ClosePair) -> Bool {
    if rank != other.rank { return rank < other.rank }
    if lead != other.lead { return lead > other.lead }
    return (cell, point) < (other.cell, other.point)
  }
}

/// The points within half a cell's diagonal of a query point, the closest first. Of points equally
/// close the one to the right and below comes first, so that points in the middle of the cells go to
/// their own.
private func closePairs(_ starts: [(x: Float, y: Float)], _ geometry: GridGeometry) -> [ClosePair] {
  let stride = Float(geometry.stride)
  let reach = 0.7072 * stride
  // Enough for each cell, however many points there are: others take at most so many from it.
  let perCell = 9
  var best: [[ClosePair]] = Array(repeating: [], count: geometry.count)
  for (point, start) in starts.enumerated() {
    guard abs(start.x) <= 2 * Float(geometry.width), abs(start.y) <= 2 * Float(geometry.height)
    else { continue }
    let (left, top) = (
      Int((start.x / stride).rounded(.down)), Int((start.y / stride).rounded(.down))
    )
    for row in top...top + 1 where (0..<geometry.rows).contains(row) {
      for column in left...left + 1 where (0..<geometry.columns).contains(column) {
        let query = geometry.queryPoint(row: row, column: column)
        let (dx, dy) = (start.x - query.x, start.y - query.y)
        let distance = (dx * dx + dy * dy).squareRoot()
        guard distance <= reach else { continue }
        let cell = row * geometry.columns + column
        let pair = ClosePair(
          point: point, cell: cell, distance: distance,
          rank: (1000 * distance / stride).rounded(), lead: dx + dy)
        if best[cell].count == perCell {
          guard pair.comesBefore(best[cell][perCell - 1]) else { continue }
          best[cell].removeLast()
        }
        let place = best[cell].firstIndex { pair.comesBefore($0) } ?? best[cell].count
        best[cell].insert(pair, at: place)
      }
    }
  }
  return best.joined().sorted { $0.comesBefore($1) }
}
