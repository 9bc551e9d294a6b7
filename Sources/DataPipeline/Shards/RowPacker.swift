/// A row of a shard, checked and packed as its chunks lie in the file.
struct PackedRow: Sendable {
  let id: String
  let caption: String
  let source: String
  /// By dataset: the extents of the row, and its stored bytes.
  let chunks: [String: (shape: [Int], bytes: [UInt8])]
}

/// Checks rows and packs them, on any thread: the part of writing that takes time.
struct RowPacker: Sendable {
  let columns: [Column]
  /// Where the shards go, for messages.
  let place: String

  /// The longest caption, in bytes of UTF-8. Every row of a shard takes the room of its longest.
  static let longestText = 1 << 16

  /// - Throws: `DataError` naming clip and dataset for a missing dataset, a wrong shape, a forbidden
  ///   value, or a text that cannot be stored.
  func pack(_ row: ShardRow) throws -> PackedRow {
    try checkTexts(row)
    var chunks: [String: (shape: [Int], bytes: [UInt8])] = [:]
    for column in columns {
      guard let data = row.columns[column.name] else {
        if column.isRequired { throw fault(row, column.name, "values", "none") }
        continue
      }
      try check(data, of: column, in: row)
      let bytes = try data.values.withStoredBytes(as: column.type) {
        try ChunkCodec.encode($0, elementSize: column.type.size)
      }
      chunks[column.name] = (data.shape, bytes)
    }
    return PackedRow(id: row.id, caption: row.caption, source: row.source, chunks: chunks)
  }

  private func checkTexts(_ row: ShardRow) throws {
    if row.id.isEmpty { throw fault(row, "id", "a name", "an empty one") }
    // Ids become folder names.
    if row.id.contains("/") || row.id.hasPrefix(".") || row.id.contains(".partial-") {
      throw fault(
        row, "id", "a name without '/', leading '.' and '.partial-'", row.id, "rename the clip")
    }
    for (name, text) in [("id", row.id), ("caption", row.caption), ("source", row.source)] {
      if text.utf8.contains(0) { throw fault(row, name, "text", "a zero byte in it") }
      guard text.utf8.count <= RowPacker.longestText else {
        throw fault(
          row, name, "at most \(RowPacker.longestText) bytes", "\(text.utf8.count)", "shorten it")
      }
    }
  }

  private func check(_ data: ColumnData, of column: Column, in row: ShardRow) throws {
    guard column.admits(data.shape), data.values.count == data.shape.reduce(1, *) else {
      throw fault(
        row, column.name, "shape \(column.shapeDescription)",
        "\(data.values.count) values of shape \(data.shape)")
    }
    if let (expected, found) = column.violation(in: data) {
      throw fault(row, column.name, expected, found)
    }
    if column.type == .float16, case .floats(let values) = data.values,
      let large = values.first(where: { !Float16($0).isFinite })
    {
      throw fault(row, column.name, "magnitudes up to 65504 (half precision)", "\(large)")
    }
  }

  private func fault(
    _ row: ShardRow, _ dataset: String, _ expected: String, _ found: String, _ advice: String? = nil
  ) -> DataError {
    DataError(
      file: place, clip: row.id, dataset: dataset, expected: expected, found: found, advice: advice)
  }
}
