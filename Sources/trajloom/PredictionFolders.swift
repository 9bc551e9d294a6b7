import Autograd
import DataPipeline
import Foundation
import TrajLoomBench

/// Writes one clip's folder of predictions beside its place and renames it when it is complete.
struct ClipFolder {
  let path: String

  init(out: String, id: String) { path = "\(out)/\(id)" }

  func write(_ body: (ClipFiles) throws -> Void) throws {
    let files = FileManager.default
    let partial = "\(path).partial-\(getpid())"
    defer { try? files.removeItem(atPath: partial) }
    do {
      try files.createDirectory(atPath: partial, withIntermediateDirectories: true)
      try body(ClipFiles(folder: partial))
      try checkReplaceable()
      if files.fileExists(atPath: path) { try files.removeItem(atPath: path) }
      try files.moveItem(atPath: partial, toPath: path)
    } catch let error as CocoaError {
      throw DataError("\(path): cannot be written (\(error.localizedDescription))", kind: .resource)
    }
  }
}

extension ClipFolder {
  /// - Throws: `DataError` when something else than predictions is in the folder's place.
  func checkReplaceable() throws {
    let files = FileManager.default
    guard !files.fileExists(atPath: path) || files.fileExists(atPath: "\(path)/meta.json") else {
      throw DataError(
        "\(path): expected a folder of predictions or none, found something else; use another --out"
      )
    }
  }
}

/// The files of a clip's folder.
struct ClipFiles {
  let folder: String

  func save(_ name: String, _ values: [Float], _ shape: [Int]) throws {
    try NPYFile.write(NPYFile.encode(values, shape: shape), to: place(name))
  }
  func save(_ name: String, _ values: [UInt8], _ shape: [Int]) throws {
    try NPYFile.write(NPYFile.encode(values, shape: shape), to: place(name))
  }
  func save(_ name: String, _ values: [Int64], _ shape: [Int]) throws {
    try NPYFile.write(NPYFile.encode(values, shape: shape), to: place(name))
  }
  func save(_ name: String, _ values: [Bool], _ shape: [Int]) throws {
    try NPYFile.write(NPYFile.encode(values, shape: shape), to: place(name))
  }
  func save(_ data: Data, _ name: String) throws { try AtomicFile.write(data, to: place(name)) }

  /// x and y of every query point, row by row, and their indices y · W + x.
  func saveGrid(_ geometry: GridGeometry) throws {
    let points = (0..<geometry.rows).flatMap { row in
      (0..<geometry.columns).map { geometry.queryPoint(row: row, column: $0) }
    }
    try save("query_xy.npy", points.flatMap { [Int64($0.x), Int64($0.y)] }, [points.count, 2])
    try save(
      "grid_idx.npy", points.map { Int64($0.y) * Int64(geometry.width) + Int64($0.x) },
      [points.count])
  }

  func saveMeta(_ meta: [String: Any]) throws {
    let options: JSONSerialization.WritingOptions = [
      .prettyPrinted, .sortedKeys, .withoutEscapingSlashes,
    ]
    try AtomicFile.write(
      JSONSerialization.data(withJSONObject: meta, options: options), to: place("meta.json"))
  }

  private func place(_ name: String) throws -> String {
    let path = "\(folder)/\(name)"
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    return path
  }
}

/// One clip's predictions, read back: the published layout, from whatever model.
struct PredictedClip {
  let id: String
  let caption: String
  let height: Int
  let width: Int
  let history: PointTracks
  let truth: PointTracks
  let samples: [PointTracks]
  /// Where the points stand in frame 0, as `query_xy.npy` says; nil where that is no regular grid,
  /// or is not said.
  let grid: PointGrid?
  let lastFrame: RGBImage?

  /// The clips of a folder of predictions, in the order of their names.
  /// - Throws: `DataError` naming the file that is missing or misshaped.
  static func readAll(_ path: String) throws -> [PredictedClip] {
    try folders(path).map(PredictedClip.init(folder:))
  }

