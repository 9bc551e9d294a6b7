import Autograd
import DataPipeline
import Foundation
import Training
import TrajLoomFlow
import TrajLoomVAE

/// The three models that make a future, which belong together, and what is recorded of them.
struct SamplingModels {
  let config: FlowRunConfig
  let steps: Int
  private let name: String
  private let sampler: FutureSampler
  private let recorded: [String: Any]

  /// - Throws: `ConfigError`, `TrainingError.checkpoint` for models that were not made for each
  ///   other, naming both sides.
  init(_ request: SampleRequest) throws {
    name = request.flow
    let flowCheckpoint = try Checkpoint(at: request.flow)
    config = try flowCheckpoint.config(FlowRunConfig.self, overrides: request.overrides)
    if !request.overrides.isEmpty { try config.validate() }
    let flow = try TrajectoryDiT(config.flow, seed: 0)
    let flowHash = try flowCheckpoint.load(request.weights, into: flow)
    let statistics = try flowCheckpoint.latentStatistics()
    let scaling = try statistics.scaling(source: flowCheckpoint.path)

    let vaeCheckpoint = try Checkpoint(at: request.vae ?? config.data.cache.vae)
    let vaeConfig = try vaeCheckpoint.config(VAERunConfig.self).vae
    let vae = try TrajectoryVAE(vaeConfig, seed: 0)
    let vaeHash = try vaeCheckpoint.load(.ema, into: vae)
    try statistics.check(weights: vaeHash, config: vaeConfig, of: vaeCheckpoint)

    let headCheckpoint = try Checkpoint(at: request.visibility ?? config.sample.drawing.visibility)
    let head = try VisibilityPredictor(
      headCheckpoint.config(VisibilityRunConfig.self).visibility, seed: 0)
    let headHash = try headCheckpoint.load(.ema, into: head)
    let headStatistics = try headCheckpoint.latentStatistics()
    try statistics.check(headStatistics, ofHead: headCheckpoint)

    let solver = request.solver ?? ODESolver(rawValue: config.sample.drawing.solver)!
    try config.checkSolver(solver, key: "--solver")
    steps = request.steps ?? config.sample.drawing.steps
    sampler = FutureSampler(
      flow: flow, vae: vae, visibility: head, scaling: scaling, matching: config.train.matching,
      correction: config.sample.correction, solver: solver, steps: steps, seed: UInt64(request.seed)
    )
    recorded = [
      "solver": solver.rawValue, "steps": steps, "noise_seed": request.seed,
      "weights": request.weights.rawValue,
      "flow_config_sha256": try configHash(config.flow, config.train.matching),
      "flow_checkpoint": flowCheckpoint.path, "flow_sha256": flowHash,
      "vae_checkpoint": vaeCheckpoint.path, "vae_sha256": vaeHash,
      "visibility_checkpoint": headCheckpoint.path, "visibility_sha256": headHash,
      "correct_continuation": config.sample.correction.correctContinuation,
      "smooth_frames": config.sample.correction.smoothFrames,
      "shrink_px": config.sample.correction.shrinkPx,
      "vis_threshold": config.sample.drawing.visThreshold,
    ]
  }

  /// What `meta.json` says of a clip's futures.
  func meta(_ clip: SampleClip, _ request: SampleRequest) -> [String: Any] {
    let windows = config.data.windows
    return recorded.merging([
      "id": clip.id, "caption": clip.caption, "source": clip.source,
      "H": clip.geometry.height, "W": clip.geometry.width, "grid_stride": clip.geometry.stride,
      "grid_origin": "topleft", "hist_len": windows.histLen, "future_len": windows.futureLen,
      "pred_len": windows.futureLen, "num_points": clip.geometry.count,
      "num_samples": request.samples, "fps": clip.fps, "input_sha256": clip.hash,
      "truth_sha256": clip.truthHash,
      "formats": PredictionFormat.allCases.filter(request.formats.contains).map(\.rawValue),
    ]) { $1 }
  }

  /// Checks that a clip has what the generator was trained with.
  /// - Throws: `DataError` naming the clip.
  func check(_ clip: SampleClip, of data: String) throws {
    func fault(_ expected: String, _ found: String, _ advice: String) -> DataError {
      DataError(
        "\(data): clip '\(clip.id)': expected \(expected), found \(found); \(advice)")
    }
    guard clip.visibility.scalars.contains(where: { $0 > 0 }) else {
      throw fault(
        "points that are visible in the \(config.data.windows.histLen) frames of history",
        "none of \(clip.geometry.count)", "leave the clip out, or check its visibility")
    }
    guard !clip.id.contains("/"), clip.id != ".", clip.id != ".." else {
      throw fault("an id that can name a folder", "another", "rename the clip")
    }
    let flow = config.flow
    if flow.useTextCond, flow.textSource == .precomputed,
      clip.conditions.textEmbedding?.count != flow.textEmbedDim
    {
      throw fault(
        "a text embedding of \(flow.textEmbedDim) numbers, as \(name) was trained with",
        clip.conditions.textEmbedding.map { "\($0.count)" } ?? "none", "put it into the shards")
    }
    guard flow.useVideoCond else { return }
    switch flow.videoSource {
    case .patch:
      guard clip.videoFrames == flow.numFramesIn else {
        throw fault(
          "\(flow.numFramesIn) frames of video in the history, as \(name) was trained with",
          clip.videoFrames == 0 ? "none" : "\(clip.videoFrames)",
          "import the clips with their videos")
      }
    case .precomputed:
      let shape = [flow.numFramesLatent, flow.tokens, flow.videoLatentChannels]
      guard clip.conditions.videoLatentShape == shape else {
        throw fault(
          "video latents of shape \(shape), as \(name) was trained with",
          clip.conditions.videoLatentShape.map { "\($0)" } ?? "none", "put them into the shards")
      }
    }
  }

