/// In what units and order a file gives its coordinates.
public struct TrackConvention: Sendable, Equatable, Codable {
  public enum Units: String, Sendable, CaseIterable, Codable {
    /// Pixels of the source's frame.
    case pixel
    /// [0, 1] across the frame: x / W.
    case unit
    /// [-1, 1] across the frame: 2 x / W - 1.
    case norm
  }

  public enum AxisOrder: String, Sendable, CaseIterable, Codable {
    case xy
    case yx
  }

  public let units: Units
  public let axisOrder: AxisOrder
  /// The frame that pixels refer to; nil for the one that the clip is brought to.
  public let sourceSize: FrameSize?

  public init(units: Units, axisOrder: AxisOrder, sourceSize: FrameSize? = nil) {
    self.units = units
    self.axisOrder = axisOrder
    self.sourceSize = sourceSize
  }

  /// A pair of stored numbers as (x, y) in pixels.
  func pixels(_ first: Float, _ second: Float, _ geometry: GridGeometry) -> (x: Float, y: Float) {
    let (x, y) = axisOrder == .xy ? (first, second) : (second, first)
    let (width, height) = (Float(geometry.width), Float(geometry.height))
    switch units {
    case .pixel:
      guard let sourceSize else { return (x, y) }
      return (x / Float(sourceSize.width) * width, y / Float(sourceSize.height) * height)
    case .unit: return (x * width, y * height)
    case .norm: return ((x + 1) / 2 * width, (y + 1) / 2 * height)
    }
  }

  /// Detects the convention from the points of frame 0, which lie on the query grid or at least
  /// spread over the frame.
  /// - Parameters:
  ///   - starts: [N], the stored pairs of frame 0; those that are not finite are left out.
  ///   - settings: what the caller has fixed.
  /// - Returns: the convention and the evidence for it in words.
  /// - Throws: `DataError` naming the flags to pass when several conventions explain the points, or
  ///   none.
  static func detect(
    starts: [SIMD2<Float>], settings: ImportSettings, path: String
  ) throws -> (convention: TrackConvention, evidence: String) {
    let geometry = settings.geometry
    let pairs = starts.filter { $0.x.isFinite && $0.y.isFinite }
    guard !pairs.isEmpty else {
      throw DataError(
        file: path, expected: "finite points on frame 0", found: "none",
        advice: "remove the file or track it again")
    }
    let fits = (settings.units.map { [$0] } ?? Units.allCases).flatMap { units in
      (settings.axisOrder.map { [$0] } ?? AxisOrder.allCases).map { order in
        GridFit(
          TrackConvention(units: units, axisOrder: order, sourceSize: settings.sourceSize), pairs,
          geometry)
      }
    }
    func described(_ fit: GridFit, _ share: Float, _ what: String) -> String {
      "\(fit.convention.name): \(Int((100 * share).rounded())) % of the points of frame 0 \(what)"
    }
    // On the grid: nearly all points hit grid points, on most cells of the grid.
    // None may lie beyond it: that is the grid of a larger frame.
    let onGrid = fits.filter { $0.hits >= 0.9 && $0.cells >= 0.5 && $0.inside >= 0.98 }
    if onGrid.count == 1 {
      return (onGrid[0].convention, described(onGrid[0], onGrid[0].hits, "lie on grid points"))
    }
    // Elsewhere: nearly all points lie on the frame and spread over most of it. Taken for pixels,
    // shares of the frame shrink into a corner, and [0, 1] taken for [-1, 1] spans half of it; the
    // other way round the points leave the frame. Pixels of a smaller frame would fit as well: who
    // does not say which frame they refer to needs points that reach its far edges.
    let spread = onGrid.isEmpty ? fits.filter(\.fillsFrame) : onGrid
    if spread.count == 1 {
      return (
        spread[0].convention,
        described(spread[0], spread[0].inside, "lie on the frame, and spread over it")
      )
    }
    if spread.isEmpty, let only = fits.first, fits.count == 1 {
      return (only.convention, "\(described(only, only.inside, "lie on the frame")) (as given)")
    }
    throw ambiguity(between: spread, pairs, settings, path)
  }

