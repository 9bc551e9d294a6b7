import DataPipeline
import Foundation
import Training
import TrajLoomFlow

extension Command {
  static let sample = Command(
    words: ["sample"], summary: "draw futures for clips, in the published layout",
    options: [
      Option("--flow", "RUN", "the generator's run or checkpoint folder"),
      Option("--data", "DIR|FILE", "shards or track files <id>.npz, .npy: a folder or one file"),
      Option("--video", "MP4", "the video of the one track file (default: <id>.mp4 beside it)"),
      Option("--caption", "TEXT", "the caption of the one track file"),
      Option("--captions", "FILE", "CSV with columns videoid,video_path,text for track files"),
      Option("--out", "DIR", "where to write a folder per clip"),
      Option("--format", "LIST", "any of npy,wanmove,comfy,csv; npy is always written"),
      Option("--clip", "ID", "only this clip", repeats: true),
      Option("--split", "all|validation", "all clips, or those held out in training (default all)"),
      Option("--samples", "K", "futures per clip (default 1)"),
      Option(
        "--set", "sample.KEY=VALUE", "override a key of the run's sample block", repeats: true),
      Option("--steps", "N", "ODE steps (default: sample.steps of the run)"),
      Option(
        "--solver", "NAME", "euler, heun, midpoint or rk4 (default: sample.solver of the run)"),
      Option("--seed", "S", "seed of the draws (default 0)"),
      Option("--weights", "ema|raw", "which weights of the generator (default ema)"),
      Option("--skip-existing", nil, "keep the clips that are in --out, made in the same way"),
      Option("--vae", "RUN", "the VAE's run (default: data.vae of the run)"),
      Option(
        "--visibility", "RUN", "the visibility head's run (default: sample.visibility of the run)"),
    ] + trackReadingOptions,
    details: """
      Track files are read as by `trajloom data import`, for the grid and the frames of the generator.
      The history alone is enough; if the future follows it, it is written too, as the truth.

      format   files of each sample, beside meta.json and the truth
      npy      pred_tracks [T, N, 2] in pixels, pred_visibility and pred_visibility_prob [T, N]
      wanmove  wanmove_tracks.npy [1, T, N, 2], wanmove_visibility.npy [1, T, N]: generate.py --track
      comfy    comfy_tracks.json: what ComfyUI's WanTrackToVideo and WanMoveTracksFromCoords take
      csv      tracks.csv: a row per point and frame; frames count from the clip's start

      Sample k of a clip depends on weights, seed, solver, steps and the clip alone. A clip's folder
      appears when it is complete. After Ctrl-C the same command goes on with --skip-existing; it stops
      with an error at clips that were made in another way.
      """
  ) { arguments in
    let request = try SampleRequest(arguments)
    let source = try SampleSource(request.data)
    try checkWritable(folder: request.out)
    let models = try SamplingModels(request)
    StopSignal.install()
    switch source {
    case .shards:
      try refuseTrackOptions(request)
      try drawFutures(
        request, models, SampleData(shards: ShardSet(path: request.data), models.config))
    case .trackFile, .trackFolder:
      try withTrackFiles(request, source, models.config) { try drawFutures(request, models, $0) }
    }
  }
}

/// What the command line asks for.
struct SampleRequest {
  let flow, data, out: String
  let vae, visibility: String?
  let weights: Checkpoint.Weights
  let samples: Int
  let steps: Int?
  let solver: ODESolver?
  /// Of the run's `sample` block.
  let overrides: [String]
  let seed: Int
  let formats: Set<PredictionFormat>
  let skipsExisting: Bool
  let clips: [String]
  let split: ClipSplit?
  /// For the options of track files.
  let arguments: Arguments

  /// - Throws: `ConfigError`
  init(_ arguments: Arguments) throws {
    flow = try arguments.required("--flow")
    data = try arguments.required("--data")
    out = try arguments.required("--out")
    vae = arguments.string("--vae")
    visibility = arguments.string("--visibility")
    weights = try arguments.choice("--weights", Checkpoint.Weights.self) ?? .ema
    samples = try arguments.integer("--samples", maximum: 1 << 16) ?? 1
    steps = try arguments.integer("--steps")
    solver = try arguments.choice("--solver", ODESolver.self)
    overrides = arguments.all("--set")
    if let other = overrides.first(where: { !$0.hasPrefix("sample.") }) {
      throw ConfigError(
        key: "--set", expected: "a key of the run's sample block, such as sample.shrink_px=0",
        found: other)
    }
    seed = try arguments.integer("--seed", minimum: 0, maximum: .max) ?? 0
    formats = try PredictionFormat.list(arguments.string("--format"))
    skipsExisting = arguments.has("--skip-existing")
    clips = arguments.all("--clip")
    split = try arguments.choice("--split", ClipSplit.self)
    self.arguments = arguments
  }
}

/// Draws and writes clip after clip. What can be found wrong before the first one is computed is.
private func drawFutures(
  _ request: SampleRequest, _ models: SamplingModels, _ data: SampleData
) throws {
  let clips = try data.indices(request, models.config)
  var waiting: [Int] = []
  for index in clips {
    let clip = try data.read(index)
    try models.check(clip, of: data.name)
    let folder = ClipFolder(out: request.out, id: clip.id)
    try folder.checkReplaceable()
    let meta = models.meta(clip, request)
    if try !request.skipsExisting || !folder.isFinished(meta) { waiting.append(index) }
  }
  let kept = clips.count - waiting.count
  var progress = SamplingProgress(
    clips: waiting.count, samples: request.samples, steps: models.steps)
  defer { progress.finish() }
  for (done, index) in waiting.enumerated() {
    let clip = try data.read(index)
    let futures = try models.draw(clip, samples: request.samples) { sample, step in
      guard StopSignal.pending == nil else {
        throw StoppedBySignal(
          what: "\(kept + done) of \(clips.count) clips are complete in \(request.out); the same "
            + "command with --skip-existing goes on")
      }
      progress.show(clip.id, clip: done, sample: sample, step: step)
    }
    try write(
      clip, futures, meta: models.meta(clip, request), as: request.formats,
      to: ClipFolder(out: request.out, id: clip.id))
    progress.finishClip(clip.id, clip: done)
  }
  progress.finish()
  say(
    "\(request.out): \(counted(clips.count, "clip")) with \(counted(request.samples, "future"))"
      + (clips.count > 1 ? " each" : "")
      + (kept > 0 ? ", \(kept) of them there before" : ""))
}

/// Checks that files can be made in a folder, which need not be there; leaves nothing behind.
/// - Throws: `DataError` of kind `.resource`.
private func checkWritable(folder path: String) throws {
  func fault() -> DataError {
    DataError(
      "\(path): cannot be written to (\(String(cString: strerror(errno)))); check the path and its "
        + "permissions, or choose another --out", kind: .resource)
  }
  var missing: [String] = []
  var place = URL(fileURLWithPath: path).standardizedFileURL.path
  let probe = "\(place)/.trajloom-\(getpid())"
  while !FileManager.default.fileExists(atPath: place) {
    missing.append(place)
    place = (place as NSString).deletingLastPathComponent
  }
  defer { for folder in missing { rmdir(folder) } }
  for folder in missing.reversed() {
    guard mkdir(folder, 0o777) == 0 else { throw fault() }
  }
  let descriptor = open(probe, O_WRONLY | O_CREAT | O_EXCL, 0o600)
  guard descriptor >= 0 else { throw fault() }
  close(descriptor)
  unlink(probe)
}
