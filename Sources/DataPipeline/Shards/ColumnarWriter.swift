import Autograd
import Foundation

/// Writes rows of clips into numbered HDF5 files, `rowsPerFile` to a file.
///
/// The files are written under temporary names in the target folder and appear under their own only
/// when they are complete and synced to the disk. What is not complete when a writer is dropped
/// leaves nothing behind.
final class ColumnarWriter {
  /// When complete files get their names.
  enum Publication {
    /// All at once in `finish()`, in a folder that has none before.
    case together
    /// One by one, after those that the folder has, whose clips are not written again. The caller
    /// has locked the folder, to see what it has.
    case oneByOne(after: ShardCollection?, lock: FolderLock)
  }

  private let directory: URL
  private let schema: ShardSchema
  private let header: ShardHeader
  private let columns: [Column]
  private let rowsPerFile: Int
  private let publication: Publication
  private let lock: FolderLock
  /// Packs rows for `append`, on any thread.
  let packer: RowPacker
  private var ids: Set<String> = []
  private var nextNumber = 0
  private var published: [URL] = []
  /// Complete or being written, without their names yet.
  private var files: [(temporary: URL, final: URL)] = []

  /// Why nothing more can be written.
  private var failure: (any Error)?

  // The file being written.
  private var open: HDF5File?
  private var rows: [(id: String, caption: String, source: String)] = []
  private var shapes: [String: [Int]] = [:]

  /// - Throws: `DataError` when the folder cannot be made, somebody else writes into it, or it holds
  ///   shards that are not expected or of another header.
  init(
    directory: URL, schema: ShardSchema, header: ShardHeader, rowsPerFile: Int,
    publication: Publication = .together
  ) throws {
    guard (1...1 << 20).contains(rowsPerFile), (1...1 << 16).contains(header.frames),
      header.fps.isFinite, header.fps > 0
    else {
      throw DataError(
        "\(directory.path): expected 1 to \(1 << 20) clips per shard, 1 to \(1 << 16) frames and a "
          + "positive fps, found \(rowsPerFile), \(header.frames), \(header.fps)", kind: .usage)
    }
    for column in schema.columns(header.geometry, header.frames) {
      let shape = column.shape.compactMap { $0 }
      guard shape.count < column.shape.count || column.admits(shape) else {
        throw DataError(
          "\(directory.path): expected clips of less than 2 GiB, found '\(column.name)' of "
            + "\(column.shapeDescription); take a coarser --stride or fewer --frames", kind: .usage)
      }
    }
    self.directory = directory
    self.schema = schema
    self.header = header
    self.rowsPerFile = rowsPerFile
    self.publication = publication
    columns = schema.columns(header.geometry, header.frames)
    packer = RowPacker(columns: columns, place: directory.path)
    switch publication {
    case .together: lock = try FolderLock(directory.path)
    case .oneByOne(_, let lock): self.lock = lock
    }
    let present = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
    removeLeftovers(among: present)
    let shards = present.filter { $0.hasSuffix(".h5") && !$0.hasPrefix(".") }
    guard case .oneByOne(let earlier, _) = publication else {
      guard let name = shards.min() else { return }
      throw DataError(
        file: directory.path, expected: "a folder without shards", found: name,
        advice: "choose another output folder or remove its .h5 files", kind: .resource)
    }
    guard let earlier else { return }
    if let fault = disagreement(of: header, at: directory.path, with: earlier.files[0]) {
      throw fault
    }
    ids = Set(earlier.files.flatMap(\.ids))
    nextNumber = 1 + (shards.compactMap { number(of: $0) }.max() ?? -1)
  }

  /// Removes what ended processes have left half-written: the folder is locked, so nobody else is at
  /// work on it.
  private func removeLeftovers(among names: [String]) {
    for name in names where name.hasPrefix(".\(schema.filePrefix)-") && name.hasSuffix(".partial") {
      try? FileManager.default.removeItem(at: directory.appendingPathComponent(name))
    }
  }

  /// 12 of `shard-00012.h5`.
  private func number(of name: String) -> Int? {
    guard name.hasPrefix("\(schema.filePrefix)-") else { return nil }
    return Int(name.dropFirst(schema.filePrefix.count + 1).dropLast(3))
  }

  deinit {
    open = nil
    for file in files { try? FileManager.default.removeItem(at: file.temporary) }
  }

  /// Checks a row against the schema and appends it.
  func append(_ row: ShardRow) throws { try append(packer.pack(row)) }