  /// Such as `pixel xy of 1280x720`.
  var name: String {
    "\(units.rawValue) \(axisOrder.rawValue)" + (sourceSize.map { " of \($0)" } ?? "")
  }

  private static func ambiguity(
    between fits: [GridFit], _ pairs: [SIMD2<Float>], _ settings: ImportSettings, _ path: String
  ) -> DataError {
    let units = Set(fits.map(\.convention.units))
    let orders = Set(fits.map(\.convention.axisOrder))
    let flags = [
      units.count != 1 && settings.units == nil ? "--units pixel|unit|norm" : nil,
      orders.count != 1 && settings.axisOrder == nil ? "--axis-order xy|yx" : nil,
      fits.isEmpty && settings.sourceSize == nil
        ? "--source-size WxH for pixels of another frame" : nil,
    ].compactMap { $0 }
    let found =
      fits.isEmpty
      ? "points that fit none (\(range(pairs.map(\.x))) and \(range(pairs.map(\.y))))"
      : fits.map(\.convention.name).joined(separator: " and ")
    return DataError(
      file: path,
      expected: "one convention that explains the points of frame 0 on \(settings.geometry)",
      found: found,
      advice: "pass \(flags.joined(separator: " and "))"
        + (settings.isForModel ? "" : ", and check --height and --width"))
  }
}

/// How well the points of frame 0 suit one convention.
private struct GridFit {
  let convention: TrackConvention
  /// The share of points within a pixel of a grid point.
  let hits: Float
  /// The share of grid cells that have such a point.
  let cells: Float
  /// The share of points on the frame.
  let inside: Float
  /// The smaller of the shares of width and height that the points span.
  let spread: Float
  /// The same with the mean distance between points added: a grid ends one step before the frame.
  let coverage: Float

  var fillsFrame: Bool {
    let isKnownFrame = convention.units != .pixel || convention.sourceSize != nil
    return inside >= 0.98 && (isKnownFrame ? spread >= 0.6 : coverage >= 0.95)
  }

  init(_ convention: TrackConvention, _ pairs: [SIMD2<Float>], _ geometry: GridGeometry) {
    self.convention = convention
    var cells: Set<Int> = []
    var (hits, inside) = (0, 0)
    var (low, high) = (SIMD2<Float>(repeating: .infinity), SIMD2<Float>(repeating: -.infinity))
    for pair in pairs {
      let (x, y) = convention.pixels(pair.x, pair.y, geometry)
      let point = SIMD2(x, y)
      low = pointwiseMin(low, point)
      high = pointwiseMax(high, point)
      if geometry.contains(x: x, y: y) { inside += 1 }
      if let (cell, distance) = geometry.nearestCell(x: x, y: y), distance <= 1 {
        hits += 1
        cells.insert(cell)
      }
    }
    let size = SIMD2(Float(geometry.width), Float(geometry.height))
    let spacing = (size.x * size.y / Float(pairs.count)).squareRoot()
    self.hits = Float(hits) / Float(pairs.count)
    self.cells = Float(cells.count) / Float(geometry.count)
    self.inside = Float(inside) / Float(pairs.count)
    spread = ((high - low) / size).min()
    coverage = ((high - low + spacing) / size).min()
  }
}

private func range(_ values: [Float]) -> String {
  "\(values.min() ?? 0) to \(values.max() ?? 0)"
}

extension GridGeometry {
  /// The cell whose query point is nearest to a point and the distance to it in pixels; nil for a
  /// point that is not finite or far outside.
  func nearestCell(x: Float, y: Float) -> (cell: Int, distance: Float)? {
    guard abs(x) <= 2 * Float(width), abs(y) <= 2 * Float(height) else { return nil }
    let column = max(0, min(columns - 1, Int((x / Float(stride)).rounded())))
    let row = max(0, min(rows - 1, Int((y / Float(stride)).rounded())))
    let query = queryPoint(row: row, column: column)
    let (dx, dy) = (x - query.x, y - query.y)
    return (row * columns + column, (dx * dx + dy * dy).squareRoot())
  }
}
