import Foundation
import Testing

@testable import DataPipeline

/// Track files on a 64 x 96 frame with stride 16 (24 points), 6 frames, each point moving by (1,
/// 0.5).
private struct Source {
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
      output: folder.appendingPathComponent("out").path, geometry: geometry, frames: frames,
      history: 3, createdBy: "test")
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
  func importOne(
    _ folder: URL, _ change: (inout ImportOptions) -> Void = { _ in }
  ) throws -> (clip: Clip, report: ImportReport.ClipReport) {
    let options = options(folder, change)
    let report = try TrackImporter(options: options).run()
    return (try ShardSet(path: options.output).readClip(0), report.clips[0])
  }

  /// [T, Hc, Wc, 2], what an import of `tracks` gives.
  func gridded(_ tracks: [[SIMD2<Float>]]) -> [Float] {
    (0..<frames).flatMap { frame in tracks.flatMap { [$0[frame].x, $0[frame].y] } }
  }
}

@Test(arguments: TrackConvention.Units.allCases, TrackConvention.AxisOrder.allCases)
func unitsAndOrderAreDetected(_ units: TrackConvention.Units, _ order: TrackConvention.AxisOrder)
  throws
{
  let source = try Source()
  let tracks = source.tracks()
  let stored = tracks.map {
    $0.map { point -> SIMD2<Float> in
      let share = point / SIMD2(96, 64)
      let value = units == .pixel ? point : units == .unit ? share : 2 * share - 1
      return order == .xy ? value : SIMD2(value.y, value.x)
    }
  }
  try withTemporaryFolder { folder in
    try source.write(stored, to: folder)
    let (clip, report) = try source.importOne(folder)
    #expect(report.units == units.rawValue && report.axisOrder == order.rawValue)
    #expect(report.gridMatch == "exact" && report.evidence.last?.contains("100 %") == true)
    for (a, b) in zip(clip.tracks, source.gridded(tracks)) { #expect(abs(a - b) < 1e-4) }
  }
}

@Test func squareGridsNeedTheFlag() throws {
  let geometry = try GridGeometry(height: 64, width: 64, stride: 16)
  var starts: [Float] = []
  for point in 0..<16 {
    let query = geometry.queryPoint(row: point / 4, column: point % 4)
    starts += [query.x, query.y]
  }
  let message = dataErrorMessage {
    _ = try TrackConvention.detect(
      starts: starts, geometry: geometry, units: nil, axisOrder: nil, path: "a.npz")
  }
  #expect(try #require(message).contains("pass --axis-order xy|yx,"))
  let given = try TrackConvention.detect(
    starts: starts, geometry: geometry, units: nil, axisOrder: .yx, path: "a.npz")
  #expect(given.convention == TrackConvention(units: .pixel, axisOrder: .yx))
  let tiny = dataErrorMessage {
    _ = try TrackConvention.detect(
      starts: [0.1, 0.2, 0.3, 0.25], geometry: geometry, units: nil, axisOrder: nil, path: "a.npz")
  }
  #expect(try #require(tiny).contains("--units pixel|unit|norm"))
}

@Test func timeFirstFilesAndOtherOrdersOfPointsAreTheSameClip() throws {
  let source = try Source()
  let tracks = source.tracks()
  let visible = (0..<24).map { p in (0..<6).map { f in f == 0 || (p + f) % 3 != 0 } }
  func flags(_ clip: Clip) -> [Bool] { clip.visibility.map { $0 == 1 } }
  let wanted = (0..<6).flatMap { f in visible.map { $0[f] } }
  try withTemporaryFolder { folder in
    try source.write(tracks, visible: visible, to: folder, timeFirst: true)
    let (clip, report) = try source.importOne(folder)
    #expect(clip.tracks == source.gridded(tracks) && flags(clip) == wanted)
    #expect(report.evidence[0].contains("[T, N, 2]"))
  }
  try withTemporaryFolder { folder in
    let order = (0..<24).map { ($0 * 7 + 3) % 24 }
    try source.write(order.map { tracks[$0] }, visible: order.map { visible[$0] }, to: folder)
    let (clip, report) = try source.importOne(folder)
    #expect(clip.tracks == source.gridded(tracks) && flags(clip) == wanted)
    #expect(report.gridMatch == "reordered")
  }
}

@Test func sparsePointsGoToTheNearestCell() throws {
  let source = try Source()
  // 7 px off the grid; the last cell has nobody.
  let tracks = source.tracks().dropLast().map { $0.map { $0 + SIMD2(5, 4.9) } }
  try withTemporaryFolder { folder in
    try source.write(tracks, to: folder)
    let (clip, report) = try source.importOne(folder) {
      ($0.units, $0.axisOrder) = (.pixel, .xy)
    }
    #expect(report.gridMatch == "nearest" && report.emptyCells == 1)
    #expect(Array(clip.tracks[0..<4]) == [5, 4.9, 21, 4.9])
    let last = (0..<6).map { clip.visibility[24 * $0 + 23] }
    #expect(last == [0, 0, 0, 0, 0, 0])
    #expect(Array(clip.tracks[46..<48]) == [80, 48])
  }
}

@Test func longClipsAreCutAndShortOnesRefused() throws {
  let source = try Source()
  try withTemporaryFolder { folder in
    try source.write(source.tracks(frames: 9), to: folder)
    let (clip, report) = try source.importOne(folder)
    #expect(clip.tracks == source.gridded(source.tracks()) && report.droppedFrames == 3)
  }
  try withTemporaryFolder { folder in
    try source.write(source.tracks(frames: 4), to: folder)
    let message = dataErrorMessage { _ = try source.importOne(folder) }
    #expect(
      try #require(message).contains(
        "clip 'clip': expected at least 6 frames, found 4; pass --frames 4"))
    let left = try FileManager.default.contentsOfDirectory(
      atPath: folder.appendingPathComponent("out").path)
    #expect(left == [])
  }
}

