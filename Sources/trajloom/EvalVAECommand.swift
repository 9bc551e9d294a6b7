import Autograd
import DataPipeline
import Foundation
import Training
import TrajLoomBench
import TrajLoomVAE

extension Command {
  static let evalVAE = Command(
    words: ["eval", "vae"],
    summary: "reconstruction errors of VAEs on tracks (VEPE, velocity, neighbours, jitter)",
    options: [
      Option(
        "--vae", "RUN",
        "a VAE's run or checkpoint folder; NAME-seed1, NAME-seed2, ... become one row",
        repeats: true),
      Option("--data", "DIR", "shards of tracks"),
      Option("--split", "all|validation", "all clips, or those held out in training (default all)"),
      Option("--json", "FILE", "write the result as JSON too"),
      Option(
        "--out", "DIR",
        "write the reconstructions of one run as .npy, in DIR/history and DIR/future"),
      Option("--png", "FILE.png", "draw one track and its reconstructions"),
      Option(
        "--clip", "ID", "take the drawn track from this clip (default: the one that bends most)"),
      Option("--point", "N", "draw the track of this cell of the grid, row by row from 0"),
    ]
  ) { arguments in
    let runs = try EvaluatedVAE.readAll(arguments.all("--vae"))
    let windows = runs[0].config.data.windows
    let set = try ShardSet(path: arguments.required("--data"))
    try windows.check(set.geometry, frames: set.frames)
    let split = try arguments.choice("--split", ClipSplit.self) ?? .all
    let clips = try split.clips(of: set, windows)
    for run in runs.dropFirst() { try run.checkComparable(with: runs[0], on: split) }
    let (out, json) = (arguments.string("--out"), try arguments.newFile("--json"))
    guard out == nil || runs.count == 1 else {
      throw ConfigError(key: "--out", expected: "one --vae", found: "\(runs.count)")
    }
    var choice = try TrackChoice(arguments, set, clips)
    let segments = try TrackSegments(
      set: set, clips: clips, historyLength: windows.histLen, futureLength: windows.futureLen)

    // Each segment is read once, and goes through all models.
    let errors = ReconstructionErrors(rows: set.geometry.rows, columns: set.geometry.columns)
    var (truthErrors, runErrors) = (errors, runs.map { _ in errors })
    for item in 0..<segments.count {
      let batch = try segments.batch(items: [item], draw: 0)
      let truth = PointTracks(batch.tracks, visibility: batch.visibility)
      let segment: ReconstructionErrors.Segment = item % 2 == 0 ? .history : .future
      truthErrors.add(segment, reconstruction: truth, truth: truth)
      let reconstructions = runs.map {
        PointTracks($0.model.reconstruct(batch), visibility: batch.visibility)
      }
      for (index, reconstruction) in reconstructions.enumerated() {
        runErrors[index].add(segment, reconstruction: reconstruction, truth: truth)
      }
      choice?.consider(item, truth: truth, reconstructions)
      if let out {
        try write(
          reconstructions[0], truth: truth, of: batch.clips[0], set, segment, runs[0].hash,
          to: "\(out)/\(segment)")
      }
    }

    let summaries = runErrors.map { $0.summary() }
    let variants = SeedGroup.all(of: runs.map(\.config.run.name))
    let table = MetricsTable(
      reconstructions: [.init(name: "ground truth", summaries: [truthErrors.summary()])]
        + variants.map { variant in
          .init(
            name: variant.name, seeds: variant.members.map { runs[$0].config.train.loop.seed },
            summaries: variant.members.map { summaries[$0] })
        })
    if runs.count == 1 {
      print(line(summaries[0], clips: clips.count))
    } else {
      print("reconstructions of \(clips.count) clips by \(runs.count) runs")
    }
    print("\n" + table.text, terminator: "")
    if let json {
      let result =
        runs.count == 1
        ? try JSONEncoder.metrics.encode(
          OneRun(summaries[0], truthErrors.summary(), clips: clips.count, runs[0].hash))
        : try JSONEncoder.metrics.encode(SeveralRuns(table, clips: clips.count, runs))
      try AtomicFile.write(result, to: json)
    }
    try choice?.draw(variants.map { ($0.name, $0.members[0]) })
  }
}

