import Foundation

/// Writes rows of clips into numbered HDF5 files, `rowsPerFile` to a file.
///
/// The files are written under temporary names in the target folder and appear under their own, all
/// at once, in `finish()`, synced to the disk. A writer that is dropped before that leaves nothing
/// behind.
final class ColumnarWriter {
  private let directory: URL
  private let schema: ShardSchema
  private let header: ShardHeader
  private let columns: [Column]
  private let rowsPerFile: Int
  private var ids: Set<String> = []
  private var files: [(temporary: URL, final: URL)] = []

  // The file being written.
  private var open: HDF5File?
  private var rows: [(id: String, caption: String, source: String)] = []
  private var shapes: [String: [Int]] = [:]

  /// - Throws: `DataError` when the folder cannot be made or already holds shards of this kind.
  init(directory: URL, schema: ShardSchema, header: ShardHeader, rowsPerFile: Int) throws {
    guard rowsPerFile > 0, header.frames > 0, header.fps.isFinite, header.fps > 0 else {
      throw DataError(
        "\(directory.path): expected positive clips per shard, frames and fps, found "
          + "\(rowsPerFile), \(header.frames), \(header.fps)", kind: .usage)
    }
    self.directory = directory
    self.schema = schema
    self.header = header
    self.rowsPerFile = rowsPerFile
    columns = schema.columns(header.geometry, header.frames)
    do {
      try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
      let present = try FileManager.default.contentsOfDirectory(atPath: directory.path)
      if let name = present.filter({ $0.hasSuffix(".h5") && !$0.hasPrefix(".") }).min() {
        throw DataError(
          file: directory.path, expected: "a folder without shards", found: name,
          advice: "choose another output folder or remove its .h5 files", kind: .resource)
      }
    } catch let error as DataError {
      throw error
    } catch {
      throw DataError(
        "\(directory.path): cannot use the folder: \(error.localizedDescription); "
          + "check the path and its permissions", kind: .resource)
    }
  }

  deinit {
    open = nil
    for file in files { try? FileManager.default.removeItem(at: file.temporary) }
  }

  /// Checks a clip against the schema and appends it.
  func append(_ row: ShardRow) throws {
    try check(row)
    try inFile(clip: row.id) {
      if open == nil { try startFile(like: row) }
      for column in columns {
        guard let data = row.columns[column.name] else { continue }
        let dataset = try HDF5Dataset(opening: column.name, in: open!)
        let type = try column.type.makeType()
        try data.values.withStoredBytes(as: column.type) {
          try dataset.writeRow(rows.count, type: type, bytes: $0)
        }
      }
    }
    ids.insert(row.id)
    rows.append((row.id, row.caption, row.source))
    if rows.count == rowsPerFile { try finishFile() }
  }

  /// Completes the files and gives them their names.
  /// - Returns: the files, in order.
  func finish() throws -> [URL] {
    if open != nil { try finishFile() }
    for file in files {
      guard !FileManager.default.fileExists(atPath: file.final.path) else {
        throw DataError(
          file: file.final.path, expected: "no such file", found: "one written meanwhile",
          advice: "choose another output folder", kind: .resource)
      }
    }
    for file in files {
      guard rename(file.temporary.path, file.final.path) == 0 else {
        throw systemError("rename to", file.final.path)
      }
    }
    try synced(directory.path, O_RDONLY | O_DIRECTORY)
    defer { files = [] }
    return files.map(\.final)
  }

