import Archives
import Foundation

/// What lies beside the files of tracks, and what identifies all that a clip is made from.
struct ImportInputs: Sendable {
  let captions: CaptionTable?
  let videos: ImportVideos?

  init(_ options: ImportOptions) throws {
    captions =
      try options.caption.map { try CaptionTable(text: $0, ofFile: options.tracks) }
      ?? options.captions.map { try CaptionTable(path: $0) }
    videos = try ImportVideos(options)
  }

  /// Sizes and checksums by kind, as `ImportReport.ClipReport.inputs` has them.
  /// - Throws: `DataError` for a file that is missing or a caption that cannot be used.
  func identities(of item: ImportItem) throws -> [String: String] {
    var identities = ["tracks": try fileIdentity(item.file)]
    let beside = TrackArrays.visibilityFile(beside: item.file)
    if item.file.hasSuffix(".npy"), FileManager.default.fileExists(atPath: beside) {
      identities["visibility"] = try fileIdentity(beside)
    }
    let caption = try captions?.row(stem: item.stem)
    if let caption {
      identities["caption"] = identity(Array("\(caption.text)\n\(caption.source ?? "")".utf8))
    }
    if let videos {
      identities["video"] = try fileIdentity(
        videos.path(stem: item.stem, named: caption?.videoPath))
    }
    return identities
  }
}

/// The size and the CRC-32 of a file.
private func fileIdentity(_ path: String) throws -> String { identity(try readWholeFile(path)) }

private func identity(_ bytes: [UInt8]) -> String {
  "\(bytes.count)-\(String(checksum(bytes), radix: 16))"
}
