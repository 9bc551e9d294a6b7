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
  Option("--dry-run", nil, "check configuration, data and model, run one step, write nothing"),
  Option("--profile", nil, "run two steps, print where the second one's time goes, write nothing"),
  Option("--print-config", nil, "print the resolved configuration and end"),
]

extension Command {
  static let trainVAE = Command(
    words: ["train", "vae"], summary: "train the trajectory VAE on tracks", options: trainOptions
  ) { arguments in
    var config = try readConfig(
      VAERunConfig.self, arguments.required("--config"), overrides: arguments.all("--set"))
    if let name = arguments.string("--name") { config.run.name = name }
    try config.validate()
    let session = try TrainingSession(arguments, run: config.run, config: config)
    guard let session else { return }

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
      training: { try training.batch(items: order.items(batch: $0), draw: $0) },
      validationCount: batchCount(validation.count, loop.batchSize),
      validation: {
        try validation.batch(items: batchItems($0, validation.count, loop.batchSize), draw: $0)
      }, dataHash: set.contentHash)
    let model = try TrajectoryVAE(
      config.vae, seed: loop.seed, checkpointsBlocks: loop.activationCheckpointing == .block)
    session.announce(
      "VAE \(model.parameterCount) parameters, \(config.vae.encoding.rawValue) encoding; "
        + "\(split.train.count) training and \(split.validation.count) validation clips")
    try session.train(
      VAEObjective(model, config.train.loss, seed: loop.seed), batches, loop, config)
  }

  static let trainFlow = Command(
    words: ["train", "flow"], summary: "train the generator on latents", options: trainOptions
  ) { arguments in
    var config = try readConfig(
      FlowRunConfig.self, arguments.required("--config"), overrides: arguments.all("--set"))
    if let name = arguments.string("--name") { config.run.name = name }
    try config.validate()
    guard let session = try TrainingSession(arguments, run: config.run, config: config) else {
      return
    }

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
    let resumed = try session.isDryRun ? nil : session.checkpointToResume(config, loop)
    let start = config.train.stage.initFrom
    let given = try resumed == nil && !start.isEmpty ? Checkpoint(at: start) : nil
    try given?.checkStart(of: config)
    try given?.load(.ema, into: model)
    latents = try latents.scaled(asFor: resumed ?? given)
    session.announce(
      "flow \(model.parameterCount) parameters, objective \(config.train.stage.objective.rawValue); "
        + "\(latents.summary(config.data.windows.valFraction))")
    try session.train(
      FlowObjective(model, try latents.scaling(), config.train), batches, loop, config,
      attachments: [LatentCache.statisticsFile: latents.statistics.json()])
  }

  static let trainVisibility = Command(
    words: ["train", "visibility"], summary: "train the visibility head on latents",
    options: trainOptions
  ) { arguments in
    var config = try readConfig(
      VisibilityRunConfig.self, arguments.required("--config"), overrides: arguments.all("--set"))
    if let name = arguments.string("--name") { config.run.name = name }
    try config.validate()
    guard let session = try TrainingSession(arguments, run: config.run, config: config) else {
      return
    }

    let loop = config.train.loop
    let latents = try LatentCache.open(config.data, mayEncode: !session.isDryRun)
      .scaled(asFor: session.isDryRun ? nil : session.checkpointToResume(config, loop))
    try latents.check(channels: config.visibility.latentChannels, block: "visibility")
    let batches = try latents.batches(
      seed: loop.seed, batchSize: loop.batchSize, valFraction: config.data.windows.valFraction,
      conditions: [])
    let model = try VisibilityPredictor(config.visibility, seed: loop.seed)
    session.announce(
      "visibility head \(model.parameterCount) parameters; "
        + latents.summary(config.data.windows.valFraction))
    let objective = VisibilityObjective(
      model, try latents.scaling(), positiveWeight: Float(config.train.head.posWeight))
    try session.train(
      objective, batches, loop, config,
      attachments: [LatentCache.statisticsFile: latents.statistics.json()])
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

/// What the three trainings share: the run folder, resuming, and the options that end early.
private struct TrainingSession {
  private let path: String
  /// Nothing is to be written.
  let isDryRun: Bool
  private let isProfile: Bool
  private let resume: String

  /// Nil when the configuration was printed and nothing else is wanted.
  init?(_ arguments: Arguments, run: RunConfig, config: some Codable) throws {
    if arguments.has("--print-config") {
      print(try StrictConfig.text(config))
      return nil
    }
    guard !run.name.isEmpty, !run.name.contains("/"), run.name != ".", run.name != ".." else {
      throw ConfigError(
        key: "run.name", expected: "the name of a folder (or --name)", found: "\"\(run.name)\"")
    }
    path = "\(run.dir)/\(run.name)"
    isProfile = arguments.has("--profile")
    isDryRun = arguments.has("--dry-run") || isProfile
    resume = arguments.string("--resume") ?? "auto"
  }

  func announce(_ text: String) {
    say("\(path): \(text)")
  }

  func train<O: Objective, Config: Codable>(
    _ objective: O, _ batches: BatchSource<O.Batch>, _ loop: TrainingConfig, _ config: Config,
    attachments: [String: Data] = [:]
  ) throws {
    if isProfile { return try profileOneStep(objective, batches, loop) }
    if isDryRun { return try tryOneStep(objective, batches) }
    let checkpoint = try checkpointToResume(config, loop)
    let directory = try RunDirectory(path)
    var run = try TrainingRun(
      objective, batches, loop, configText: StrictConfig.text(config), attachments: attachments,
      in: directory, resuming: checkpoint)
    if checkpoint != nil { announce("resuming at step \(run.currentStep)") }
    switch try run.run() {
    case .finished: announce("done, \(run.currentStep) steps; \(path)/latest names the checkpoint")
    case .stopped:
      throw StoppedBySignal(
        what: "saved at step \(run.currentStep); the same command continues \(path)")
    }
  }

  /// Where to continue from, as `--resume` says; nil to start anew.
  /// - Throws: `ConfigError` or `TrainingError.checkpoint` when that is not possible.
  func checkpointToResume<Config: Codable>(
    _ config: Config, _ loop: TrainingConfig
  ) throws -> Checkpoint? {
    let existing = RunDirectory.checkpoints(in: path)
    let exists = !existing.isEmpty
    let checkpoint: Checkpoint
    switch resume {
    case "never":
      guard !exists else {
        throw ConfigError(
          key: "--resume",
          problem: "\(path) holds a run already, and never was asked for; use another --name or "
            + "remove the folder")
      }
      return nil
    case "auto":
      guard exists else { return nil }
      checkpoint = try Checkpoint(at: path)
    default:
      checkpoint = try Checkpoint(at: resume)
      if let newest = existing.last, try Checkpoint(at: newest).step() > checkpoint.step() {
        throw ConfigError(
          key: "--resume",
          problem: "\(path) holds later checkpoints (\(newest)) than \(checkpoint.path); use a new "
            + "--name, or remove them")
      }
    }
    let old: Config = try checkpoint.config(Config.self)
    // Of weights from elsewhere only the model itself is given.
    let isUntrained = try checkpoint.isUntrained()
    let changes = try StrictConfig.differences(
      old, config, ignoring: isUntrained ? ["run", "data", "train"] : loop.harmlessKeys)
    guard changes.isEmpty else {
      throw TrainingError.checkpoint(
        path: checkpoint.path,
        problem:
          "was made with another configuration (\(changes.joined(separator: "; "))); use a new --name, "
          + "or change these keys back")
    }
    return checkpoint
  }

  /// Everything that a step needs, on one batch; nothing is written.
  private func tryOneStep<O: Objective>(_ objective: O, _ batches: BatchSource<O.Batch>) throws {
    let batch = try batches.training(0)
    MemoryUse.resetPeak()
    let start = Date()
    let ((loss, gradient), origin) = findingNonFinite {
      valueWithGradient(at: objective.model) { _ in objective.loss(batch, index: 0).loss }
    }
    guard loss.isFinite, origin == nil else {
      throw TrainingError.nonFinite(
        step: 1, what: loss.isFinite ? "the gradient" : "the loss",
        clips: objective.clips(batch), origin: origin)
    }
    announce(
      "dry run: loss \(loss), \(gradient.count) gradients, \(fixed(Date().timeIntervalSince(start), 2)) s, "
        + "\(fixed(Double(MemoryUse.peak) / 1e9, 2)) GB of arrays; nothing was written")
  }
}

extension TrainingSession {
  /// A whole step (loss, gradient, clipping, optimiser) once to warm up and once under the clock.
  private func profileOneStep<O: Objective>(
    _ objective: O, _ batches: BatchSource<O.Batch>, _ loop: TrainingConfig
  ) throws {
    let batch = try batches.training(0)
    var optimizer = AdamW(
      beta1: loop.betas[0], beta2: loop.betas[1], weightDecay: loop.weightDecay)
    let model = objective.model
    func step() {
      optimizer.takeStep(
        on: model, clipping: Float(loop.clipGradNorm), learningRate: loop.learningRate
      ) { objective.loss(batch, index: 0).loss }
    }
    step()
    MemoryUse.resetPeak()
    let profile = profiled(step).profile
    announce(
      "one step with batch size \(loop.batchSize); arrays took up to "
        + "\(fixed(Double(MemoryUse.peak) / 1e9, 2)) GB; nothing was written")
    print(profile.table())
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
      training: { try training.batch(items: order.items(batch: $0)) },
      validationCount: batchCount(validation.count, batchSize),
      validation: { try validation.batch(items: batchItems($0, validation.count, batchSize)) },
      dataHash: set.contentHash)
  }

  fileprivate func summary(_ valFraction: Double) -> String {
    guard let split = try? set.split(validationFraction: valFraction) else { return "" }
    return "\(split.train.count) training and \(split.validation.count) validation clips"
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
