import Foundation

/// The arrays of one clip that matter, by name, from whatever kind of file.
struct TrackArrays {
  let path: String
  let trackKey: String
  let tracks: NPYArray
  var visibility: (key: String, array: NPYArray)?

  /// The customary names, alone or behind `pred_`; `points` is what TAP-Vid calls tracks.
  private static let trackKeys = ["trajectory", "trajectories", "tracks", "points"]
  private static let visibilityKeys = ["visibility", "visibilities", "visibles", "vis"]

  static func namesTracks(_ key: String) -> Bool { trackKeys.contains(plain(key)) }
  static func namesVisibility(_ key: String) -> Bool { visibilityKeys.contains(plain(key)) }
  static func namesOcclusion(_ key: String) -> Bool { plain(key).hasPrefix("occ") }

  private static func plain(_ key: String) -> String {
    String(key.lowercased().trimmingPrefix("pred_"))
  }
}

extension TrackArrays {
  /// Where the visibility of an `.npy` file of tracks lies.
  static func visibilityFile(beside path: String) -> String {
    String(path.dropLast(4)) + visibilitySuffix
  }

  static let visibilitySuffix = "_visibility.npy"

  /// An `.npy` file holds the tracks alone; a file `<stem>_visibility.npy` beside it holds its
  /// visibility.
  init(npy path: String) throws {
    self.init(
      path: path, trackKey: "array", tracks: try NPYArray(npy: readWholeFile(path), file: path))
    let beside = TrackArrays.visibilityFile(beside: path)
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
    let archive = try NPZ(path: path)
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
      ?? only(keys.filter(TrackArrays.namesTracks), "tracks", "--track-key")
    guard let tracks else {
      throw DataError(
        file: path, expected: "an array '\(TrackArrays.trackKeys.joined(separator: "', '"))'",
        found: keys.isEmpty ? "no arrays" : keys.joined(separator: ", "),
        advice: "pass --track-key with the name of the tracks")
    }
    self.init(path: path, trackKey: tracks, tracks: try array(tracks))
    guard visibilityKey != "none" else { return }
    if let visibilityKey {
      let key = try named(visibilityKey, "--visibility-key")
      visibility = (key, try array(key))
      return
    }
    let visible = try only(
      keys.filter(TrackArrays.namesVisibility), "visibility", "--visibility-key")
    let occluded = try only(
      keys.filter(TrackArrays.namesOcclusion), "occlusion", "--visibility-key")
    if let key = visible ?? occluded { visibility = (key, try array(key)) }
    if visible != nil, let occluded, let seen = visibility {
      let hidden = try array(occluded)
      let isOpposite =
        hidden.shape == seen.array.shape
        && zip(hidden.scalars, seen.array.scalars).allSatisfy { ($0 > 0.5) != ($1 > 0.5) }
      guard isOpposite else {
        throw DataError(
          file: path, expected: "'\(occluded)' to be the opposite of '\(seen.key)'",
          found: "something else", advice: "pass --visibility-key with the name of the right one")
      }
    }
    // Everything would count as visible: not while something looks as if it said otherwise.
    let similar = keys.filter { $0 != tracks && ($0.contains("vis") || $0.contains("occ")) }
    guard visibility != nil || similar.isEmpty else {
      throw DataError(
        file: path, expected: "visibility under a known name",
        found: similar.joined(separator: ", "),
        advice: "pass --visibility-key with its name, or none")
    }
  }
}

extension NPYArray {
  /// Compares what an array of an archive declares with the size of its member, before that is
  /// unpacked.
  /// - Throws: `DataError` for a member that is not an array, or of another size.
  fileprivate static func checkSize(
    _ archive: NPZ, _ name: String, file: String, member: String
  ) throws {
    let start = try archive.start(of: name, count: 1 << 12)
    let header = try NPYStart(start, file: file, member: member)
    try header.check(size: archive.size(of: name))
  }
}
