import Foundation

/// A clip to import: a file of tracks, or one view in a file of several.
struct ImportItem: Sendable {
  let id: String
  /// The name that captions and videos go by: of the file, without its extension.
  let stem: String
  let file: String
  /// In a foreign HDF5 file; else nil.
  let view: String?

  /// The video that the clip was cut from, as far as names tell. The views of one file show one
  /// scene.
  var source: String { view == nil ? sourceName(stem: stem) : stem }
}

/// Which clips a folder holds, and the faults that its listing shows.
struct ImportPlan {
  private(set) var items: [ImportItem] = []
  private(set) var faults: [ImportReport.Fault] = []

  /// - Parameter isStopped: ends the listing early, with what it has.
  /// - Throws: `DataError` for a path where nothing is to be imported.
  init(_ options: ImportOptions, isStopped: @Sendable () -> Bool) throws {
    let root = URL(fileURLWithPath: options.tracks)
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: root.path, isDirectory: &isFolder) else {
      throw DataError(
        file: options.tracks, expected: "a folder of track files, or one of them",
        found: "nothing there", advice: "check --tracks")
    }
    var names = [root.lastPathComponent]
    if isFolder.boolValue {
      do { names = try FileManager.default.contentsOfDirectory(atPath: root.path).sorted() } catch {
        throw DataError("\(options.tracks): the folder cannot be read; check its permissions")
      }
    }
    let folder = isFolder.boolValue ? root : root.deletingLastPathComponent()
    guard !isFolder.boolValue || !isSameFolder(folder.path, options.output) else {
      throw DataError(
        file: options.output, expected: "another folder than that of the tracks", found: "the same",
        advice: "choose another --out", kind: .usage)
    }
    let files = names.compactMap { ImportPlan.item($0, in: folder) }
      .filter { isForeign($0.file) || options.clips?.contains($0.id) ?? true }
    try inOrder(files.count) { number -> [ImportItem] in
      let file = files[number]
      guard isForeign(file.file), !isStopped() else { return [file] }
      return try ForeignHDF5.reader(options, path: file.file).views().map {
        ImportItem(id: "\(file.stem)_\($0)", stem: file.stem, file: file.file, view: $0)
      }
    } use: { number, found in
      // The terminal's Ctrl-C ends the reading children too: what they leave is no fault.
      guard !isStopped() else { return false }
      do { items += try found.get() } catch let error as DataError where error.kind == .data {
        faults.append(.init(clip: files[number].stem, message: error.message))
      }
      return true
    }
    var owners: [String: String] = [:]
    items = items.filter { item in
      guard options.clips?.contains(item.id) ?? true else { return false }
      guard let other = owners.updateValue(item.file, forKey: item.id) else { return true }
      let error = DataError(
        file: item.file, clip: item.id, expected: "one file of this name", found: "\(other) too",
        advice: "rename one of them")
      faults.append(.init(clip: item.id, message: error.message))
      return false
    }
    guard !files.isEmpty else {
      throw DataError(
        file: options.tracks, expected: ".npz, .npy, .h5 or .hdf5 files", found: "none",
        advice: "check --tracks")
    }
  }
}

extension TrackImporter {
  /// Whether a file is one of tracks, `.npz` or `.npy`, by its name.
  public static func isTrackFile(_ path: String) -> Bool {
    let item = ImportPlan.item((path as NSString).lastPathComponent, in: URL(fileURLWithPath: "/"))
    return item.map { !isForeign($0.file) } ?? false
  }
}

/// Whether a file is HDF5 of another program, by its name.
public func isForeign(_ path: String) -> Bool {
  let name = (path as NSString).lastPathComponent
  return (name.hasSuffix(".h5") || name.hasSuffix(".hdf5")) && !name.hasPrefix(".")
}

private func isSameFolder(_ a: String, _ b: String) -> Bool {
  let (first, second) = (URL(fileURLWithPath: a), URL(fileURLWithPath: b))
  return first.resolvingSymlinksInPath().path == second.resolvingSymlinksInPath().path
}

extension ImportPlan {
  /// The clip of a file, by its name; nil for one that is not imported.
  fileprivate static func item(_ name: String, in folder: URL) -> ImportItem? {
    guard let kind = ["npz", "npy", "h5", "hdf5"].first(where: { name.hasSuffix(".\($0)") }),
      !name.hasPrefix("."), !name.hasSuffix(TrackArrays.visibilitySuffix)
    else { return nil }
    let stem = String(name.dropLast(kind.count + 1))
    return ImportItem(
      id: stem, stem: stem, file: folder.appendingPathComponent(name).path, view: nil)
  }
}

/// The name of the video that a clip was cut from: its own without a last part `_a`, `_b`, ... (one
/// small letter) or `_<digits>`, so that the cuts of one video stay on one side of a split. A
/// captions table with a `source` column overrides it.
func sourceName(stem: String) -> String {
  guard let underscore = stem.lastIndex(of: "_"), underscore != stem.startIndex else { return stem }
  let tail = stem[stem.index(after: underscore)...]
  let isLetter = tail.count == 1 && ("a"..."z").contains(tail)
  let isNumber = !tail.isEmpty && tail.allSatisfy { ("0"..."9").contains($0) }
  return isLetter || isNumber ? String(stem[..<underscore]) : stem
}
