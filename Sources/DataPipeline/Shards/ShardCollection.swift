import Autograd
import Foundation

/// All shards of one kind in a folder (or one file), checked against each other: the part that
/// track shards and latent shards share.
struct ShardCollection: Sendable {
  let files: [ShardFile]
  /// Where clip `i` lies.
  let places: [(file: Int, row: Int)]
  /// SHA-256 over each file's name, size and fingerprint. It does not depend on where the folder
  /// lies.
  let contentHash: String
  /// Size and fingerprint of each file, by name.
  let fingerprints: [String: String]

  var header: ShardHeader { files[0].header }

  /// - Throws: `DataError` for a path without shards, a faulty shard, shards that disagree in
  ///   geometry, frames or other attributes, or a clip id that occurs twice.
  init(path: String, schema: ShardSchema) throws {
    files = try shardPaths(at: path).map { try ShardFile(path: $0, schema: schema) }
    var hash = SHA256()
    var fingerprints: [String: String] = [:]
    for file in files {
      if let fault = disagreement(of: file.header, at: file.path, with: files[0]) { throw fault }
      let name = URL(fileURLWithPath: file.path).lastPathComponent
      let size = fileSize(file.path)
      hash.update("\(name)\n\(size)\n\(file.fingerprint)\n")
      fingerprints[name] = "\(size):\(file.fingerprint)"
    }
    contentHash = hash.hexDigest
    self.fingerprints = fingerprints
    places = files.enumerated().flatMap { index, file in (0..<file.rows).map { (index, $0) } }
    guard !places.isEmpty else {
      throw DataError(file: path, expected: "at least one clip", found: "none")
    }
    if let fault = duplicates(in: files).first { throw fault }
  }

  func read(_ datasets: Set<String>, clip index: Int) throws -> ShardRow {
    let place = places[index]
    return try files[place.file].read(datasets, row: place.row)
  }
}

/// The shard files at a path, in the order of their names: the path itself, or the folder's `*.h5`.
func shardPaths(at path: String) throws -> [String] {
  var isFolder: ObjCBool = false
  guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
    throw DataError(
      file: path, expected: "a folder of shards or one shard", found: "nothing there",
      advice: "make shards with `trajloom data import` or `trajloom data synth`")
  }
  guard isFolder.boolValue else { return [path] }
  let names: [String]
  do {
    names = try FileManager.default.contentsOfDirectory(atPath: path)
  } catch {
    throw DataError("\(path): the folder cannot be read; check its permissions")
  }
  let shards = names.filter { $0.hasSuffix(".h5") && !$0.hasPrefix(".") }.sorted()
  guard !shards.isEmpty else {
    throw DataError(
      file: path, expected: "*.h5 shards", found: "\(names.count) other files",
      advice: "make shards with `trajloom data import` or `trajloom data synth`")
  }
  return shards.map { URL(fileURLWithPath: path).appendingPathComponent($0).path }
}

/// How a shard's attributes differ from those of the first.
func disagreement(of b: ShardHeader, at path: String, with first: ShardFile) -> DataError? {
  func fault(_ what: String, _ expected: Any, _ found: Any) -> DataError {
    DataError(
      file: path, expected: "\(what) \(expected), as in \(first.path)", found: "\(found)",
      advice: "keep data of different geometry in different folders")
  }
  let a = first.header
  if a.geometry != b.geometry { return fault("grid", a.geometry, b.geometry) }
  if a.frames != b.frames { return fault("frames", a.frames, b.frames) }
  if a.fps != b.fps { return fault("fps", a.fps, b.fps) }
  for (name, text) in a.texts where b.texts[name] != text {
    return fault("attribute '\(name)'", "'\(text)'", "'\(b.texts[name] ?? "")'")
  }
  return nil
}

/// One error per clip whose id an earlier clip has.
func duplicates(in files: [ShardFile]) -> [DataError] {
  var seen: [String: String] = [:]
  var faults: [DataError] = []
  for file in files {
    for id in file.ids {
      if let earlier = seen.updateValue(file.path, forKey: id) {
        faults.append(
          DataError(
            file: file.path, clip: id, dataset: "id", expected: "every clip once",
            found: "the same id in \(earlier)", advice: "rename one of the clips"))
      }
    }
  }
  return faults
}