/// A folder of predictions, in the published layout: that of the published code's reconstructions.
private func write(
  _ reconstruction: PointTracks, truth: PointTracks, of id: String, _ set: ShardSet,
  _ segment: ReconstructionErrors.Segment, _ hash: String, to out: String
) throws {
  let geometry = set.geometry
  let (frames, points) = (truth.frames, truth.points)
  try ClipFolder(out: out, id: id).write { files in
    try files.saveGrid(geometry)
    for (name, tracks) in [("pred", reconstruction), ("gt", truth)] {
      try files.save("\(name)_tracks.npy", tracks.positions, [frames, points, 2])
    }
    try files.save("gt_visibility.npy", truth.visibility, [frames, points])
    let positions = reconstruction.positions
    try files.save(
      "pred_visibility.npy",
      (0..<frames * points).map {
        geometry.contains(x: positions[2 * $0], y: positions[2 * $0 + 1]) ? UInt8(1) : 0
      }, [frames, points])
    try files.saveMeta([
      "id": id, "H": geometry.height, "W": geometry.width, "grid_stride": geometry.stride,
      "grid_origin": "topleft", "segment": "\(segment)", "num_points": points, "fps": set.fps,
      "vae_sha256": hash,
    ])
  }
}

private func line(_ summary: ReconstructionSummary, clips: Int) -> String {
  func number(_ value: Double?) -> String { value.map { fixed($0, 3) } ?? "-" }
  return "VEPE px  history \(number(summary.vepeHistory))  future \(number(summary.vepeFuture))  "
    + "all \(number(summary.vepe))  (\(clips) clips)"
}

/// A trained VAE, ready to reconstruct.
private struct EvaluatedVAE {
  let path: String
  let config: VAERunConfig
  let model: TrajectoryVAE
  /// SHA-256 of the weights.
  let hash: String

  /// - Throws: `ConfigError` for none, or for two of one name, whose rows could not be told apart.
  static func readAll(_ paths: [String]) throws -> [EvaluatedVAE] {
    guard !paths.isEmpty else {
      throw ConfigError(key: "--vae", problem: "`trajloom eval vae` needs it: --vae RUN")
    }
    var runs: [EvaluatedVAE] = []
    for path in paths {
      let run = try EvaluatedVAE(path)
      if let other = runs.first(where: { $0.config.run.name == run.config.run.name }) {
        throw ConfigError(
          key: "--vae",
          problem: "expected runs of different names, found \"\(run.config.run.name)\" in "
            + "\(other.path) and in \(path); evaluate them one at a time")
      }
      runs.append(run)
    }
    return runs
  }

  private init(_ path: String) throws {
    let checkpoint = try Checkpoint(at: path)
    self.path = path
    config = try checkpoint.config(VAERunConfig.self)
    model = try TrajectoryVAE(config.vae, seed: 0)
    hash = try checkpoint.load(.ema, into: model)
  }

  /// - Throws: `ConfigError` that names the first key by which the two see other segments, or other
  ///   clips than those held out.
  func checkComparable(with first: EvaluatedVAE, on split: ClipSplit) throws {
    func check<Value: Equatable>(_ key: String, _ path: KeyPath<ClipWindows, Value>) throws {
      let (expected, found) = (first.config.data.windows, config.data.windows)
      guard expected[keyPath: path] == found[keyPath: path] else {
        throw ConfigError(
          source: self.path, key: "data.\(key)",
          problem: "expected \(expected[keyPath: path]), as in \(first.path), found "
            + "\(found[keyPath: path]); evaluate runs of the same windows together")
      }
    }
    try check("hist_len", \.histLen)
    try check("future_len", \.futureLen)
    try check("track_stride", \.trackStride)
    try check("raw_height", \.rawHeight)
    try check("raw_width", \.rawWidth)
    if split == .validation { try check("val_fraction", \.valFraction) }
  }
}

/// The JSON of one run. A number that could not be counted is left out.
private struct OneRun: Encodable {
  let clips: Int
  let vaeSha256: String
  let vepePx: Double?
  let vepeHistoryPx: Double?
  let vepeFuturePx: Double?
  let velocityPxPerFrame: Double?
  let neighborPx: Double?
  let jitterPxPerFrame2: Double?
  let truthJitterPxPerFrame2: Double?

  init(
    _ summary: ReconstructionSummary, _ truth: ReconstructionSummary, clips: Int, _ hash: String
  ) {
    self.clips = clips
    vaeSha256 = hash
    vepePx = summary.vepe
    vepeHistoryPx = summary.vepeHistory
    vepeFuturePx = summary.vepeFuture
    velocityPxPerFrame = summary.velocityError
    neighborPx = summary.neighborError
    jitterPxPerFrame2 = summary.jitter
    truthJitterPxPerFrame2 = truth.jitter
  }
}

/// The JSON of several runs: the table, and whose it is.
private struct SeveralRuns: Encodable {
  let clips: Int
  let columns: [MetricsTable.Column]
  let rows: [MetricsTable.Row]
  /// By run.
  let vaeSha256: [String: String]

  init(_ table: MetricsTable, clips: Int, _ runs: [EvaluatedVAE]) {
    self.clips = clips
    columns = table.columns
    rows = table.rows
    vaeSha256 = Dictionary(runs.map { ($0.config.run.name, $0.hash) }) { first, _ in first }
  }
}
