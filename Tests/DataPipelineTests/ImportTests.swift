import Foundation
import Testing

@testable import DataPipeline

@Test(arguments: TrackConvention.Units.allCases, TrackConvention.AxisOrder.allCases)
func unitsAndOrderAreDetected(_ units: TrackConvention.Units, _ order: TrackConvention.AxisOrder)
  throws
{
  let source = try ImportSource()
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
  let starts = (0..<16).map { point -> SIMD2<Float> in
    let query = geometry.queryPoint(row: point / 4, column: point % 4)
    return SIMD2(query.x, query.y)
  }
  var settings = ImportSettings(geometry: geometry)
  let message = dataErrorMessage {
    _ = try TrackConvention.detect(starts: starts, settings: settings, path: "a.npz")
  }
  #expect(try #require(message).contains("pass --axis-order xy|yx,"))
  settings.axisOrder = .yx
  let given = try TrackConvention.detect(starts: starts, settings: settings, path: "a.npz")
  #expect(given.convention == TrackConvention(units: .pixel, axisOrder: .yx))
  settings.axisOrder = nil
  let tiny = dataErrorMessage {
    _ = try TrackConvention.detect(
      starts: [SIMD2(0.1, 0.2), SIMD2(0.3, 0.25)], settings: settings, path: "a.npz")
  }
  #expect(try #require(tiny).contains("--units pixel|unit|norm"))
}

@Test func timeFirstFilesAndOtherOrdersOfPointsAreTheSameClip() throws {
  let source = try ImportSource()
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
  let source = try ImportSource()
  // 7 px off the grid; the last cell has nobody.
  let tracks = source.tracks().dropLast().map { $0.map { $0 + SIMD2(5, 4.9) } }
  try withTemporaryFolder { folder in
    try source.write(tracks, to: folder)
    let (clip, report) = try source.importOne(folder) {
      ($0.reading.units, $0.reading.axisOrder) = (.pixel, .xy)
    }
    #expect(report.gridMatch == "nearest" && report.emptyCells == 1)
    #expect(Array(clip.tracks[0..<4]) == [5, 4.9, 21, 4.9])
    let last = (0..<6).map { clip.visibility[24 * $0 + 23] }
    #expect(last == [0, 0, 0, 0, 0, 0])
    #expect(Array(clip.tracks[46..<48]) == [80, 48])
  }
}

@Test func longClipsAreCutAndShortOnesRefused() throws {
  let source = try ImportSource()
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
    #expect(left == ["import_report.json"])
  }
}

@Test func positionsThatAreNotFiniteAreHeld() throws {
  let source = try ImportSource()
  var tracks = source.tracks()
  tracks[5][2] = SIMD2(.nan, 3)
  tracks[5][3] = SIMD2(.infinity, .nan)
  var visible = tracks.map { $0.map { _ in true } }
  try withTemporaryFolder { folder in
    try source.write(tracks, visible: visible, to: folder)
    let message = dataErrorMessage { _ = try source.importOne(folder) }
    let text = try #require(message)
    #expect(text.contains("point 5, frame 2") && text.contains("--nonfinite invisible"))
    let (clip, report) = try source.importOne(folder) { $0.reading.nonFinite = .invisible }
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
  let source = try ImportSource()
  let hidden = source.tracks().map { $0.map { _ in false } }
  try withTemporaryFolder { folder in
    try source.write(source.tracks(), visible: hidden, to: folder)
    let message = dataErrorMessage { _ = try source.importOne(folder) }
    #expect(try #require(message).contains("--polarity"))
    let (clip, _) = try source.importOne(folder) { $0.reading.polarity = .occluded }
    #expect(clip.visibility.allSatisfy { $0 == 1 })
  }
}

@Test func captionsAndSourcesAreMatched() throws {
  let source = try ImportSource()
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
    let report = try TrackImporter(options: options).run(progress: {
      steps.append("\($0)/\($1) \($2)")
    })
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
  let source = try ImportSource()
  try withTemporaryFolder { folder in
    try source.write(source.tracks(), to: folder)
    let videos = folder.appendingPathComponent("videos")
    try FileManager.default.createDirectory(at: videos, withIntermediateDirectories: true)
    let none = dataErrorMessage { _ = try VideoReader(searchPath: "/nowhere") }
    #expect(try #require(none).contains("apt install ffmpeg"))
    guard (try? VideoReader()) != nil else { return print("skipped: no ffmpeg in PATH") }
    let missing = dataErrorMessage {
      _ = try source.importOne(folder) {
        ($0.videos, $0.reading.hasVideo) = (videos.path, true)
      }
    }
    #expect(try #require(missing).contains("'clip'"))
    try "no video".write(
      to: videos.appendingPathComponent("clip.mp4"), atomically: true, encoding: .utf8)
    let broken = dataErrorMessage {
      _ = try source.importOne(folder) {
        ($0.videos, $0.reading.hasVideo) = (videos.path, true)
      }
    }
    #expect(try #require(broken).contains("clip.mp4: expected a video that ffmpeg can decode"))
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
        createdBy: "test",
        reading: ImportSettings(
          geometry: GridGeometry(height: 480, width: 832, stride: 32), hasVideo: hasVideo))
    ).run()
    #expect(report.clips.count == 19 && report.faults.isEmpty && report.isComplete)
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
