import Autograd

/// A dataset of a shard and where its rows lie in the file, so that they are read and unpacked
/// without the HDF5 library: on any thread, several at a time.
struct StoredColumn: Sendable {
  let column: Column
  /// The extents of one row.
  let shape: [Int]
  /// One per row.
  let chunks: [StoredChunk]

  var name: String { column.name }

  /// A row with every value checked.
  /// - Throws: `DataError` naming file, clip and dataset for a failed checksum or a forbidden value.
  func read(_ row: Int, from file: ByteReader, clip: String) throws -> ColumnData {
    func fault(_ expected: String, _ found: String, _ advice: String) -> DataError {
      DataError(
        file: file.path, clip: clip, dataset: name, expected: expected, found: found, advice: advice
      )
    }
    let chunk = chunks[row]
    let count = shape.reduce(1, *)
    // Deflate shortens at most 1032 to 1: room is made for what can be there only.
    guard file.has(chunk.size, at: chunk.offset), count * column.type.size / 1100 <= chunk.size
    else {
      throw fault("\(chunk.size) bytes of a row", "the end of the file", "write the shard again")
    }
    let values = try ByteScratch.with(chunk.size) { bytes in
      guard file.read(at: chunk.offset, into: bytes),
        ChunkCodec.checksum(of: UnsafeRawBufferPointer(bytes)) == chunk.checksum
      else {
        throw fault(
          "the row that was there when the shard was opened", "another",
          "leave the shards alone while they are in use")
      }
      return try ColumnValues(readAs: column.type, count: count) { room in
        let problem = ChunkCodec.decode(
          UnsafeRawBufferPointer(bytes), elementSize: column.type.size,
          isDeflated: chunk.isDeflated, into: room)
        guard let problem else { return }
        throw fault("a whole row", problem, "the file is damaged; write it again from its source")
      }
    }
    let data = ColumnData(values, shape: shape)
    if let (expected, found) = column.violation(in: data) {
      throw fault(expected, found, "write the shard again from its source")
    }
    return data
  }

  /// Adds size and checksum of every row: four bytes tell whether any value of it has changed.
  func updateHash(_ hash: inout SHA256) {
    hash.update("\(name)\(shape)")
    for chunk in chunks {
      hash.update("\(chunk.size)")
      hash.update((0..<4).map { UInt8(truncatingIfNeeded: chunk.checksum >> (8 * $0)) })
    }
  }
}

/// Where the stored bytes of one row lie.
struct StoredChunk: Sendable {
  let offset: Int
  let size: Int
  let isDeflated: Bool
  /// The Fletcher-32 sum that the chunk ends with.
  let checksum: UInt32

  /// - Returns: nil for a chunk that is not in the file, or that passed by a filter it needs.
  init?(
    _ place: (offset: UInt64, size: UInt64, skippedFilters: UInt32), in file: ByteReader
  ) throws {
    // The filters are shuffle, deflate, Fletcher-32; only the second may step aside.
    guard place.skippedFilters & ~2 == 0, let offset = Int(exactly: place.offset),
      let size = Int(exactly: place.size), size >= 4, file.has(size, at: offset)
    else { return nil }
    var last = [UInt8](repeating: 0, count: 4)
    let isRead = last.withUnsafeMutableBytes { file.read(at: offset + size - 4, into: $0) }
    guard isRead, let sum = ChunkCodec.checksum(of: last) else { return nil }
    self.offset = offset
    self.size = size
    isDeflated = place.skippedFilters == 0
    checksum = sum
  }
}
