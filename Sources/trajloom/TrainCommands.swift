import Autograd
import DataPipeline
import Foundation
import Training
import TrajLoomFlow
import TrajLoomVAE

private let trainOptions: [Option] = [
  Option("--config", "FILE", "the run's configuration, JSON"),
  Option("--set", "a.b=VALUE", "override one key of it", repeats: true),
  Option("--name", "NAME", "the run's name, in place of run.name"),
  Option(
    "--resume", "auto|never|PATH", "continue this run if it exists (auto), start anew, or from PATH"
  ),
  Option(
    "--strict", nil,
    "when the newest checkpoint is damaged, end instead of going back to an older one"),
  Option(
    "--dry-run", nil,
    "check configuration, data, model and disk, run one step, estimate what a run needs, write nothing"
  ),
  Option("--profile", nil, "run two steps, print where the second one's time goes, write nothing"),
  Option("--print-config", nil, "print the resolved configuration and end"),
]

private let trainDetails = """
  SIGINT, SIGTERM and SIGUSR1 save and exit with 75; the same command goes on from there. A second
  signal stops at once. docs/runs.md has what a run promises.
  """

extension Command {
  static let trainVAE = Command(
    words: ["train", "vae"], summary: "train the trajectory VAE on tracks", options: trainOptions,
    details: trainDetails
  ) { arguments in
    guard let session = try TrainingSession<VAERunConfig>(arguments) else { return }
    let config = session.config
    let set = try ShardSet(path: config.data.windows.path)
    try config.data.windows.check(set.geometry, frames: set.frames)
    let split = try set.split(validationFraction: config.data.windows.valFraction)
    let loop = config.train.loop
    let windows = config.data.windows
    let training = try TrackSegments(
      set: set, clips: split.train, historyLength: windows.histLen, futureLength: windows.futureLen,
      augment: config.data.changes.augment, seed: loop.seed)
    let validation = try TrackSegments(
      set: set, clips: split.validation, historyLength: windows.histLen,
      futureLength: windows.futureLen, augment: .none, seed: loop.seed)
    let order = BatchOrder(seed: loop.seed, items: training.count, batchSize: loop.batchSize)
    let batches = BatchSource<TrackBatch>(
      training: {
        try training.batch(
          items: order.items(batch: $0.number, slots: $0.slots), draw: $0.number,
          firstSlot: $0.slots.lowerBound)
      },
      validationCount: batchCount(validation.count, loop.batchSize),
      validation: {
        try validation.batch(items: batchItems($0, validation.count, loop.batchSize), draw: $0)
      }, data: DataFingerprint(set.fingerprints))
    let model = try TrajectoryVAE(
      config.vae, seed: loop.seed, checkpointsBlocks: loop.activationCheckpointing == .block)
    session.announce(
      "VAE \(model.parameterCount) parameters, \(config.vae.encoding.rawValue) encoding; "
        + "\(split.train.count) training and \(split.validation.count) validation clips")
    try session.train(VAEObjective(model, config.train.loss, seed: loop.seed), batches) {
      try HeldOutClips(windows).reconstructions(model)
    }
  }

  static let trainFlow = Command(
    words: ["train", "flow"], summary: "train the generator on latents", options: trainOptions,
    details: trainDetails
  ) { arguments in
    guard let session = try TrainingSession<FlowRunConfig>(arguments) else { return }
    let config = session.config
    let loop = config.train.loop
    let continuation = config.continuationDecay
    var latents = try LatentCache.open(
      config.data, continuation: continuation, mayEncode: !session.isDryRun)
    try latents.check(config.flow)
    var wanted = config.flow.conditionFields
    if continuation != nil { wanted.insert(.continuation) }
    let batches = try latents.batches(
      seed: loop.seed, batchSize: loop.batchSize, valFraction: config.data.windows.valFraction,
      conditions: wanted)
    let model = try TrajectoryDiT(
      config.flow, seed: loop.seed, checkpointsBlocks: loop.activationCheckpointing == .block)
    let start = config.train.stage.initFrom
    let given = try session.resumed == nil && !start.isEmpty ? Checkpoint(at: start) : nil
    try given?.checkStart(of: config)
    try given?.load(.ema, into: model)
    latents = try latents.scaled(asFor: session.resumed ?? given)
    session.announce(
      "flow \(model.parameterCount) parameters, objective \(config.train.stage.objective.rawValue); "
        + "\(latents.summary(config.data.windows.valFraction))")
    let scaling = try latents.scaling()
    try session.train(
      FlowObjective(model, scaling, config.train), batches,
      attachments: [LatentCache.statisticsFile: latents.statistics.json()]
    ) {
      let drawing = config.sample.drawing
      let sampler = FutureSampler(
        flow: model, vae: try config.data.loadVAE(), visibility: nil, scaling: scaling,
        matching: config.train.matching, correction: config.sample.correction,
        solver: ODESolver(rawValue: drawing.solver)!, steps: drawing.steps, seed: 0)
      return try HeldOutClips(config.data.windows).futures(config, sampler)
    }
  }

