import Foundation

/// What to do with a coordinate that is not finite although its point is marked visible.
public enum NonFinitePolicy: String, Sendable, CaseIterable, Codable {
  case refuse
  /// The point becomes invisible there and holds its nearest finite position.
  case invisible
}

/// What to import and how to read it.
public struct ImportOptions: Sendable {
  /// A folder of `.npz` and `.npy` files, or one of them.
  public var tracks: String
  /// A folder of videos named like the track files; nil for none. With it every clip needs its
  /// video.
  public var videos: String?
  /// A CSV with `videoid,video_path,text`.
  public var captions: String?
  public var output: String
  public var geometry: GridGeometry
  /// T; longer clips lose their end, shorter ones are errors.
  public var frames: Int
  /// The frames of video to keep.
  public var history: Int
  public var fps: Double
  /// Nil to detect; likewise the next two.
  public var units: TrackConvention.Units?
  public var axisOrder: TrackConvention.AxisOrder?
  public var polarity: VisibilityPolarity?
  public var nonFinite: NonFinitePolicy
  public var clipsPerShard: Int
  public var createdBy: String

  public init(
    tracks: String, videos: String? = nil, captions: String? = nil, output: String,
    geometry: GridGeometry, frames: Int = 162, history: Int = 81, fps: Double = 25,
    units: TrackConvention.Units? = nil, axisOrder: TrackConvention.AxisOrder? = nil,
    polarity: VisibilityPolarity? = nil, nonFinite: NonFinitePolicy = .refuse,
    clipsPerShard: Int = 64, createdBy: String
  ) {
    self.tracks = tracks
    self.videos = videos
    self.captions = captions
    self.output = output
    self.geometry = geometry
    self.frames = frames
    self.history = history
    self.fps = fps
    self.units = units
    self.axisOrder = axisOrder
    self.polarity = polarity
    self.nonFinite = nonFinite
    self.clipsPerShard = clipsPerShard
    self.createdBy = createdBy
  }
}

/// Turns track files, videos and captions into shards.
public struct TrackImporter: Sendable {
  public let options: ImportOptions

  public init(options: ImportOptions) { self.options = options }

  /// Imports everything and writes the shards and `import_report.json`; a failure leaves neither
  /// behind.
  /// - Parameter progress: called with (clips done, all clips, id of the last).
  /// - Throws: `DataError` naming the file, what was expected, what was found and the flag to pass.
  public func run(
    progress: (_ done: Int, _ total: Int, _ clip: String) -> Void = { _, _, _ in }
  ) throws -> ImportReport {
    let files = try trackFiles()
    let captions = try options.captions.map { try CaptionTable(path: $0) }
    let videos = try options.videos.map { try VideoFolder(path: $0) }
    let writer = try ShardWriter(
      directory: options.output, geometry: options.geometry, frames: options.frames,
      fps: options.fps, createdBy: options.createdBy, clipsPerShard: options.clipsPerShard)
    var reports: [ImportReport.ClipReport] = []
    var used: Set<String> = []
    for (number, file) in files.enumerated() {
      let caption = captions?.row(stem: file.stem)
      if let caption { used.insert(caption.id) }
      let (clip, report) = try clip(file.path, stem: file.stem, caption: caption, videos: videos)
      if let first = reports.first,
        (first.units, first.axisOrder) != (report.units, report.axisOrder)
      {
        throw DataError(
          file: file.path, expected: "\(first.units) \(first.axisOrder), as in \(first.file)",
          found: "\(report.units) \(report.axisOrder)",
          advice: "pass --units and --axis-order, or import the files apart")
      }
      try writer.append(clip)
      reports.append(report)
      progress(number + 1, files.count, clip.id)
    }
    let report = ImportReport(
      geometry: options.geometry, frames: options.frames, clips: reports,
      captionsWithoutClip: (captions?.ids ?? []).filter { !used.contains($0) })
    if let captions, let path = options.captions, used.isEmpty {
      throw DataError(
        file: path, expected: "the 'videoid' of at least one clip (such as '\(files[0].stem)')",
        found: "'\(captions.ids.first ?? "")'", advice: "name the rows like the track files")
    }
    try write(report, finishing: writer)
    return report
  }

