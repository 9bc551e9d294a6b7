import Autograd
import Foundation

/// Where a run stands, beside its arrays.
struct CheckpointState: Codable, Equatable {
  var step: Int
  var optimizerSteps: Int
  var emaUpdates: Int
  /// Training time so far.
  var minutes: Double
  /// Empty before the first step.
  var dataHash: String
  /// SHA-256 of each file of the checkpoint, by name. The file that holds this is written last.
  var sha256: [String: String]
}

/// A checkpoint folder: weights, their average, optimiser state, configuration and `state.json`.
///
/// A folder with this name is complete: it was written under another name, synced, and renamed.
public struct Checkpoint: Sendable {
  public let path: String

  static let weightsFile = "model.safetensors"
  static let averageFile = "ema.safetensors"
  static let optimizerFile = "optimizer.safetensors"
  static let configFile = "config.json"
  static let stateFile = "state.json"

  /// Which weights to read.
  public enum Weights: String, CaseIterable, Sendable { case ema, raw }

  /// The checkpoint that `path` names: a checkpoint folder, or a run folder, whose latest it is.
  /// - Throws: `TrainingError.checkpoint`
  public init(at path: String) throws {
    let files = FileManager.default
    if files.fileExists(atPath: "\(path)/\(Self.stateFile)") {
      self.path = path
      return
    }
    guard files.fileExists(atPath: path) else {
      throw TrainingError.checkpoint(
        path: path,
        problem: "expected a run or checkpoint folder, and there is none; train one first")
    }
    guard let latest = RunDirectory.checkpoints(in: path).last else {
      throw TrainingError.checkpoint(
        path: path, problem: "expected a run with a checkpoint, and this folder has none")
    }
    self.path = latest
  }

  init(folder: String) { path = folder }

  /// The configuration that the run was started with.
  /// - Throws: `ConfigError`, `TrainingError.checkpoint`
  public func config<Config: Codable>(
    _ type: Config.Type, overrides: [String] = []
  ) throws -> Config {
    _ = try checkedData(Self.configFile, state())
    let file = "\(path)/\(Self.configFile)"
    do {
      let config = try StrictConfig.load(type, from: file)
      guard !overrides.isEmpty else { return config }
    } catch let error as ConfigError {
      throw TrainingError.checkpoint(
        path: path,
        problem: "its configuration is not one of this kind of model, or not of this version "
          + "(\(error))")
    }
    return try StrictConfig.load(type, from: file, overrides: overrides)
  }

  /// Loads the weights into `model`, checking their hash, names and shapes.
  /// - Parameter weights: `ema` falls back to the raw weights when the run kept no average.
  /// - Returns: the SHA-256 of the file that was read.
  /// - Throws: `TrainingError.checkpoint`
  @discardableResult
  public func load<M: Module>(_ weights: Weights = .ema, into model: M) throws -> String {
    let state = try state()
    let name = file(of: weights, state)
    let arrays = try arrays(name, state)
    do { try model.load(arrays) } catch let mismatch as StateMismatch {
      throw TrainingError.checkpoint(
        path: "\(path)/\(name)", problem: "not the weights of this model; \(mismatch)")
    }
    return state.sha256[name]!
  }

  /// The weights that `load` reads, by name.
  /// - Throws: `TrainingError.checkpoint`
  public func weights(_ weights: Weights = .ema) throws -> [String: NDArray] {
    let state = try state()
    return try arrays(file(of: weights, state), state)
  }

  private func file(of weights: Weights, _ state: CheckpointState) -> String {
    weights == .ema && state.sha256[Self.averageFile] != nil ? Self.averageFile : Self.weightsFile
  }

  /// The SHA-256 of the weights that `load` reads.
  /// - Throws: `TrainingError.checkpoint`
  public func weightsHash(_ weights: Weights = .ema) throws -> String {
    let state = try state()
    return state.sha256[file(of: weights, state)] ?? ""
  }

  /// The step that the checkpoint was made after.
  /// - Throws: `TrainingError.checkpoint`
  public func step() throws -> Int { try state().step }

  /// Whether these are weights from elsewhere, which no data and no settings of training belong to
  /// yet.
  /// - Throws: `TrainingError.checkpoint`
  public func isUntrained() throws -> Bool { try state().dataHash.isEmpty }

  /// Whether it has a file of this name beside the arrays.
  /// - Throws: `TrainingError.checkpoint`
  public func hasAttachment(_ name: String) throws -> Bool { try state().sha256[name] != nil }

