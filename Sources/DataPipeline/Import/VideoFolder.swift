import Foundation

/// The videos of an import.
struct VideoFolder: Sendable {
  private static let extensions = ["mp4", "mkv", "mov", "webm", "avi", "m4v"]

  let path: String
  private let reader: VideoReader

  init(path: String) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue
    else {
      throw DataError(
        file: path, expected: "a folder of videos", found: "none", advice: "check --videos")
    }
    self.path = path
    reader = try VideoReader()
  }

  /// The video of a clip: the path that the captions name or `<stem>.mp4`.
  func path(stem: String, named: String?) throws -> String {
    let folder = URL(fileURLWithPath: path)
    let names = VideoFolder.extensions.map { "\(stem).\($0)" } + (named.map { [$0] } ?? [])
    let found = names.map { folder.appendingPathComponent($0).path }
      .first { !$0.hasSuffix("/") && FileManager.default.fileExists(atPath: $0) }
    guard let found else {
      throw DataError(
        file: path, clip: stem, expected: "a video \(stem).mp4", found: "none",
        advice: "add it, or pass --no-video")
    }
    return found
  }

  /// The history frames of a clip.
  func read(stem: String, named: String?, frames: Int, geometry: GridGeometry) throws -> [UInt8] {
    try reader.read(path(stem: stem, named: named), frames: frames, geometry: geometry)
  }
}
