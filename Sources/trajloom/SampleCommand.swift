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
<<<<<<< HEAD
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
=======
    let out = try arguments.required("--out")
    let samples = try arguments.integer("--samples") ?? 1
    let set = try ShardSet(path: arguments.required("--data"))
    let models = try SamplingModels(arguments, data: set)
    let clips = try models.clips(of: set, arguments)
    var progress = ProgressLine()
    for (done, index) in clips.enumerated() {
      try models.write(
        set, clip: index, samples: samples, to: out
      ) { sample in
        progress.show(
          "clip \(done + 1)/\(clips.count) \(set.clips[index].id)  sample \(sample + 1)/\(samples)",
          isMilestone: sample + 1 == samples)
      }
    }
    progress.finish()
    say("\(out): \(clips.count) clips with \(samples) futures each")
  }
}

/// The three models and what is recorded of them.
private struct SamplingModels {
  private let config: FlowRunConfig
  private let flow: TrajectoryDiT
  private let sampler: FutureSampler
  private let meta: [String: Any]

  init(_ arguments: Arguments, data: ShardSet) throws {
    let flowCheckpoint = try Checkpoint(at: arguments.required("--flow"))
    config = try flowCheckpoint.config(FlowRunConfig.self)
    let kind = try arguments.choice("--weights", Checkpoint.Weights.self) ?? .ema
    try config.data.windows.check(data.geometry, frames: data.frames, needsFuture: false)
    flow = try TrajectoryDiT(config.flow, seed: 0)
    let flowHash = try flowCheckpoint.load(kind, into: flow)

    let vaeCheckpoint = try Checkpoint(at: arguments.string("--vae") ?? config.data.cache.vae)
    let vae = try TrajectoryVAE(vaeCheckpoint.config(VAERunConfig.self).vae, seed: 0)
    let vaeHash = try vaeCheckpoint.load(.ema, into: vae)
    // The three models must have been trained on latents of the same weights and scaled alike.
    let statistics = try flowCheckpoint.latentStatistics()
    if statistics.origin == nil {
      say(
        "\(flowCheckpoint.path): its statistics came from elsewhere and name no VAE; whether it was "
          + "trained on latents of \(vaeCheckpoint.path) could not be checked")
    }
    let trainedOn = statistics.origin?.vaeSha256 ?? vaeHash
    guard trainedOn == vaeHash else {
      throw TrainingError.checkpoint(
        path: vaeCheckpoint.path,
        problem:
          "the flow was trained on latents of other VAE weights (\(trainedOn.prefix(12))"
          + "..., found \(vaeHash.prefix(12))...); pass the right run with --vae")
    }
    let scaling = try statistics.scaling(source: flowCheckpoint.path)

    let headPath = arguments.string("--visibility") ?? config.sample.visibility
    let headCheckpoint = try Checkpoint(at: headPath)
    let head = try VisibilityPredictor(
      headCheckpoint.config(VisibilityRunConfig.self).visibility, seed: 0)
    let headHash = try headCheckpoint.load(.ema, into: head)
    guard try headCheckpoint.latentStatistics().scaling(source: headPath) == scaling else {
      throw TrainingError.checkpoint(
        path: headCheckpoint.path,
        problem:
          "this visibility head was trained on other latents than the flow; pass the right run with --visibility"
      )
    }

    let solver =
      try arguments.choice("--solver", ODESolver.self) ?? ODESolver(
        rawValue: config.sample.solver)!
    let steps = try arguments.integer("--steps") ?? config.sample.steps
    let seed = try arguments.integer("--seed", minimum: 0, maximum: .max) ?? 0
    sampler = FutureSampler(
      flow: flow, vae: vae, visibility: head, scaling: scaling, matching: config.train.matching,
      solver: solver, steps: steps, seed: UInt64(seed))
    meta = [
      "solver": solver.rawValue, "steps": steps, "noise_seed": seed, "weights": kind.rawValue,
      "flow_checkpoint": flowCheckpoint.path, "flow_sha256": flowHash,
      "vae_checkpoint": vaeCheckpoint.path, "vae_sha256": vaeHash,
      "visibility_checkpoint": headCheckpoint.path, "visibility_sha256": headHash,
      "vis_threshold": config.sample.visThreshold,
    ]
  }

  /// The clips that are asked for, as indices into `set.clips`.
  func clips(of set: ShardSet, _ arguments: Arguments) throws -> [Int] {
    let split = try arguments.choice("--split", ClipSplit.self) ?? .all
    let candidates = try split.clips(of: set, config.data.windows)
    let wanted = arguments.all("--clip")
    return wanted.isEmpty ? candidates : try set.indices(named: wanted, among: candidates)
  }