  /// A file of the checkpoint beside the arrays, after its hash has been checked.
  /// - Throws: `TrainingError.checkpoint`
  public func attachment(_ name: String) throws -> Data { try checkedData(name, state()) }

  func state() throws -> CheckpointState {
    let file = "\(path)/\(Self.stateFile)"
    guard let data = FileManager.default.contents(atPath: file) else {
      throw TrainingError.checkpoint(path: file, problem: "missing or unreadable")
    }
    do { return try JSONDecoder().decode(CheckpointState.self, from: data) } catch {
      throw TrainingError.checkpoint(path: file, problem: "damaged: \(error)")
    }
  }

  /// The arrays of one file, after its hash has been checked.
  func arrays(_ name: String, _ state: CheckpointState) throws -> [String: NDArray] {
    _ = try checkedData(name, state)
    do { return try SafetensorsFile(path: "\(path)/\(name)").arrays() } catch let error
      as SafetensorsError
    {
      throw TrainingError.checkpoint(path: error.path, problem: error.reason)
    }
  }

  private func checkedData(_ name: String, _ state: CheckpointState) throws -> Data {
    let file = "\(path)/\(name)"
    guard let expected = state.sha256[name] else {
      throw TrainingError.checkpoint(path: file, problem: "\(Self.stateFile) does not list it")
    }
    guard let data = FileManager.default.contents(atPath: file) else {
      throw TrainingError.checkpoint(path: file, problem: "missing or unreadable")
    }
    let found = SHA256.hexDigest(of: data)
    guard found == expected else {
      throw TrainingError.checkpoint(
        path: file,
        problem: "damaged: SHA-256 \(found.prefix(12))..., expected \(expected.prefix(12))...")
    }
    return data
  }

  /// Makes a run of weights from elsewhere, at step 0: to be used as a trained one, or trained on
  /// any data in any way.
  /// - Parameter attachments: more files by name, such as the statistics that the weights were
  ///   trained with.
  /// - Returns: the checkpoint's folder.
  /// - Throws: `TrainingError.resource` when the folder is in use, or the disk is full.
  public static func begin(
    run path: String, weights: [String: NDArray], config: String, attachments: [String: Data] = [:]
  ) throws -> String {
    let directory = try RunDirectory(path)
    let folder = directory.checkpointPath(step: 0)
    try write(
      to: folder, weights: weights, average: nil, optimizer: [:],
      config: config, attachments: attachments,
      state: CheckpointState(
        step: 0, optimizerSteps: 0, emaUpdates: 0, minutes: 0, dataHash: "", sha256: [:]))
    try directory.finishCheckpoint(keeping: 1)
    return folder
  }

  /// Writes a checkpoint beside its place, syncs it and renames it to `folder`.
  /// - Parameter attachments: more files by name, such as the statistics that the weights were
  ///   trained with.
  /// - Throws: `TrainingError.resource` when the disk is full; nothing is left behind then.
  static func write(
    to folder: String, weights: [String: NDArray], average: [String: NDArray]?,
    optimizer: [String: NDArray], config: String, attachments: [String: Data],
    state: CheckpointState
  ) throws {
    let files = FileManager.default
    // A step is saved once: what is there is complete, and of this very run.
    guard !files.fileExists(atPath: folder) else { return }
    let partial = "\(folder).partial-\(getpid())"
    var state = state
    do {
      try? files.removeItem(atPath: partial)
      try files.createDirectory(atPath: partial, withIntermediateDirectories: true)
      func save(_ arrays: [String: NDArray], _ name: String) throws {
        try writeSafetensors(arrays, metadata: ["format": "pt"], to: "\(partial)/\(name)")
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(partial)/\(name)"))
        state.sha256[name] = SHA256.hexDigest(of: data)
      }
      try save(weights, weightsFile)
      if let average { try save(average, averageFile) }
      try save(optimizer, optimizerFile)
      for (name, data) in attachments.merging(
        [configFile: Data(config.utf8)], uniquingKeysWith: { $1 })
      {
        try AtomicFile.write(data, to: "\(partial)/\(name)")
        state.sha256[name] = SHA256.hexDigest(of: data)
      }
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      try AtomicFile.write(encoder.encode(state), to: "\(partial)/\(stateFile)")
      try files.moveItem(atPath: partial, toPath: folder)
      try AtomicFile.syncFolder((folder as NSString).deletingLastPathComponent)
    } catch {
      try? files.removeItem(atPath: partial)
      throw TrainingError.resource(
        "\(folder): not saved (\(error)); free space and resume, the previous checkpoint is intact")
    }
  }
}
