import Foundation

/// The videos of an import: a folder of them, or one.
struct ImportVideos: Sendable {
  private static let extensions = ["mp4", "mkv", "mov", "webm", "avi", "m4v"]

  private let path: String
  /// Whether `path` is a video, the one of the only clip.
  private let isFile: Bool
  private let reader: VideoReader
  /// What can be done about a video that is missing, beside adding it.
  private let alternative: String

  /// - Returns: nil for an import that takes no videos, or those inside of its files of tracks.
  init?(_ options: ImportOptions) throws {
    guard options.reading.hasVideo, let path = options.video ?? options.videos else { return nil }
    isFile = options.video != nil
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    guard exists, isFolder.boolValue != isFile else {
      throw DataError(
        file: path, expected: isFile ? "a video" : "a folder of videos",
        found: exists ? (isFile ? "a folder" : "a file") : "nothing there",
        advice: "check \(isFile ? "--video" : "--videos")")
    }
    self.path = path
    let isForModel = options.reading.isForModel
    let need = isForModel ? "the model was trained with videos" : "or pass --no-video"
    let isAlone = isForModel && TrackImporter.isTrackFile(options.tracks)
    alternative = isAlone ? "or name it with --video; \(need)" : need
    reader = try VideoReader(alternative: need)
  }

  /// The video of a clip: the path that the captions name or `<stem>.mp4`.
  func path(stem: String, named: String?) throws -> String {
    guard !isFile else { return path }
    let folder = URL(fileURLWithPath: path)
    let names = ImportVideos.extensions.map { "\(stem).\($0)" } + (named.map { [$0] } ?? [])
    let found = names.map { folder.appendingPathComponent($0).path }
      .first { !$0.hasSuffix("/") && FileManager.default.fileExists(atPath: $0) }
    guard let found else {
      throw DataError(
        file: path, clip: stem, expected: "a video \(stem).mp4", found: "none",
        advice: "add it, \(alternative)")
    }
    return found
  }

  /// The history frames of a clip.
  func read(stem: String, named: String?, frames: Int, geometry: GridGeometry) throws -> [UInt8] {
    try reader.read(path(stem: stem, named: named), frames: frames, geometry: geometry)
  }
}
