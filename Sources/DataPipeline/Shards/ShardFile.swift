import Autograd
import Foundation

/// One shard, opened and checked: its attributes, its strings and where its datasets are. Rows are
/// read on demand; the file is not kept open.
struct ShardFile: Sendable {
  let path: String
  let header: ShardHeader
  let ids: [String]
  let captions: [String]
  let sources: [String]
  /// The datasets that the file has.
  let columns: [StoredColumn]
  /// A SHA-256 over the attributes, the strings, and the size and checksum of every stored row.
  let fingerprint: String

  var rows: Int { ids.count }

  /// - Throws: `DataError` naming the file and what is wrong: not HDF5, truncated, of another
  ///   format, a dataset that is missing or has another type or shape.
  init(path: String, schema: ShardSchema) throws {
    self.path = path
    try checkSignature(path)
    (header, ids, captions, sources, columns, fingerprint) = try inFile(path) {
      let file = try HDF5File(reading: path)
      let header = try readHeader(file, path: path, schema: schema)
      let strings = try ["id", "caption", "source"].map { try readStrings($0, file, path: path) }
      for (name, texts) in zip(["caption", "source"], strings.dropFirst())
      where texts.count != strings[0].count {
        throw DataError(
          file: path, dataset: name, expected: "\(strings[0].count) rows, one per id",
          found: "\(texts.count)", advice: "write the shard again")
      }
      let bytes = try ByteReader(path: path)
      let columns = try schema.columns(header.geometry, header.frames).compactMap { column in
        try storedColumn(column, rows: strings[0].count, file, bytes)
      }
      var hash = SHA256()
      for (name, value) in header.attributes(of: schema) { hash.update("\(name)=\(value)\n") }
      for text in strings.joined() { hash.update("\(text.utf8.count):\(text)") }
      for column in columns { column.updateHash(&hash) }
      return (header, strings[0], strings[1], strings[2], columns, hash.hexDigest)
    }
  }

  func shape(of dataset: String) -> [Int]? { columns.first { $0.name == dataset }?.shape }

  /// One row of each of the named datasets that the file has, with every value checked.
  /// - Throws: `DataError` naming file, clip and dataset for a failed checksum or a forbidden
  ///   value.
  func read(_ datasets: Set<String>, row: Int) throws -> ShardRow {
    let wanted = columns.filter { datasets.contains($0.name) }
    var data: [String: ColumnData] = [:]
    if !wanted.isEmpty {
      let bytes = try ByteReader(path: path)
      for column in wanted { data[column.name] = try column.read(row, from: bytes, clip: ids[row]) }
    }
    return ShardRow(id: ids[row], caption: captions[row], source: sources[row], columns: data)
  }
}

/// Runs `body` on the library's queue; its failures name the file.
private func inFile<R>(_ path: String, _ body: () throws -> R) throws -> R {
  do {
    return try HDF5.serialized(body)
  } catch let failure as HDF5Failure {
    throw failure.dataError(
      file: path,
      advice: "the file is damaged or was not written by this program; write it again")
  }
}

/// Says what a file that HDF5 cannot open is, before HDF5 does in its own words.
private func checkSignature(_ path: String) throws {
  guard let file = FileHandle(forReadingAtPath: path) else {
    throw DataError("\(path): cannot be read; check the path and its permissions")
  }
  defer { try? file.close() }
  let start = [UInt8]((try? file.read(upToCount: 8)) ?? Data())
  guard start == [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A] else {
    throw DataError(
      file: path, expected: "an HDF5 file", found: start.isEmpty ? "an empty file" : "another kind",
      advice: "make shards with `trajloom data import` or `trajloom data synth`")
  }
}

