import Foundation

@testable import DataPipeline

/// Track files on a 64 x 96 frame with stride 16 (24 points), 6 frames, each point moving by (1,
/// 0.5).
struct ImportSource {
  let geometry: GridGeometry
  let frames = 6

  init() throws { geometry = try GridGeometry(height: 64, width: 96, stride: 16) }

  /// [N, T, 2], pixels.
  func tracks(frames: Int = 6) -> [[SIMD2<Float>]] {
    (0..<geometry.count).map { point in
      let query = geometry.queryPoint(
        row: point / geometry.columns, column: point % geometry.columns)
      return (0..<frames).map { SIMD2(query.x + Float($0), query.y + 0.5 * Float($0)) }
    }
  }

  func options(_ folder: URL, _ change: (inout ImportOptions) -> Void = { _ in }) -> ImportOptions {
    var options = ImportOptions(
      tracks: folder.appendingPathComponent("in").path,
      output: folder.appendingPathComponent("out").path, createdBy: "test",
      reading: ImportSettings(geometry: geometry, frames: frames, history: 3))
    change(&options)
    return options
  }

  /// Writes `in/<stem>.npy` and, with flags [N, T], `in/<stem>_visibility.npy`.
  func write(
    _ tracks: [[SIMD2<Float>]], visible: [[Bool]]? = nil, to folder: URL, stem: String = "clip",
    timeFirst: Bool = false
  ) throws {
    let place = folder.appendingPathComponent("in")
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    let (n, t) = (tracks.count, tracks[0].count)
    let order =
      timeFirst
      ? (0..<t).flatMap { f in (0..<n).map { ($0, f) } }
      : (0..<n).flatMap { p in (0..<t).map { (p, $0) } }
    let shape = timeFirst ? [t, n] : [n, t]
    let values = order.flatMap { [tracks[$0.0][$0.1].x, tracks[$0.0][$0.1].y] }
    let bytes = NPYFile.encode(values, shape: shape + [2])
    try NPYFile.write(bytes, to: place.appendingPathComponent("\(stem).npy").path)
    guard let visible else { return }
    let flags = NPYFile.encode(order.map { visible[$0.0][$0.1] }, shape: shape)
    try NPYFile.write(flags, to: place.appendingPathComponent("\(stem)_visibility.npy").path)
  }

  /// Imports `in` and returns the only clip.
  /// - Throws: its fault, if it has one.
  func importOne(
    _ folder: URL, _ change: (inout ImportOptions) -> Void = { _ in }
  ) throws -> (clip: Clip, report: ImportReport.ClipReport) {
    let options = options(folder, change)
    let report = try TrackImporter(options: options).run()
    if let fault = report.faults.first { throw DataError(fault.message) }
    return (try ShardSet(path: options.output).readClip(0), report.clips[0])
  }

  /// The faults of an import of `in`, by clip.
  func faults(
    _ folder: URL, _ change: (inout ImportOptions) -> Void = { _ in }
  ) throws -> [String: String] {
    let report = try TrackImporter(options: options(folder, change)).run()
    return Dictionary(report.faults.map { ($0.clip, $0.message) }) { "\($0) AND \($1)" }
  }

  /// [T, Hc, Wc, 2], what an import of `tracks` gives.
  func gridded(_ tracks: [[SIMD2<Float>]]) -> [Float] {
    (0..<frames).flatMap { frame in tracks.flatMap { [$0[frame].x, $0[frame].y] } }
  }
}