  static let trainVisibility = Command(
    words: ["train", "visibility"], summary: "train the visibility head on latents",
    options: trainOptions, details: trainDetails
  ) { arguments in
    guard let session = try TrainingSession<VisibilityRunConfig>(arguments) else { return }
    let config = session.config
    let loop = config.train.loop
    let latents = try LatentCache.open(config.data, mayEncode: !session.isDryRun)
      .scaled(asFor: session.resumed)
    try latents.check(channels: config.visibility.latentChannels, block: "visibility")
    let batches = try latents.batches(
      seed: loop.seed, batchSize: loop.batchSize, valFraction: config.data.windows.valFraction,
      conditions: [])
    let model = try VisibilityPredictor(config.visibility, seed: loop.seed)
    session.announce(
      "visibility head \(model.parameterCount) parameters; "
        + latents.summary(config.data.windows.valFraction))
    let scaling = try latents.scaling()
    let objective = VisibilityObjective(
      model, scaling, positiveWeight: Float(config.train.head.posWeight))
    try session.train(
      objective, batches,
      attachments: [LatentCache.statisticsFile: latents.statistics.json()]
    ) {
      try HeldOutClips(config.data.windows).visibilities(
        model, config.data.loadVAE(), scaling, threshold: 0.5)
    }
  }
}

extension Checkpoint {
  /// Weights of another generator may load, and mean something else.
  /// - Throws: `ConfigError` with what differs.
  fileprivate func checkStart(of run: FlowRunConfig) throws {
    let own = try config(FlowRunConfig.self)
    var changes = try StrictConfig.differences(
      own.flow, run.flow,
      ignoring: [
        "pos_embed_init", "track_fusion_scale_init", "video_fusion_scale_init",
        "hist_vis_scale_init",
      ]
    ).map { "flow.\($0)" }
    if own.continuationDecay != run.continuationDecay {
      func text(_ decay: Double?) -> String { decay.map { "of decay \($0)" } ?? "none" }
      changes.append(
        "continuation: \(text(own.continuationDecay)) -> \(text(run.continuationDecay))")
    }
    guard changes.isEmpty else {
      throw ConfigError(
        key: "train.init_from",
        problem: "\(path) is of another generator (\(changes.joined(separator: "; "))); change "
          + "these keys back")
    }
  }
}

/// How many batches `items` fill, the last one perhaps partly.
private func batchCount(_ items: Int, _ size: Int) -> Int { (items + size - 1) / size }

/// The items of validation batch `index`, in order.
private func batchItems(_ index: Int, _ items: Int, _ size: Int) -> [Int] {
  Array(index * size..<min(items, (index + 1) * size))
}

extension LatentCache {
  fileprivate func batches(
    seed: UInt64, batchSize: Int, valFraction: Double, conditions: ClipFields
  ) throws -> BatchSource<LatentBatch> {
    let split = try set.split(validationFraction: valFraction)
    let training = try LatentItems(set: set, clips: split.train, conditions: conditions)
    let validation = try LatentItems(set: set, clips: split.validation, conditions: conditions)
    let order = BatchOrder(seed: seed, items: training.count, batchSize: batchSize)
    return BatchSource(
      training: {
        try training.batch(items: order.items(batch: $0.number, slots: $0.slots))
      },
      validationCount: batchCount(validation.count, batchSize),
      validation: { try validation.batch(items: batchItems($0, validation.count, batchSize)) },
      data: DataFingerprint(set.fingerprints))
  }

  fileprivate func summary(_ valFraction: Double) -> String {
    guard let split = try? set.split(validationFraction: valFraction) else { return "" }
    return "\(split.train.count) training and \(split.validation.count) validation clips"
  }
}

extension LatentData {
  /// The VAE whose latents these are, for pictures.
  /// - Throws: `ConfigError`, `TrainingError.checkpoint`
  fileprivate func loadVAE() throws -> TrajectoryVAE {
    let checkpoint = try Checkpoint(at: cache.vae)
    let vae = try TrajectoryVAE(checkpoint.config(VAERunConfig.self).vae, seed: 0)
    try checkpoint.load(.ema, into: vae)
    return vae
  }
}

extension FlowConfig {
  /// What the shards must hold for the conditions that are switched on.
  var conditionFields: ClipFields {
    var fields: ClipFields = []
    if useVideoCond { fields.insert(videoSource == .patch ? .video : .videoLatents) }
    if useTextCond && textSource == .precomputed { fields.insert(.textEmbedding) }
    return fields
  }
}
