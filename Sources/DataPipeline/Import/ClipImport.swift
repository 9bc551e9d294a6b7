import Foundation

/// Turns one file of tracks, with its video and caption, into a packed clip; on any thread.
struct ClipImport: Sendable {
  let options: ImportOptions
  let inputs: ImportInputs
  let packer: ShardWriter.Packer

  /// A clip ready to be written, and what was done to make it.
  struct Outcome: Sendable {
    let clip: ShardWriter.PackedClip
    let report: ImportReport.ClipReport
  }

  /// - Throws: `DataError` naming the file, what was expected, what was found and the flag to pass.
  func run(_ item: ImportItem) throws -> Outcome {
    let settings = options.reading
    let (arrays, ownVideo) = try read(item)
    let file = try TrackFile(
      arrays, expectedFrames: settings.frames, expectedPoints: settings.geometry.count,
      axes: settings.axes, polarity: settings.polarity)
    guard file.frames >= settings.frames else {
      throw DataError(
        file: item.file, clip: item.id, expected: "at least \(settings.frames) frames",
        found: "\(file.frames)",
        advice: settings.isForModel
          ? "the model reads as many; track the video longer"
          : "pass --frames \(file.frames) or fewer")
    }
    let (convention, evidence) = try TrackConvention.detect(
      starts: (0..<file.points).map { file.pair(point: $0, frame: 0) },
      settings: settings, path: item.file)
    let grid = try GriddedTracks(file, convention: convention, settings: settings)
    let caption = try inputs.captions?.row(stem: item.stem)
    let video = try video(item, caption, own: ownVideo)
    let clip = Clip(
      id: item.id, caption: caption?.text ?? "",
      source: caption?.source ?? item.source,
      tracks: grid.tracks, visibility: grid.visibility, video: video)
    let visible = grid.visibility.reduce(0) { $0 + Int($1) }
    let used = grid.match.points.count { $0 != nil }
    let report = ImportReport.ClipReport(
      id: clip.id, source: clip.source, file: item.file, inputs: try inputs.identities(of: item),
      units: convention.units.rawValue, axisOrder: convention.axisOrder.rawValue,
      evidence: file.evidence + [evidence], gridMatch: "\(grid.match.kind)",
      meanStartDistance: Double(grid.match.meanDistance), emptyCells: grid.match.emptyCells,
      unusedPoints: file.points - used, droppedFrames: file.frames - settings.frames,
      heldPositions: grid.heldPositions, hiddenNonFinite: grid.hiddenNonFinite,
      meanVisibility: Double(visible) / Double(grid.visibility.count), hasVideo: video != nil,
      hasCaption: caption != nil)
    return Outcome(clip: try packer.pack(clip), report: report)
  }

  private func read(_ item: ImportItem) throws -> (TrackArrays, video: NPYArray?) {
    let settings = options.reading
    if let view = item.view {
      return try ForeignHDF5.reader(options, path: item.file)
        .arrays(
          view: view, videoFrames: settings.hasVideo && inputs.videos == nil ? settings.history : 0)
    }
    guard item.file.hasSuffix(".npz") else { return (try TrackArrays(npy: item.file), nil) }
    return (
      try TrackArrays(
        npz: item.file, trackKey: settings.trackKey, visibilityKey: settings.visibilityKey), nil
    )
  }

  private func video(
    _ item: ImportItem, _ caption: CaptionTable.Row?, own: NPYArray?
  ) throws -> [UInt8]? {
    let settings = options.reading
    guard settings.hasVideo else { return nil }
    if let videos = inputs.videos {
      return try videos.read(
        stem: item.stem, named: caption?.videoPath, frames: settings.history,
        geometry: settings.geometry)
    }
    guard let own, let frames = scaledFrames(own, geometry: settings.geometry) else {
      throw DataError(
        file: item.file, clip: item.id, expected: "a video of [T, H, W, 3] or [T, 3, H, W]",
        found: own.map { "shape \($0.shape)" } ?? "none",
        advice: "pass --videos with a folder of videos, or --no-video")
    }
    return frames
  }
}
