import DataPipeline
import Foundation
import Training
import TrajLoomFlow

/// Calls `body` with the clips of people's track files, imported into shards that are gone again when
/// it returns or throws.
/// - Throws: `ConfigError` for options that say nothing here, `DataError` for faulty files,
///   `StoppedBySignal`.
func withTrackFiles(
  _ request: SampleRequest, _ source: SampleSource, _ config: FlowRunConfig,
  _ body: (SampleData) throws -> Void
) throws {
  try checkTrackOptions(request, source, config)
  let temporary = URL(fileURLWithPath: NSTemporaryDirectory())
    .appendingPathComponent("trajloom-sample-\(getpid())-\(UUID().uuidString.prefix(8))").path
  defer { try? FileManager.default.removeItem(atPath: temporary) }
  let (histories, futures) = try importTrackFiles(request, source, config, to: temporary)
  try body(
    SampleData(name: request.data, histories: histories, futures: futures, config.data.windows))
}

/// Imports histories with their videos and captions, and once more those files that go on for the
/// whole future: shards hold clips of one length.
private func importTrackFiles(
  _ request: SampleRequest, _ source: SampleSource, _ config: FlowRunConfig, to folder: String
) throws -> (histories: ShardSet, futures: ShardSet?) {
  let (windows, arguments) = (config.data.windows, request.arguments)
  let path = URL(fileURLWithPath: request.data)
  var options = ImportOptions(
    tracks: request.data,
    videos: (source == .trackFile ? path.deletingLastPathComponent() : path).path,
    video: arguments.string("--video"), captions: arguments.string("--captions"),
    caption: arguments.string("--caption"), output: "\(folder)/histories",
    createdBy: "trajloom sample",
    reading: try arguments.importSettings(
      geometry: GridGeometry(
        height: windows.rawHeight, width: windows.rawWidth, stride: windows.trackStride),
      frames: windows.histLen, history: windows.histLen, hasVideo: config.flow.useVideoCond,
      isForModel: true))
  let report = try runImport(options, request)
  say("\(request.data): \(reading(report))")
  let histories = try ShardSet(path: options.output)

  let whole = report.clips.filter { $0.droppedFrames >= windows.futureLen }
  guard let first = whole.first else { return (histories, nil) }
  options.clips = Set(whole.map(\.id))
  options.captions = nil
  options.caption = nil
  options.output = "\(folder)/futures"
  options.reading.frames = windows.histLen + windows.futureLen
  options.reading.hasVideo = false
  options.reading.units = TrackConvention.Units(rawValue: first.units)
  options.reading.axisOrder = TrackConvention.AxisOrder(rawValue: first.axisOrder)
  do { _ = try runImport(options, request) } catch let fault as DataError {
    // The history is what sampling needs.
    say("\(fault); the futures are drawn without a truth beside them")
    return (histories, nil)
  }
  return (histories, try ShardSet(path: options.output))
}

/// - Throws: `DataError` when a file that is asked for is faulty.
private func runImport(_ options: ImportOptions, _ request: SampleRequest) throws -> ImportReport {
  let report = try TrackImporter(options: options).run(isStopped: { StopSignal.pending != nil })
  guard report.isComplete else {
    throw StoppedBySignal(
      what: "0 clips are complete, the track files were still being read; the same command starts "
        + "again")
  }
  let wanted = Set(request.clips)
  let faults = report.faults.filter { wanted.isEmpty || wanted.contains($0.clip) }
  guard let fault = faults.first ?? (report.clips.isEmpty ? report.faults.first : nil) else {
    return report
  }
  if faults.count <= 1 { throw DataError(fault.message) }
  for fault in faults { say(fault.message) }
  throw DataError(
    "\(request.data): \(faults.count) files are faulty (listed above) and \(report.clips.count) are "
      + "not; mend them, or choose clips with --clip")
}

/// How files were read, on one line.
private func reading(_ report: ImportReport) -> String {
  func total(_ count: (ImportReport.ClipReport) -> Int) -> Int {
    report.clips.reduce(0) { $0 + count($1) }
  }
  let notes = [
    (total(\.emptyCells), "cells without a point"),
    (total(\.unusedPoints), "points that serve no cell"),
    (total(\.heldPositions), "positions that were not finite and count as invisible"),
    (report.captionsWithoutClip.count, "captions without a clip"),
  ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
  return ([counted(report.clips.count, "clip")] + (report.clips.first?.evidence ?? []) + notes)
    .joined(separator: "; ")
}

/// - Throws: `ConfigError` for an option that says nothing about shards.
func refuseTrackOptions(_ request: SampleRequest) throws {
  let names = ["--video", "--caption", "--captions"] + trackReadingOptions.map(\.name)
  for name in names where request.arguments.has(name) {
    throw ConfigError(
      key: name,
      problem:
        "is for track files (.npz, .npy), and \(request.data) holds shards, which have all in "
        + "them; leave it out")
  }
}

/// - Throws: `ConfigError` for an option that says nothing about these files or to this generator.
private func checkTrackOptions(
  _ request: SampleRequest, _ source: SampleSource, _ config: FlowRunConfig
) throws {
  let (arguments, flow) = (request.arguments, config.flow)
  func refuse(_ names: String..., because problem: String) throws {
    for name in names where arguments.has(name) { throw ConfigError(key: name, problem: problem) }
  }
  try refuse("--split", because: "is for shards; choose track files with --clip")
  if source == .trackFolder {
    try refuse(
      "--video", "--caption",
      because:
        "is for one track file, and \(request.data) is a folder; there videos are called <id>.mp4, "
        + "and captions come with --captions")
  }
  if arguments.has("--captions") {
    try refuse("--caption", because: "and --captions say the same; give one of them")
  }
  if !flow.useTextCond {
    try refuse(
      "--caption", "--captions",
      because:
        "says nothing to \(request.flow), which was trained without text (flow.use_text_cond); leave "
        + "it out, or name another --flow")
  }
  if !flow.useVideoCond {
    try refuse(
      "--video",
      because:
        "says nothing to \(request.flow), which was trained without video (flow.use_video_cond); "
        + "leave it out, or name another --flow")
  }
  let missing = [
    flow.useTextCond && flow.textSource == .precomputed
      ? "text embeddings (flow.text_source)" : nil,
    flow.useVideoCond && flow.videoSource == .precomputed
      ? "video latents (flow.video_source)" : nil,
  ].compactMap { $0 }
  guard missing.isEmpty else {
    throw ConfigError(
      key: "--data",
      problem:
        "\(request.flow) was trained with precomputed \(missing.joined(separator: " and ")), which "
        + "track files do not have; name shards with them")
  }
}