@Test func positionsThatAreNotFiniteAreHeld() throws {
  let source = try Source()
  var tracks = source.tracks()
  tracks[5][2] = SIMD2(.nan, 3)
  tracks[5][3] = SIMD2(.infinity, .nan)
  var visible = tracks.map { $0.map { _ in true } }
  try withTemporaryFolder { folder in
    try source.write(tracks, visible: visible, to: folder)
    let message = dataErrorMessage { _ = try source.importOne(folder) }
    let text = try #require(message)
    #expect(text.contains("point 5, frame 2") && text.contains("--nonfinite invisible"))
    let (clip, report) = try source.importOne(folder) { $0.nonFinite = .invisible }
    #expect(report.heldPositions == 2 && report.hiddenNonFinite == 2)
    let held = (0..<6).map { clip.tracks[2 * (24 * $0 + 5)] }
    #expect(held == [80, 81, 81, 84, 84, 85])
    let shown = (0..<6).map { clip.visibility[24 * $0 + 5] }
    #expect(shown == [1, 1, 0, 0, 1, 1])
  }
  visible[5][2] = false
  visible[5][3] = false
  try withTemporaryFolder { folder in
    try source.write(tracks, visible: visible, to: folder)
    let (_, report) = try source.importOne(folder)
    #expect(report.heldPositions == 2 && report.hiddenNonFinite == 0)
  }
}

@Test func invertedVisibilityIsNoticed() throws {
  let source = try Source()
  let hidden = source.tracks().map { $0.map { _ in false } }
  try withTemporaryFolder { folder in
    try source.write(source.tracks(), visible: hidden, to: folder)
    let message = dataErrorMessage { _ = try source.importOne(folder) }
    #expect(try #require(message).contains("--polarity"))
    let (clip, _) = try source.importOne(folder) { $0.polarity = .occluded }
    #expect(clip.visibility.allSatisfy { $0 == 1 })
  }
}

@Test func captionsAndSourcesAreMatched() throws {
  let source = try Source()
  try withTemporaryFolder { folder in
    for stem in ["cat_a", "cat_b", "dog"] {
      try source.write(source.tracks(), to: folder, stem: stem)
    }
    let csv = folder.appendingPathComponent("captions.csv").path
    let text =
      "\u{FEFF}videoid,video_path,text\r\ncat_a,x.mp4,\"A \"\"big\"\" cat,\r\nasleep.\"\r\n"
      + "7,clips/dog.mp4,A dog.\r\nbird,,A bird.\r\n"
    try text.write(toFile: csv, atomically: true, encoding: .utf8)
    let options = source.options(folder) { $0.captions = csv }
    var steps: [String] = []
    let report = try TrackImporter(options: options).run { steps.append("\($0)/\($1) \($2)") }
    #expect(steps == ["1/3 cat_a", "2/3 cat_b", "3/3 dog"])
    let set = try ShardSet(path: options.output)
    #expect(set.clips.map(\.caption) == ["A \"big\" cat,\r\nasleep.", "", "A dog."])
    #expect(set.clips.map(\.source) == ["cat", "cat", "dog"])
    #expect(report.captionsWithoutClip == ["bird"])
    let json = folder.appendingPathComponent("out/import_report.json")
    #expect(try JSONDecoder().decode(ImportReport.self, from: Data(contentsOf: json)) == report)
  }
  #expect(sourceName(stem: "robot_flip") == "robot_flip" && sourceName(stem: "a_12") == "a")
  #expect(sourceName(stem: "cat_A") == "cat_A" && sourceName(stem: "_a") == "_a")
}