  /// Writes one clip's folder. It appears when it is complete.
  func write(
    _ set: ShardSet, clip index: Int, samples: Int, to out: String, _ progress: (Int) -> Void
  ) throws {
    let windows = config.data.windows
    let (history, tokens) = (windows.histLen, set.geometry.count)
    let past = try set.window(clip: index, frames: 0..<history)
    let tracks = past.tracks.reshaped([history, tokens, 2])
    let seen = past.visibility.reshaped([history, tokens])
    let clip = try set.readClip(index, fields: .conditions)
    let info = set.clips[index]
    let prepared = sampler.prepare(
      id: info.id, tracks: tracks, visibility: seen, caption: info.caption,
      video: try video(of: clip, info, set),
      text: try text(of: clip, set))

    let folder = ClipFolder(out: out, id: info.id)
    try folder.write { files in
      let geometry = set.geometry
      try files.saveGrid(geometry)
      try files.save("hist_tracks.npy", tracks.scalars, tracks.shape)
      try files.save("hist_visibility.npy", seen.scalars.map { UInt8($0) }, seen.shape)
      let end = history + windows.futureLen
      if end <= set.frames {  // else the future is not known, which is what sampling is for
        let truth = try set.window(clip: index, frames: history..<end)
        let shape = [windows.futureLen, tokens]
        try files.save("gt_tracks.npy", truth.tracks.scalars, shape + [2])
        try files.save("gt_visibility.npy", truth.visibility.scalars.map { UInt8($0) }, shape)
      }
      if let frames = clip.video {
        let (h, w) = (geometry.height / 4, geometry.width / 4)
        try files.save("hist_last_frame.npy", Array(frames.suffix(h * w * 3)), [h, w, 3])
      }
      for sample in 0..<samples {
        let drawn = sampler.draw(prepared, sample: sample)
        let prefix = samples == 1 ? "" : "sample_\(sample < 10 ? "0" : "")\(sample)/"
        let shape = [windows.futureLen, tokens]
        try files.save("\(prefix)pred_tracks.npy", drawn.positions, shape + [2])
        try files.save("\(prefix)pred_visibility_prob.npy", drawn.probability, shape)
        try files.save(
          "\(prefix)pred_visibility.npy",
          drawn.probability.indices.map { i in
            let (x, y) = (drawn.positions[2 * i], drawn.positions[2 * i + 1])
            let isVisible = drawn.probability[i] > Float(config.sample.visThreshold)
            return isVisible && geometry.contains(x: x, y: y) ? UInt8(1) : 0
          }, shape)
        progress(sample)
      }
      try files.saveMeta(
        meta.merging([
          "id": info.id, "caption": info.caption, "source": info.source, "H": geometry.height,
          "W": geometry.width, "grid_stride": geometry.stride, "grid_origin": "topleft",
          "hist_len": history, "future_len": windows.futureLen, "pred_len": windows.futureLen,
          "num_points": tokens, "num_samples": samples, "fps": set.fps,
        ]) { $1 })
    }
  }

  /// The clip's text embedding, when the generator's configuration wants one.
  /// - Throws: `DataError` when it is missing or of another size.
  private func text(of clip: Clip, _ set: ShardSet) throws -> NDArray? {
    guard config.flow.useTextCond, config.flow.textSource == .precomputed else { return nil }
    let size = config.flow.textEmbedDim
    guard let text = clip.textEmbedding, text.count == size else {
      throw DataError(
        "\(set.path): clip \(clip.id): expected a text embedding of \(size) numbers, as the generator was trained with, "
          + "found \(clip.textEmbedding.map { "\($0.count)" } ?? "none")")
    }
    return NDArray(text, shape: [size])
  }

  /// The clip's video as the generator's configuration wants it.
  /// - Throws: `DataError` when it is switched on and the shards have none.
  private func video(of clip: Clip, _ info: ShardSet.ClipInfo, _ set: ShardSet) throws -> NDArray? {
    guard config.flow.useVideoCond else { return nil }
    func missing(_ what: String) -> DataError {
      DataError(
        "\(set.path): clip \(info.id): expected \(what), as the generator was trained with it (video_source "
          + "\(config.flow.videoSource.rawValue)), found none; import the clips with their videos")
    }
    switch config.flow.videoSource {
    case .patch:
      guard let frames = clip.video, info.videoFrames == config.flow.numFramesIn else {
        throw missing("\(config.flow.numFramesIn) history frames")
      }
      let shape = [info.videoFrames, set.geometry.height / 4, set.geometry.width / 4, 3]
      return NDArray(frames.map { Float($0) / 255 }, shape: shape)
    case .precomputed:
      let expected = [
        config.flow.numFramesLatent, config.flow.tokens, config.flow.videoLatentChannels,
      ]
      guard let latents = clip.videoLatents, let shape = info.videoLatentShape, shape == expected
      else {
        throw missing("video latents of shape \(expected)")
      }
      return NDArray(latents, shape: shape)
>>>>>>> weights
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
