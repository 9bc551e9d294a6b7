import Foundation

/// The arrays of one clip that matter, by name, from whatever kind of file.
struct TrackArrays {
  let path: String
  let trackKey: String
  let tracks: NPYArray
  var visibility: (key: String, array: NPYArray)?

  /// The customary names; `points` is what TAP-Vid calls tracks.
  static let trackKeys = ["trajectory", "trajectories", "tracks", "points"]
  static let visibilityKeys = ["visibility", "visibilities", "vis"]
}

extension TrackArrays {
  /// An `.npy` file holds the tracks alone; a file `<stem>_visibility.npy` beside it holds its
  /// visibility.
  init(npy path: String) throws {
    self.init(
      path: path, trackKey: "array", tracks: try NPYArray(npy: readWholeFile(path), file: path))
    let beside = String(path.dropLast(4)) + "_visibility.npy"
    if FileManager.default.fileExists(atPath: beside) {
      visibility = ("visibility", try NPYArray(npy: readWholeFile(beside), file: beside))
    }
  }

  /// An `.npz` file. Of its members only those that are needed are unpacked.
  /// - Parameters:
  ///   - trackKey: the name of the tracks; nil for one of the customary ones.
  ///   - visibilityKey: likewise.
  /// - Throws: `DataError` naming the file and the names that it has.
  init(npz path: String, trackKey: String?, visibilityKey: String?) throws {
    let archive = try Zip(path: path)
    let keys = archive.names.filter { $0.hasSuffix(".npy") }.map { String($0.dropLast(4)) }
    func only(_ found: [String], _ expected: String, _ flag: String) throws -> String? {
      guard found.count <= 1 else {
        throw DataError(
          file: path, expected: "one array of \(expected)", found: found.joined(separator: ", "),
          advice: "pass \(flag) with the name of the right one")
      }
      return found.first
    }
    func array(_ key: String) throws -> NPYArray {
      let name = key + ".npy"
      try NPYArray.checkSize(archive, name, file: path, member: key)
      return try NPYArray(npy: archive.contents(of: name), file: path, member: key)
    }
    func named(_ key: String, _ flag: String) throws -> String {
      guard keys.contains(key) else {
        throw DataError(
          file: path, expected: "an array '\(key)' (\(flag))",
          found: keys.isEmpty ? "no arrays" : keys.joined(separator: ", "),
          advice: "name one of these")
      }
      return key
    }
    let tracks =
      try trackKey.map { try named($0, "--track-key") }
      ?? only(
        keys.filter { TrackArrays.trackKeys.contains($0.lowercased()) }, "tracks", "--track-key")
    guard let tracks else {
      throw DataError(
        file: path, expected: "an array '\(TrackArrays.trackKeys.joined(separator: "', '"))'",
        found: keys.isEmpty ? "no arrays" : keys.joined(separator: ", "),
        advice: "pass --track-key with the name of the tracks")
    }
    self.init(path: path, trackKey: tracks, tracks: try array(tracks))
    let visible = keys.filter { TrackArrays.visibilityKeys.contains($0.lowercased()) }
    let occluded = keys.filter { $0.lowercased().hasPrefix("occ") }
    // Both say the same thing where both are given.
    let flags =
      try visibilityKey.map { try named($0, "--visibility-key") }
      ?? only(visible.isEmpty ? occluded : visible, "visibility", "--visibility-key")
    if let flags { visibility = (flags, try array(flags)) }
  }
}

extension NPYArray {
  /// Compares what an array of an archive declares with the size of its member, before that is
  /// unpacked.
  /// - Throws: `DataError` for a member that is not an array, or of another size.
  fileprivate static func checkSize(
    _ archive: Zip, _ name: String, file: String, member: String
  ) throws {
    let start = try archive.start(of: name, count: 1 << 12)
    let header = try NPYStart(start, file: file, member: member)
    try header.check(size: archive.size(of: name))
  }
}
