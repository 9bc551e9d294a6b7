import DataPipeline
import Foundation

/// Calls `body` with a new folder that is gone afterwards.
func withTemporaryFolder<R>(_ body: (URL) throws -> R) throws -> R {
  let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("trajloom-test-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

/// The message of the `DataError` that `body` throws; nil when it throws none.
func dataErrorMessage(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch let error as DataError {
    return error.message
  } catch {
    return "not a DataError: \(error)"
  }
}

/// A small grid, and clips on it whose values are easy to predict.
struct TinyData {
  let geometry: GridGeometry
  let frames = 8

  init() throws { geometry = try GridGeometry(height: 32, width: 48, stride: 16) }

  /// Point p of frame t is at its query point plus (t, number).
  func clip(_ number: Int, source: String? = nil) -> Clip {
    var tracks: [Float] = []
    for frame in 0..<frames {
      for row in 0..<geometry.rows {
        for column in 0..<geometry.columns {
          let query = geometry.queryPoint(row: row, column: column)
          tracks += [query.x + Float(frame), query.y + Float(number)]
        }
      }
    }
    let visibility = (0..<frames * geometry.count).map { UInt8(($0 + number) % 3 == 0 ? 0 : 1) }
    return Clip(
      id: "clip-\(number)", caption: "a clip, né \(number)", source: source ?? "source-\(number)",
      tracks: tracks, visibility: visibility)
  }

  func writer(_ folder: URL, clipsPerShard: Int = 2) throws -> ShardWriter {
    try ShardWriter(
      directory: folder.path, geometry: geometry, frames: frames, fps: 25, createdBy: "test",
      clipsPerShard: clipsPerShard)
  }

  @discardableResult
  func write(_ clips: [Clip], to folder: URL, clipsPerShard: Int = 2) throws -> [String] {
    let writer = try writer(folder, clipsPerShard: clipsPerShard)
    for clip in clips { try writer.append(clip) }
    return try writer.finish()
  }
}