  /// Draws futures of a clip; its history and conditions are encoded once for all of them.
  /// - Parameter willStep: called before each step of the solver with the numbers of sample and
  ///   step; what it throws ends the drawing.
  /// - Throws: `NonFiniteFuture`, and what `willStep` throws.
  /// - Precondition: `check` found no fault.
  func draw(
    _ clip: SampleClip, samples: Int, willStep: (_ sample: Int, _ step: Int) throws -> Void
  ) throws -> [PredictedFuture] {
    let prepared = sampler.prepare(
      id: clip.id, tracks: clip.tracks, visibility: clip.visibility, caption: clip.caption,
      video: clip.video(for: config.flow), text: clip.text(for: config.flow))
    return try (0..<samples).map { sample in
      let drawn = try sampler.draw(prepared, sample: sample) { try willStep(sample, $0) }
      let bad = drawn.positions.count { !$0.isFinite } + drawn.probability.count { !$0.isFinite }
      guard bad == 0 else {
        throw NonFiniteFuture(
          clip: clip.id, sample: sample, bad: bad,
          count: drawn.positions.count + drawn.probability.count, flow: name)
      }
      return PredictedFuture(
        drawn, frames: config.data.windows.futureLen, firstFrame: config.data.windows.histLen,
        threshold: Float(config.sample.drawing.visThreshold), geometry: clip.geometry)
    }
  }
}

/// What a generator computes with beside its weights.
private func configHash(_ flow: FlowConfig, _ matching: FlowMatchingConfig) throws -> String {
  let text = try StrictConfig.text(flow) + StrictConfig.text(matching)
  return SHA256.hexDigest(of: Data(text.utf8))
}

/// A future with NaN or infinity in it: the models have diverged.
struct NonFiniteFuture: Error, CustomStringConvertible {
  let clip: String
  let sample: Int
  let bad, count: Int
  let flow: String

  var description: String {
    "clip '\(clip)': expected a finite future, found \(bad) of \(count) numbers of sample \(sample) NaN "
      + "or infinite; the models have diverged: name an earlier checkpoint of \(flow), or train it again"
  }
}

extension LatentStatistics {
  /// Checks that a VAE is the one whose latents these are of.
  /// - Throws: `TrainingError.checkpoint` with both hashes.
  fileprivate func check(
    weights: String, config: VAEConfig, of checkpoint: Checkpoint
  ) throws {
    func fault(_ what: String, _ expected: String?, _ found: String) -> TrainingError {
      .checkpoint(
        path: checkpoint.path,
        problem: "expected the VAE of the flow's latents, \(what) \(short(expected)), found "
          + "\(short(found)); pass the right run with --vae")
    }
    guard let origin else {
      return say(
        "statistics from elsewhere name no VAE; that the flow was trained on latents of "
          + "\(checkpoint.path) could not be checked")
    }
    guard origin.vaeSha256 == weights else { throw fault("weights", origin.vaeSha256, weights) }
    let hash = SHA256.hexDigest(of: Data(try StrictConfig.text(config).utf8))
    guard origin.vaeConfigSha256 ?? hash == hash else {
      throw fault("configuration", origin.vaeConfigSha256, hash)
    }
  }

  /// Checks that a visibility head was trained on latents of the same VAE, scaled alike.
  /// - Throws: `TrainingError.checkpoint` with what differs, of both.
  fileprivate func check(_ head: LatentStatistics, ofHead checkpoint: Checkpoint) throws {
    // Of statistics from elsewhere the scaling alone can be compared.
    let isSameVAE =
      head.origin == nil || origin == nil || head.origin?.vaeSha256 == origin?.vaeSha256
    let isScaledAlike =
      try head.scaling(source: checkpoint.path) == scaling(source: checkpoint.path)
    guard !isSameVAE || !isScaledAlike else { return }
    func of(_ origin: Origin?) -> String {
      isSameVAE
        ? "data \(short(origin?.dataHash)) with val_fraction \(origin?.valFraction ?? 0)"
        : "VAE \(short(origin?.vaeSha256))"
    }
    throw TrainingError.checkpoint(
      path: checkpoint.path,
      problem:
        "expected a visibility head trained on the flow's latents, of \(of(origin)), found one "
        + "for \(of(head.origin)); pass the right run with --visibility")
  }
}

/// The first digits of a hash.
private func short(_ hash: String?) -> String { hash.map { "\($0.prefix(12))..." } ?? "unknown" }
