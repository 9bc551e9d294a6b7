/// The tracks of one file on the grid: in pixels, finite, one per cell.
struct GriddedTracks {
  /// [T, Hc, Wc, 2], (x, y) in pixels.
  private(set) var tracks: [Float]
  /// [T, Hc, Wc] of 0 and 1.
  private(set) var visibility: [UInt8]
  let match: GridMatch
  /// Positions that were not finite and hold the nearest finite one in time of their point.
  private(set) var heldPositions = 0
  /// Of those, the ones that the file called visible.
  private(set) var hiddenNonFinite = 0

  /// - Throws: `DataError` naming point and frame where a visible point is not finite and the
  ///   settings refuse that, and when too many cells have no point.
  init(_ file: TrackFile, convention: TrackConvention, settings: ImportSettings) throws {
    let (geometry, frames) = (settings.geometry, settings.frames)
    func place(_ point: Int, _ frame: Int) -> (x: Float, y: Float) {
      let pair = file.pair(point: point, frame: frame)
      return convention.pixels(pair.x, pair.y, geometry)
    }
    match = GridMatch(
      starts: (0..<file.points).map { place($0, 0) }, geometry: geometry,
      isVisible: { file.isMarked(point: $0, frame: 0) ?? true })
    let count = geometry.count
    guard Double(match.emptyCells) <= settings.maxEmpty * Double(count), match.emptyCells < count
    else {
      throw DataError(
        file: file.path, expected: "points near most of the \(count) cells of \(geometry)",
        found: "\(file.points) points, and \(match.emptyCells) cells without one",
        advice: (settings.isForModel
          ? "check --units, --axis-order and --source-size, or pass "
          : "check --height, --width, --units and --axis-order, take a coarser --stride, or pass ")
          + "--max-empty with the share of cells that may be empty")
    }
    tracks = [Float](repeating: 0, count: frames * count * 2)
    visibility = [UInt8](repeating: 0, count: frames * count)
    for (cell, point) in match.points.enumerated() {
      let query = geometry.queryPoint(cell: cell)
      guard let point else {
        for frame in 0..<frames { set(cell + frame * count, query, isVisible: false) }
        continue
      }
      let path = (0..<frames).map { place(point, $0) }
      let isFinite = path.map { $0.x.isFinite && $0.y.isFinite }
      for frame in 0..<frames {
        let isMarked = file.isMarked(point: point, frame: frame)
        let index = cell + frame * count
        if isFinite[frame] {
          let (x, y) = path[frame]
          // Without flags a point is visible where it is on the frame.
          set(index, path[frame], isVisible: isMarked ?? geometry.contains(x: x, y: y))
          continue
        }
        if isMarked == true {
          guard settings.nonFinite == .invisible else {
            throw DataError(
              file: file.path, expected: "finite coordinates where a point is visible",
              found: "\(path[frame]) at point \(point), frame \(frame)",
              advice: "pass --nonfinite invisible to hide such points there")
          }
          hiddenNonFinite += 1
        }
        heldPositions += 1
        let held = nearest(true, in: isFinite, to: frame).map { path[$0] } ?? query
        set(index, held, isVisible: false)
      }
    }
  }

  private mutating func set(_ index: Int, _ point: (x: Float, y: Float), isVisible: Bool) {
    tracks[2 * index] = point.x
    tracks[2 * index + 1] = point.y
    visibility[index] = isVisible ? 1 : 0
  }
}

/// The index nearest to `start` whose element is `value`, the earlier of two; nil when there is
/// none.
private func nearest(_ value: Bool, in values: [Bool], to start: Int) -> Int? {
  for distance in 0..<values.count {
    let (before, after) = (start - distance, start + distance)
    if before >= 0, values[before] == value { return before }
    if after < values.count, values[after] == value { return after }
  }
  return nil
}