private func readHeader(
  _ file: borrowing HDF5File, path: String, schema: ShardSchema
) throws -> ShardHeader {
  func fault(_ name: String, _ expected: String, _ found: HDF5AttributeValue?) -> DataError {
    DataError(
      file: path, expected: "the attribute '\(name)' to be \(expected)",
      found: found.map { "\($0)" } ?? "none",
      advice: "make shards with `trajloom data import` or `trajloom data synth`")
  }
  func integer(_ name: String, _ file: borrowing HDF5File) throws -> Int {
    let value = try file.attribute(name)
    guard case .integer(let integer)? = value, (1...(1 << 20)).contains(integer) else {
      throw fault(name, "a positive integer", value)
    }
    return integer
  }
  func text(_ name: String, _ file: borrowing HDF5File) throws -> String {
    let value = try file.attribute(name)
    guard case .text(let text)? = value else { throw fault(name, "text", value) }
    return text
  }
  let format = try file.attribute("format")
  guard format == .text(schema.format) else { throw fault("format", "'\(schema.format)'", format) }
  let version = try file.attribute("version")
  guard version == .integer(ShardSchema.version) else {
    throw fault("version", "\(ShardSchema.version)", version)
  }
  let fps: Double
  switch try file.attribute("fps") {
  case .number(let value)? where value.isFinite && value > 0: fps = value
  case .integer(let value)? where value > 0: fps = Double(value)
  case let value: throw fault("fps", "a positive number", value)
  }
  let geometry: GridGeometry
  do {
    geometry = try GridGeometry(
      height: integer("height", file), width: integer("width", file),
      stride: integer("stride", file))
  } catch let error as DataError {
    throw error.kind == .usage ? DataError("\(path): \(error.message)") : error
  }
  var texts: [String: String] = [:]
  for name in schema.textAttributes { texts[name] = try text(name, file) }
  return ShardHeader(
    geometry: geometry, frames: try integer("frames", file), fps: fps,
    createdBy: try text("created_by", file), texts: texts)
}

private func readStrings(
  _ name: String, _ file: borrowing HDF5File, path: String
) throws -> [String] {
  guard try hasOwnDataset(name, file, path: path) else {
    throw DataError(
      file: path, dataset: name, expected: "strings of shape [clips]", found: "no such dataset",
      advice: "write the shard again")
  }
  let dataset = try HDF5Dataset(opening: name, in: file)
  let layout = try dataset.layout()
  guard layout != .virtual, layout != .external else {
    throw DataError(
      file: path, dataset: name, expected: "strings in this file", found: "\(layout)",
      advice: "write the shard again")
  }
  let extents = try dataset.extents()
  // A row takes at least a byte: room is made for what can be there only.
  guard extents.count == 1, extents[0] <= fileSize(path), try dataset.storesStrings() else {
    throw DataError(
      file: path, dataset: name, expected: "strings of shape [clips]", found: "shape \(extents)",
      advice: "write the shard again")
  }
  return try dataset.strings()
}

/// Whether there is a dataset of that name in the file itself. Links are never followed: what they
/// lead to has no checksum here, and may be any file of the machine.
private func hasOwnDataset(
  _ name: String, _ file: borrowing HDF5File, path: String
) throws -> Bool {
  let link = try file.link(name)
  guard link == .none || link == .hard else {
    throw DataError(
      file: path, dataset: name, expected: "a dataset", found: "a link (\(link))",
      advice: "write the shard again; links are not followed")
  }
  return link == .hard
}

/// A dataset of the file, checked; nil when the file may do and does without it.
private func storedColumn(
  _ column: Column, rows: Int, _ file: borrowing HDF5File, _ bytes: ByteReader
) throws -> StoredColumn? {
  func fault(_ expected: String, _ found: String) -> DataError {
    DataError(
      file: bytes.path, dataset: column.name, expected: expected, found: found,
      advice: "write the shard again")
  }
  guard try hasOwnDataset(column.name, file, path: bytes.path) else {
    if !column.isRequired { return nil }
    throw fault("\(column.type) of shape \(column.shapeDescription) per clip", "no such dataset")
  }
  let dataset = try HDF5Dataset(opening: column.name, in: file)
  guard try dataset.stores(column.type) else {
    throw fault("elements of type \(column.type)", "another")
  }
  let extents = try dataset.extents()
  let shape = Array(extents.dropFirst())
  guard extents.first == rows, column.admits(shape) else {
    throw fault("\(rows) rows of shape \(column.shapeDescription)", "shape \(extents)")
  }
  let layout = try dataset.layout()
  guard layout == .chunked([1] + shape, filters: HDF5Dataset.filters) else {
    throw fault(
      "one chunk per clip with the filters shuffle, deflate and Fletcher-32 \(HDF5Dataset.filters)",
      "\(layout)")
  }
  let chunks = try (0..<rows).map { row in
    guard let place = try dataset.storedChunk(row: row, rank: extents.count),
      let chunk = try StoredChunk(place, in: bytes)
    else { throw fault("\(rows) written rows", "none at row \(row)") }
    return chunk
  }
  return StoredColumn(column: column, shape: shape, chunks: chunks)
}