  /// Where those clips are; at least one.
  /// - Throws: `DataError` if there is none.
  static func folders(_ path: String) throws -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    let folders = names.sorted().map { "\(path)/\($0)" }
      .filter {
        FileManager.default.fileExists(atPath: "\($0)/gt_tracks.npy") && !$0.contains(".partial-")
      }
    guard !folders.isEmpty else {
      throw DataError(
        "\(path): expected folders with gt_tracks.npy, found none; make predictions with `trajloom sample`"
      )
    }
    return folders
  }

  init(folder: String) throws {
    id = (folder as NSString).lastPathComponent
    let meta = FileManager.default.contents(atPath: "\(folder)/meta.json")
      .flatMap { try? JSONSerialization.jsonObject(with: $0) as? [String: Any] }
    guard let meta, let height = meta["H"] as? Int, let width = meta["W"] as? Int, height > 0,
      width > 0
    else {
      throw DataError(
        "\(folder)/meta.json: expected the frame's size as H and W, found none; write it there")
    }
    self.height = height
    self.width = width
    caption = meta["caption"] as? String ?? ""
    truth = try Self.tracks("\(folder)/gt_tracks.npy", "\(folder)/gt_visibility.npy")
    history = try Self.tracks("\(folder)/hist_tracks.npy", "\(folder)/hist_visibility.npy")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let several = names.filter { $0.hasPrefix("sample_") }.sorted().map { "\(folder)/\($0)" }
    guard history.points == truth.points else {
      throw DataError(
        "\(folder)/hist_tracks.npy: expected \(truth.points) points, as in gt_tracks.npy, found "
          + "\(history.points)")
    }
    let truth = truth
    samples = try (several.isEmpty ? [folder] : several).map { place in
      let sample = try Self.tracks("\(place)/pred_tracks.npy", "\(place)/pred_visibility.npy")
      guard sample.frames == truth.frames, sample.points == truth.points else {
        throw DataError(
          "\(place)/pred_tracks.npy: expected \(truth.frames) frames of \(truth.points) points, as in "
            + "gt_tracks.npy, found \(sample.frames) of \(sample.points)")
      }
      return sample
    }
    grid = try Self.grid("\(folder)/query_xy.npy", points: truth.points)
    let frame = "\(folder)/hist_last_frame.npy"
    if FileManager.default.fileExists(atPath: frame) {
      let array = try Self.read(frame)
      guard array.shape.count == 3, array.shape[2] == 3 else {
        throw DataError("\(frame): expected [height, width, 3], found \(array.shape)")
      }
      lastFrame = RGBImage(
        pixels: array.scalars.map { UInt8(max(0, min(255, $0))) }, width: array.shape[1],
        height: array.shape[0])
    } else {
      lastFrame = nil
    }
  }

  private static func read(_ path: String) throws -> NPYArray {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw DataError("\(path): expected a .npy file, found none")
    }
    return try NPYArray(npy: Array(data), file: path)
  }

  private static func grid(_ path: String, points: Int) throws -> PointGrid? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let array = try read(path)
    guard array.shape == [points, 2] else {
      throw DataError(
        "\(path): expected [\(points), 2], a place for each point of gt_tracks.npy, found "
          + "\(array.shape)")
    }
    return PointGrid(
      queryPoints: (0..<points).map { SIMD2(array.scalars[2 * $0], array.scalars[2 * $0 + 1]) })
  }

  private static func tracks(_ positions: String, _ visibility: String) throws -> PointTracks {
    let (tracks, seen) = (try read(positions), try read(visibility))
    guard tracks.shape.count == 3, tracks.shape[2] == 2, tracks.shape[0] > 0, tracks.shape[1] > 0
    else { throw DataError("\(positions): expected [T, N, 2], found \(tracks.shape)") }
    guard seen.shape == Array(tracks.shape.prefix(2)) else {
      throw DataError(
        "\(visibility): expected \(Array(tracks.shape.prefix(2))), as \(positions), found \(seen.shape)"
      )
    }
    guard tracks.scalars.allSatisfy(\.isFinite) else {
      throw DataError("\(positions): expected finite coordinates, found NaN or infinity")
    }
    return PointTracks(
      frames: tracks.shape[0], points: tracks.shape[1], positions: tracks.scalars,
      visibility: seen.scalars.map { $0 > 0.5 ? 1 : 0 })
  }
}