  /// Report first, so that shards that are there have theirs.
  private func write(_ report: ImportReport, finishing writer: ShardWriter) throws {
    let path = URL(fileURLWithPath: options.output).appendingPathComponent("import_report.json")
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    do {
      try encoder.encode(report).write(to: path, options: .atomic)
    } catch {
      throw DataError(
        "\(path.path): cannot be written: \(error.localizedDescription); check the disk",
        kind: .resource)
    }
    do {
      try writer.finish()
    } catch {
      try? FileManager.default.removeItem(at: path)
      throw error
    }
  }

  /// The track files with their stems, in the order of their names.
  private func trackFiles() throws -> [(path: String, stem: String)] {
    let root = URL(fileURLWithPath: options.tracks)
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: root.path, isDirectory: &isFolder) else {
      throw DataError(
        file: options.tracks, expected: "a folder of .npz or .npy files, or one of them",
        found: "nothing there", advice: "check --tracks")
    }
    var names = [root.lastPathComponent]
    if isFolder.boolValue {
      names = ((try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []).sorted()
    }
    names = names.filter {
      ($0.hasSuffix(".npz") || $0.hasSuffix(".npy")) && !$0.hasPrefix(".")
        && !$0.hasSuffix("_visibility.npy")
    }
    guard !names.isEmpty else {
      throw DataError(
        file: options.tracks, expected: ".npz or .npy files", found: "none",
        advice: "check --tracks")
    }
    let folder = isFolder.boolValue ? root : root.deletingLastPathComponent()
    return names.map { (folder.appendingPathComponent($0).path, String($0.dropLast(4))) }
  }

  private func clip(
    _ path: String, stem: String, caption: CaptionTable.Row?, videos: VideoFolder?
  ) throws -> (Clip, ImportReport.ClipReport) {
    let geometry = options.geometry
    let file = try TrackFile(
      path: path, expectedFrames: options.frames, expectedPoints: geometry.count,
      polarity: options.polarity)
    guard file.frames >= options.frames else {
      throw DataError(
        file: path, clip: stem, expected: "at least \(options.frames) frames",
        found: "\(file.frames)", advice: "pass --frames \(file.frames) or fewer")
    }
    let starts = (0..<file.points).flatMap { point -> [Float] in
      let at = 2 * point * file.frames
      return [file.coordinates[at], file.coordinates[at + 1]]
    }
    let (convention, evidence) = try TrackConvention.detect(
      starts: starts, geometry: geometry, units: options.units, axisOrder: options.axisOrder,
      path: path)
    let grid = try GriddedTracks(
      file, convention: convention, geometry: geometry, frames: options.frames,
      nonFinite: options.nonFinite)
    let video = try videos.map { folder in
      try folder.read(
        stem: stem, named: caption?.videoPath, frames: options.history, geometry: geometry)
    }
    let clip = Clip(
      id: stem, caption: caption?.text ?? "",
      source: caption?.source ?? sourceName(stem: stem), tracks: grid.tracks,
      visibility: grid.visibility, video: video)
    let visible = grid.visibility.reduce(0) { $0 + Int($1) }
    let report = ImportReport.ClipReport(
      id: clip.id, source: clip.source, file: path, units: convention.units.rawValue,
      axisOrder: convention.axisOrder.rawValue, evidence: file.evidence + [evidence],
      gridMatch: "\(grid.match.kind)", emptyCells: grid.match.emptyCells,
      droppedFrames: file.frames - options.frames, heldPositions: grid.heldPositions,
      hiddenNonFinite: grid.hiddenNonFinite,
      meanVisibility: Double(visible) / Double(grid.visibility.count), hasVideo: video != nil,
      hasCaption: caption != nil)
    return (clip, report)
  }
}

/// The name of the video that a clip was cut from: its own without a last part `_a`, `_b`, ... (one
/// small letter) or `_<digits>`, so that the cuts of one video stay on one side of a split. A
/// captions table with a `source` column overrides it.
func sourceName(stem: String) -> String {
  guard let underscore = stem.lastIndex(of: "_"), underscore != stem.startIndex else { return stem }
  let tail = stem[stem.index(after: underscore)...]
  let isLetter = tail.count == 1 && ("a"..."z").contains(tail)
  let isNumber = !tail.isEmpty && tail.allSatisfy { ("0"..."9").contains($0) }
  return isLetter || isNumber ? String(stem[..<underscore]) : stem
}
