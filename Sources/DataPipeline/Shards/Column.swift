/// The elements of one row of one dataset, in row-major order.
enum ColumnValues: Sendable, Equatable {
  /// f32 and f16 datasets.
  case floats([Float])
  case bytes([UInt8])
  case integers([Int32])

  var count: Int {
    switch self {
    case .floats(let values): values.count
    case .bytes(let values): values.count
    case .integers(let values): values.count
    }
  }
}

/// One row of one dataset with its extents.
struct ColumnData: Sendable, Equatable {
  let shape: [Int]
  let values: ColumnValues

  init(_ values: ColumnValues, shape: [Int]) {
    self.shape = shape
    self.values = values
  }
}

/// What a dataset of a shard must look like.
struct Column: Sendable {
  /// What must hold for every element.
  enum Rule: Sendable {
    case any
    case finite
    case zeroOrOne
  }

  let name: String
  let type: HDF5ElementType
  /// The extents of one row; nil where any extent will do, as long as all rows agree.
  let shape: [Int?]
  let isRequired: Bool
  let rule: Rule

  /// Whether a row of these extents fits, and is below 2 GiB: HDF5 and zlib count chunks in 32 bits.
  func admits(_ extents: [Int]) -> Bool {
    var bytes = type.size
    for extent in extents where extent > 0 {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: extent)
      guard !overflow, product < 1 << 31 else { return false }
      bytes = product
    }
    return extents.count == shape.count
      && zip(extents, shape).allSatisfy { $0 > 0 && ($1 == nil || $0 == $1) }
  }

  /// Such as `[162, 15, 26, 2]`, with `any` for a free extent.
  var shapeDescription: String {
    "[" + shape.map { $0.map(String.init) ?? "any" }.joined(separator: ", ") + "]"
  }

  /// What is wrong with the values under `rule`: what was expected, and what was found where; nil
  /// when nothing is.
  func violation(in data: ColumnData) -> (expected: String, found: String)? {
    func place(_ index: Int) -> String {
      var rest = index
      let position = data.shape.reversed().map { extent -> Int in
        defer { rest /= extent }
        return rest % extent
      }
      return "at \(Array(position.reversed()))"
    }
    switch (rule, data.values) {
    case (.finite, .floats(let values)):
      // The largest magnitude first, which the compiler turns into vectors: faults are rare.
      let largest = values.reduce(UInt32(0)) { max($0, $1.bitPattern & 0x7FFF_FFFF) }
      guard largest >= Float.infinity.bitPattern,
        let bad = values.firstIndex(where: { !$0.isFinite })
      else { return nil }
      return ("finite values", "\(values[bad]) \(place(bad))")
    case (.zeroOrOne, .bytes(let values)):
      guard values.reduce(0, |) > 1, let bad = values.firstIndex(where: { $0 > 1 }) else {
        return nil
      }
      return ("0 or 1", "\(values[bad]) \(place(bad))")
    default:
      return nil
    }
  }
}