  private func check(_ row: ShardRow) throws {
    func fault(_ dataset: String, _ expected: String, _ found: String, _ advice: String? = nil)
      -> DataError
    {
      DataError(
        file: directory.path, clip: row.id, dataset: dataset, expected: expected, found: found,
        advice: advice)
    }
    if row.id.isEmpty { throw fault("id", "a name", "an empty one") }
    // Ids become folder names.
    if row.id.contains("/") || row.id.hasPrefix(".") || row.id.contains(".partial-") {
      throw fault(
        "id", "a name without '/', leading '.' and '.partial-'", row.id, "rename the clip")
    }
    if ids.contains(row.id) {
      throw fault("id", "every clip once", "a second clip of this name", "rename one of them")
    }
    for (name, text) in [("id", row.id), ("caption", row.caption), ("source", row.source)]
    where text.utf8.contains(0) {
      throw fault(name, "text", "a zero byte in it")
    }
    for column in columns {
      guard let data = row.columns[column.name] else {
        if column.isRequired { throw fault(column.name, "values", "none") }
        if shapes[column.name] != nil {
          throw fault(
            column.name, "values, as in the clips before it", "none",
            "give all clips of a shard the same datasets")
        }
        continue
      }
      guard column.admits(data.shape), data.values.count == data.shape.reduce(1, *) else {
        throw fault(
          column.name, "shape \(column.shapeDescription)",
          "\(data.values.count) values of shape \(data.shape)")
      }
      if open != nil, shapes[column.name] != data.shape {
        throw fault(
          column.name,
          shapes[column.name].map { "shape \($0), as in the clips before it" }
            ?? "no values, as in the clips before it", "shape \(data.shape)",
          "give all clips of a shard the same datasets")
      }
      if let (expected, found) = column.violation(in: data) {
        throw fault(column.name, expected, found)
      }
      if column.type == .float16, case .floats(let values) = data.values,
        let large = values.first(where: { !Float16($0).isFinite })
      {
        throw fault(column.name, "magnitudes up to 65504 (half precision)", "\(large)")
      }
    }
  }

  private func startFile(like row: ShardRow) throws {
    let digits = String(files.count)
    let number = String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    let name = "\(schema.filePrefix)-\(number).h5"
    let process = ProcessInfo.processInfo.processIdentifier
    let temporary = directory.appendingPathComponent(".\(name).partial-\(process)")
    // Left over from a killed process that had the same number.
    try? FileManager.default.removeItem(at: temporary)
    files.append((temporary, directory.appendingPathComponent(name)))
    let file = try HDF5File(creating: temporary.path)
    for (name, value) in header.attributes(of: schema) { try file.write(value, attribute: name) }
    for column in columns {
      guard let data = row.columns[column.name] else { continue }
      let type = try column.type.makeType()
      _ = try HDF5Dataset(
        creating: column.name, type: type, shape: data.shape, capacity: rowsPerFile, in: file)
      shapes[column.name] = data.shape
    }
    open = consume file
  }

  private func finishFile() throws {
    try inFile(clip: nil) {
      try writeStrings("id", rows.map(\.id))
      try writeStrings("caption", rows.map(\.caption))
      try writeStrings("source", rows.map(\.source))
      try open.take()!.close()
    }
    rows = []
    shapes = [:]
    try synced(files[files.count - 1].temporary.path, O_RDONLY)
  }

  private func writeStrings(_ name: String, _ texts: [String]) throws {
    let size = max(1, texts.map(\.utf8.count).max() ?? 1)
    let type = try makeStringType(size: size)
    let dataset = try HDF5Dataset(
      creating: name, type: type, shape: [], capacity: rowsPerFile, in: open!)
    for (row, text) in texts.enumerated() {
      var bytes = Array(text.utf8)
      bytes += [UInt8](repeating: 0, count: size - bytes.count)
      try bytes.withUnsafeBytes { try dataset.writeRow(row, type: type, bytes: $0) }
    }
  }

  /// Runs `body` on the library's queue; its failures name the file.
  private func inFile(clip: String?, _ body: () throws -> Void) throws {
    do {
      try HDF5.serialized(body)
    } catch let failure as HDF5Failure {
      throw failure.dataError(
        file: files.last?.final.path ?? directory.path, clip: clip,
        advice: "check the disk and the folder's permissions")
    }
  }
}

/// Makes the contents of a file, or the names in a folder, survive a power cut.
private func synced(_ path: String, _ flags: Int32) throws {
  let descriptor = Foundation.open(path, flags)
  guard descriptor >= 0 else { throw systemError("open", path) }
  defer { close(descriptor) }
  guard fsync(descriptor) == 0 else { throw systemError("sync", path) }
}

private func systemError(_ operation: String, _ path: String) -> DataError {
  DataError(
    "\(path): cannot \(operation) it: \(String(cString: strerror(errno))); check the disk",
    kind: .resource)
}
