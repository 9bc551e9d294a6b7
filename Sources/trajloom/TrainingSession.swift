import Autograd
import Foundation
import Training
import TrajLoomBench

/// What the three trainings share: the configuration, the run folder, resuming, and the options that
/// end early.
struct TrainingSession<Config: RunKind> {
  let config: Config
  /// Where the run goes on; nil for one that starts anew.
  let resumed: Checkpoint?
  /// Nothing is to be written.
  let isDryRun: Bool
  private let isProfile: Bool
  /// `--resume auto`
  private let isAutomatic: Bool
  private let path: String
  /// Held from the start: a second process is refused before it reads any data. Nil for a dry run.
  private let directory: RunDirectory?

  /// Nil when the configuration was printed and nothing else is wanted.
  /// - Throws: `ConfigError`; `TrainingError` for a run that another process trains, or that cannot
  ///   be continued with this configuration.
  init?(_ arguments: Arguments) throws {
    var config = try readConfig(
      Config.self, arguments.required("--config"), overrides: arguments.all("--set"))
    if let name = arguments.string("--name") { config.run.name = name }
    try config.validate()
    if arguments.has("--print-config") {
      print(try StrictConfig.text(config))
      return nil
    }
    let name = config.run.name
    guard !name.isEmpty, !name.contains("/"), name != ".", name != ".." else {
      throw ConfigError(
        key: "run.name", expected: "the name of a folder (or --name)", found: "\"\(name)\"")
    }
    self.config = config
    path = "\(config.run.dir)/\(name)"
    isProfile = arguments.has("--profile")
    isDryRun = arguments.has("--dry-run") || isProfile
    directory = try isDryRun ? nil : RunDirectory(path)
    if let owner = directory?.deadOwner {
      say("\(path): taken over from \(owner), which ended without giving it back")
    }
    let resume = arguments.string("--resume") ?? "auto"
    isAutomatic = resume == "auto"
    resumed = try Self.checkpointToResume(
      path, config, resume: resume, directory,
      isStrict: arguments.has("--strict"))
  }

  func announce(_ text: String) {
    say("\(path): \(text)")
  }

  /// - Parameter preview: draws what the model makes of clips that it is not trained on.
  func train<O: Objective>(
    _ objective: O, _ batches: BatchSource<O.Batch>, attachments: [String: Data] = [:],
    preview: @escaping () throws -> [FuturePicture.Row]
  ) throws {
    if isProfile { return try profileOneStep(objective, batches) }
    guard let directory else { return try tryOneStep(objective, batches) }
    var run = try TrainingRun(
      objective, batches, config.loop, configText: StrictConfig.text(config),
      attachments: attachments, in: directory, resuming: resumed,
      reporter: RunPage(folder: path, preview: preview))
    try RunRecord.add(start: run.currentStep, data: batches.data, to: path)
    if resumed != nil { announce("resuming at step \(run.currentStep)") }
    switch try run.run() {
    case .finished: announce("done, \(run.currentStep) steps; \(path)/latest names the checkpoint")
    case .stopped:
      throw StoppedBySignal(
        what: "saved at step \(run.currentStep); the same command continues \(path)"
          + (isAutomatic ? "" : ", with --resume auto"))
    }
  }

  /// Where to continue from, as `--resume` says; nil to start anew.
  /// - Throws: `ConfigError` or `TrainingError.checkpoint` when that is not possible.
  private static func checkpointToResume(
    _ path: String, _ config: Config, resume: String, _ directory: RunDirectory?, isStrict: Bool
  ) throws -> Checkpoint? {
    let newest = RunDirectory.checkpoints(in: path).last
    let checkpoint: Checkpoint
    switch resume {
    case "never":
      guard newest == nil else {
        throw ConfigError(
          key: "--resume",
          problem: "\(path) holds a run already, and never was asked for; use another --name or "
            + "remove the folder")
      }
      return nil
    case "auto":
      guard let intact = try newestIntact(path, directory, isStrict: isStrict) else { return nil }
      checkpoint = intact
    default:
      checkpoint = try Checkpoint(at: resume)
      func standard(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
      }
      if let newest, standard(newest) != standard(checkpoint.path) {
        throw ConfigError(
          key: "--resume",
          problem: "expected the newest checkpoint of \(path), \(newest), found "
            + "\(checkpoint.path); use a new --name, or remove what this run has")
      }
    }
    try check(config, against: checkpoint)
    return checkpoint
  }

  /// - Parameter directory: nil for a dry run, which only says what a start would do.
  private static func newestIntact(
    _ path: String, _ directory: RunDirectory?, isStrict: Bool
  ) throws -> Checkpoint? {
    if let directory {
      return try directory.newestIntactCheckpoint(isStrict: isStrict, announce: say)
    }
    let found = try RunDirectory.newestIntactCheckpoint(in: path, isStrict: isStrict)
    for (_, problem) in found?.damaged ?? [] {
      say("WARNING: a damaged checkpoint would be passed over: \(problem)")
    }
    return found?.checkpoint
  }

  /// Refuses a configuration that would make another run of it, and says what else is different.
  private static func check(_ config: Config, against checkpoint: Checkpoint) throws {
    let old: Config = try checkpoint.config(Config.self)
    // Of weights from elsewhere only the model itself is given.
    let isUntrained = try checkpoint.isUntrained()
    let harmless = isUntrained ? ["run", "data", "train"] : config.loop.harmlessKeys
    let changes = try StrictConfig.differences(old, config, ignoring: harmless)
    guard changes.isEmpty else {
      throw TrainingError.checkpoint(
        path: checkpoint.path,
        problem:
          "was made with another configuration (\(changes.joined(separator: "; "))); use a new --name, "
          + "or change these keys back")
    }
    guard !isUntrained else { return }
    let others = try StrictConfig.differences(old, config, ignoring: [])
    if !others.isEmpty {
      say("\(checkpoint.path): going on with \(others.joined(separator: "; "))")
    }
  }

  /// Everything that a run needs, on one step; nothing is written.
  private func tryOneStep<O: Objective>(_ objective: O, _ batches: BatchSource<O.Batch>) throws {
    let trial = try TrialStep(objective, batches, config.loop, at: path, resuming: resumed)
    announce("dry run: one step, loss \(trial.loss), gradient norm \(trial.gradientNorm)")
    let steps = config.loop.maxSteps
    announce(
      "time    \(fixed(trial.seconds, 2)) s for this first step; \(steps) of them "
        + duration(trial.seconds * Double(steps)))
    announce("memory  \(DiskSpace.text(trial.arrayBytes)) of arrays at the most")
    announce(
      "disk    \(DiskSpace.text(trial.checkpointBytes)) a checkpoint, "
        + "\(DiskSpace.text(trial.diskBytes)) for those that are still to come and kept"
        + (trial.freeBytes.map { ", \(DiskSpace.text($0)) free" } ?? ""))
    announce("nothing was written")
  }

  /// A whole step (loss, gradient, clipping, optimiser) once to warm up and once under the clock.
  private func profileOneStep<O: Objective>(
    _ objective: O, _ batches: BatchSource<O.Batch>
  ) throws {
    let loop = config.loop
    let place = BatchPlace(number: 0, slots: 0..<loop.batchSize)
    let batch = try batches.training(place)
    var optimizer = AdamW(
      beta1: loop.betas[0], beta2: loop.betas[1], weightDecay: loop.weightDecay)
    let model = objective.model
    func step() {
      optimizer.takeStep(
        on: model, clipping: Float(loop.clipGradNorm), learningRate: loop.learningRate
      ) { objective.loss(batch, at: place).loss }
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