@Test func videosThatAreMissingOrBrokenAreNamed() throws {
  let source = try Source()
  try withTemporaryFolder { folder in
    try source.write(source.tracks(), to: folder)
    let videos = folder.appendingPathComponent("videos")
    try FileManager.default.createDirectory(at: videos, withIntermediateDirectories: true)
    let none = dataErrorMessage { _ = try VideoReader(searchPath: "/nowhere") }
    #expect(try #require(none).contains("apt install ffmpeg"))
    guard (try? VideoReader()) != nil else { return print("skipped: no ffmpeg in PATH") }
    let missing = dataErrorMessage { _ = try source.importOne(folder) { $0.videos = videos.path } }
    #expect(try #require(missing).contains("'clip'"))
    try "no video".write(
      to: videos.appendingPathComponent("clip.mp4"), atomically: true, encoding: .utf8)
    let broken = dataErrorMessage { _ = try source.importOne(folder) { $0.videos = videos.path } }
    #expect(try #require(broken).contains("clip.mp4: expected a video that ffmpeg can decode"))
  }
}

@Test func archivesWithoutTracksAreNamed() throws {
  try withTemporaryFolder { folder in
    let path = folder.appendingPathComponent("a.npz").path
    try NPYFile.write(NumpyFiles.objectArchive, to: path)
    let objects = dataErrorMessage {
      _ = try TrackFile(path: path, expectedFrames: 3, expectedPoints: 2, polarity: nil)
    }
    #expect(try #require(objects).contains("out.npz"))
    try NPYFile.write(NumpyFiles.stored, to: path)
    let file = try TrackFile(path: path, expectedFrames: 3, expectedPoints: 2, polarity: nil)
    #expect(
      file.points == 2 && file.frames == 3 && file.visible == Array(repeating: true, count: 6))
  }
}

/// The folder of real clips: `TRAJLOOM_REAL`, or `../shared/data/real` beside the package.
private func realClips() -> URL? {
  let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  let named = ProcessInfo.processInfo.environment["TRAJLOOM_REAL"].map { URL(fileURLWithPath: $0) }
  let folder =
    named ?? package.deletingLastPathComponent().appendingPathComponent("shared/data/real")
  return FileManager.default.fileExists(atPath: folder.appendingPathComponent("captions.csv").path)
    ? folder : nil
}

@Test func realClipsAreImported() throws {
  guard let real = realClips() else {
    return print("skipped: no real clips (set TRAJLOOM_REAL to their folder)")
  }
  try withTemporaryFolder { folder in
    let output = folder.appendingPathComponent("out").path
    let hasVideo = (try? VideoReader()) != nil
    let report = try TrackImporter(
      options: ImportOptions(
        tracks: real.path, videos: hasVideo ? real.path : nil,
        captions: real.appendingPathComponent("captions.csv").path, output: output,
        geometry: GridGeometry(height: 480, width: 832, stride: 32), createdBy: "test")
    ).run()
    #expect(report.clips.count == 19)
    #expect(report.clips.allSatisfy { $0.gridMatch == "exact" && $0.units == "pixel" })
    let set = try ShardSet(path: output)
    #expect(verify(output) == [])
    #expect(Set(set.clips.map(\.source)).count == 15)
    #expect(set.clips.allSatisfy { !$0.caption.isEmpty && $0.hasVideo == hasVideo })
    let inspection = try inspect(set)
    print(inspection)
    #expect(inspection.etaSquaredAbsolute > 0.8)
    #expect(inspection.etaSquaredOffset < 0.3)
    let (train, validation) = try set.split(validationFraction: 0.2)
    #expect(Set(validation.map { set.clips[$0].source }).count == 3)
    #expect(train.count + validation.count == 19)
  }
}
