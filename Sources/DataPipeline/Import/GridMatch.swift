/// Which imported point serves which cell of the grid.
struct GridMatch: Equatable {
  enum Kind: Equatable {
    /// Every cell has its own point, in row-major order.
    case exact
    /// Every cell has its own point, in another order.
    case reordered
    /// The nearest point within half a stride; some cells may have none.
    case nearest
  }

  let kind: Kind
  /// [Hc Wc], the point of each cell; nil for an empty cell.
  let points: [Int?]

  var emptyCells: Int { points.count { $0 == nil } }

  /// - Parameters:
  ///   - starts: [N], the points on frame 0 in pixels; not finite where unknown.
  ///   - tolerance: how far a point may be from the query point that it stands for, pixels.
  init(starts: [(x: Float, y: Float)], geometry: GridGeometry, tolerance: Float = 1) {
    let nearest = starts.map { geometry.nearestCell(x: $0.x, y: $0.y) }
    if starts.count == geometry.count {
      // A point that is unknown on frame 0 takes the place that its neighbours leave to it.
      let known = nearest.enumerated().filter { $0.element != nil }
      if !known.isEmpty,
        known.allSatisfy({ $0.element!.cell == $0.offset && $0.element!.distance <= tolerance })
      {
        kind = .exact
        points = Array(0..<geometry.count)
        return
      }
    }
    var best: [(point: Int, distance: Float)?] = Array(repeating: nil, count: geometry.count)
    for (point, place) in nearest.enumerated() {
      guard let (cell, distance) = place, distance <= Float(geometry.stride) / 2 else { continue }
      if distance < best[cell]?.distance ?? .infinity { best[cell] = (point, distance) }
    }
    let isComplete =
      starts.count == geometry.count
      && best.allSatisfy { $0.map { $0.distance <= tolerance } ?? false }
    kind = isComplete ? .reordered : .nearest
    points = best.map { $0?.point }
  }
}