  /// Appends a row; the last one of a file completes it.
  /// - Throws: `DataError` of kind `.data` for a row that does not fit those before it, after which
  ///   others may follow; of kind `.resource` when the file cannot be written, after which none can.
  func append(_ row: PackedRow) throws {
    try check(row)
    try writing(clip: row.id) {
      if open == nil { try startFile(like: row) }
      for column in columns {
        guard let (shape, bytes) = row.chunks[column.name] else { continue }
        let dataset = try HDF5Dataset(opening: column.name, in: open!)
        try dataset.writeChunk(bytes, row: rows.count, shape: shape)
      }
    }
    ids.insert(row.id)
    rows.append((row.id, row.caption, row.source))
    if rows.count == rowsPerFile { try finishFile() }
  }

  /// Completes the files and gives those their names that have none yet.
  /// - Returns: all files that this writer has written, in order.
  func finish() throws -> [URL] {
    if let failure { throw failure }
    if open != nil { try finishFile() }
    try publish()
    return published
  }

  private func publish() throws {
    guard !files.isEmpty else { return }
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
    try AtomicFile.syncFolder(directory.path)
    published += files.map(\.final)
    files = []
  }

  /// What only the rows before it can forbid.
  private func check(_ row: PackedRow) throws {
    func fault(_ dataset: String, _ expected: String, _ found: String, _ advice: String)
      -> DataError
    {
      DataError(
        file: directory.path, clip: row.id, dataset: dataset, expected: expected, found: found,
        advice: advice)
    }
    if ids.contains(row.id) {
      throw fault("id", "every clip once", "a second clip of this name", "rename one of them")
    }
    guard open != nil else { return }
    let advice = "give all clips of a shard the same datasets"
    for column in columns {
      let (before, own) = (shapes[column.name], row.chunks[column.name]?.shape)
      guard before != own else { continue }
      throw fault(
        column.name,
        before.map { "shape \($0), as in the clips before it" }
          ?? "no values, as in the clips before it", own.map { "shape \($0)" } ?? "none", advice)
    }
  }

  private func startFile(like row: PackedRow) throws {
    let digits = String(nextNumber)
    let number = String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    let name = "\(schema.filePrefix)-\(number).h5"
    nextNumber += 1
    let temporary = directory.appendingPathComponent(".\(name).partial")
    files.append((temporary, directory.appendingPathComponent(name)))
    let file = try HDF5File(creating: temporary.path)
    for (name, value) in header.attributes(of: schema) { try file.write(value, attribute: name) }
    for column in columns {
      guard let chunk = row.chunks[column.name] else { continue }
      let type = try column.type.makeType()
      _ = try HDF5Dataset(
        creating: column.name, type: type, shape: chunk.shape, capacity: rowsPerFile, in: file)
      shapes[column.name] = chunk.shape
    }
    open = consume file
  }

  private func finishFile() throws {
    try writing(clip: nil) {
      try writeStrings("id", rows.map(\.id))
      try writeStrings("caption", rows.map(\.caption))
      try writeStrings("source", rows.map(\.source))
      try open.take()!.close()
      try sync(files[files.count - 1].temporary.path)
    }
    rows = []
    shapes = [:]
    if case .oneByOne = publication { try publish() }
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

  /// Runs `body` on the library's queue; its failures name the file, which is given up.
  private func writing(clip: String?, _ body: () throws -> Void) throws {
    if let failure { throw failure }
    do {
      try HDF5.serialized(body)
    } catch {
      let path = files.last?.final.path ?? directory.path
      let fault =
        (error as? HDF5Failure)?.dataError(
          file: path, clip: clip, advice: "check the disk and the folder's permissions",
          kind: .resource) ?? error
      failure = fault
      open = nil
      if let broken = files.popLast() {
        try? FileManager.default.removeItem(at: broken.temporary)
      }
      throw fault
    }
  }
}

/// Makes the contents of a file survive a power cut.
private func sync(_ path: String) throws {
  let descriptor = Foundation.open(path, O_RDONLY)
  guard descriptor >= 0 else { throw systemError("open", path) }
  defer { close(descriptor) }
  guard fsync(descriptor) == 0 else { throw systemError("sync", path) }
}

private func systemError(_ operation: String, _ path: String) -> DataError {
  DataError(
    "\(path): cannot \(operation) it: \(String(cString: strerror(errno))); check the disk",
    kind: .resource)
}
