import Foundation

/// The tracks of one `.npz` or `.npy` file as they stand in it: [N, T, 2] and [N, T], units
/// unknown.
struct TrackFile: Sendable {
  let path: String
  /// N, the number of points.
  let points: Int
  /// T.
  let frames: Int
  /// [N, T, 2].
  let coordinates: [Float]
  /// [N, T]; nil when the file says nothing of visibility.
  let visible: [Bool]?
  /// How the file was understood, for the report.
  let evidence: [String]

  private static let trackKeys = ["trajectory", "trajectories", "tracks"]
  private static let visibilityKeys = ["visibility", "visibilities", "vis"]

  /// Reads tracks under `trajectory`, `trajectories` or `tracks`, and visibility under
  /// `visibility`, `visibilities` or `vis`, or occlusion under `occluded` or a key that starts with
  /// `occ`. An `.npy` file holds the tracks alone; a file `<stem>_visibility.npy` beside it holds
  /// its visibility.
  /// - Parameters:
  ///   - expectedFrames: helps to tell the axes apart.
  ///   - expectedPoints: likewise.
  ///   - polarity: what 1 means; nil to follow the key.
  /// - Throws: `DataError` naming the file, the key, what was expected and found.
  init(path: String, expectedFrames: Int, expectedPoints: Int, polarity: VisibilityPolarity?) throws
  {
    let arrays = try TrackArrays(path: path)
    var evidence: [String] = []
    let layout = try TrackLayout(
      arrays.tracks, path: path, key: arrays.trackKey, frames: expectedFrames,
      points: expectedPoints)
    evidence.append("'\(arrays.trackKey)' \(arrays.tracks.shape) is \(layout.evidence)")
    self.path = path
    points = layout.points
    frames = layout.frames
    coordinates = layout.pointsFirst(arrays.tracks.scalars, width: 2)
    if let (key, flags) = arrays.visibility {
      let values = try layout.flags(flags, path: path, key: key)
      let isOcclusion = polarity.map { $0 == .occluded } ?? key.lowercased().hasPrefix("occ")
      if !flags.isIntegral && values.contains(where: { $0 != 0 && $0 != 1 }) {
        evidence.append("'\(key)' holds probabilities, cut at 0.5")
      }
      let visible = values.map { ($0 > 0.5) != isOcclusion }
      let started = (0..<points).reduce(0) { $0 + (visible[$1 * layout.frames] ? 1 : 0) }
      // Points are queried on frame 0, where they are seen: the other way round is a misread file.
      if polarity == nil, 2 * started < points {
        throw DataError(
          file: path, dataset: key,
          expected: "most points to be visible on frame 0, where they start",
          found: "\(started) of \(points)", advice: "pass --polarity visible or --polarity occluded"
        )
      }
      evidence.append("'\(key)': 1 means \(isOcclusion ? "occluded" : "visible")")
      self.visible = visible
    } else {
      evidence.append("no visibility: every finite point on the frame counts as visible")
      visible = nil
    }
    self.evidence = evidence
  }

  /// The arrays of a file that matter, by name.
  private struct TrackArrays {
    let trackKey: String
    let tracks: NPYArray
    var visibility: (key: String, array: NPYArray)?

    init(path: String) throws {
      guard path.hasSuffix(".npz") else {
        trackKey = "array"
        tracks = try NPYArray(npy: readWholeFile(path), file: path)
        let beside = String(path.dropLast(4)) + "_visibility.npy"
        if FileManager.default.fileExists(atPath: beside) {
          visibility = ("visibility", try NPYArray(npy: readWholeFile(beside), file: beside))
        }
        return
      }
      let archive = try Zip(path: path)
      let names = archive.names.filter { $0.hasSuffix(".npy") }
      let keys = names.map { String($0.dropLast(4)) }
      func only(_ found: [String], _ expected: String) throws -> String? {
        guard found.count <= 1 else {
          throw DataError(
            file: path, expected: "one array of \(expected)", found: found.joined(separator: ", "),
            advice: "remove all but one from the file")
        }
        return found.first
      }
      func array(_ key: String) throws -> NPYArray {
        try NPYArray(npy: archive.contents(of: key + ".npy"), file: path, member: key)
      }
      let found = try only(keys.filter { TrackFile.trackKeys.contains($0.lowercased()) }, "tracks")
      guard let found else {
        throw DataError(
          file: path, expected: "an array '\(TrackFile.trackKeys.joined(separator: "', '"))'",
          found: keys.isEmpty ? "no arrays" : keys.joined(separator: ", "),
          advice: "rename the array of tracks")
      }
      trackKey = found
      tracks = try array(found)
      let visible = keys.filter { TrackFile.visibilityKeys.contains($0.lowercased()) }
      let occluded = keys.filter { $0.lowercased().hasPrefix("occ") }
      // Both say the same thing where both are given.
      if let key = try only(visible.isEmpty ? occluded : visible, "visibility") {
        visibility = (key, try array(key))
      }
    }
  }
}

/// What 1 means in an array of visibility.
public enum VisibilityPolarity: String, Sendable, CaseIterable, Codable {
  case visible
  case occluded
}
