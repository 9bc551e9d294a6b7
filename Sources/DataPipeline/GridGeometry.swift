/// A frame and the grid of query points on it: one track per cell, anchored at the cell's top-left
/// pixel of frame 0 (0, stride, 2 stride, ...), row by row.
public struct GridGeometry: Sendable, Equatable, Codable {
  /// Pixels.
  public let height: Int
  /// Pixels.
  public let width: Int
  /// Pixels between neighbouring query points, down and across.
  public let stride: Int

  /// Hc, the number of grid rows.
  public var rows: Int { height / stride }
  /// Wc, the number of grid columns.
  public var columns: Int { width / stride }
  /// N, the number of tracks.
  public var count: Int { rows * columns }

  /// - Throws: `DataError` unless the stride divides both extents and all three are positive (and
  ///   at most 65536, which keeps products of them from overflowing).
  public init(height: Int, width: Int, stride: Int) throws {
    let limit = 1 << 16
    guard (1...limit).contains(height), (1...limit).contains(width), (1...limit).contains(stride),
      height.isMultiple(of: stride), width.isMultiple(of: stride)
    else {
      throw DataError(
        "grid: expected a positive stride that divides height and width, found height \(height), "
          + "width \(width), stride \(stride); choose extents that are multiples of the stride",
        kind: .usage)
    }
    self.height = height
    self.width = width
    self.stride = stride
  }

  /// Decoding checks what `init` checks.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    try self.init(
      height: values.decode(Int.self, forKey: .height),
      width: values.decode(Int.self, forKey: .width),
      stride: values.decode(Int.self, forKey: .stride))
  }

  /// The query point of a cell on frame 0, in pixels (x right, y down).
  public func queryPoint(row: Int, column: Int) -> (x: Float, y: Float) {
    (Float(column * stride), Float(row * stride))
  }

  /// The same of the cell with this number, row by row.
  public func queryPoint(cell: Int) -> (x: Float, y: Float) {
    queryPoint(row: cell / columns, column: cell % columns)
  }

  /// Whether a point lies on the frame: [0, W-1] x [0, H-1]. False for a point that is not finite.
  public func contains(x: Float, y: Float) -> Bool {
    x >= 0 && y >= 0 && x <= Float(width - 1) && y <= Float(height - 1)
  }
}

extension GridGeometry: CustomStringConvertible {
  public var description: String { "\(height)x\(width) stride \(stride)" }
}
