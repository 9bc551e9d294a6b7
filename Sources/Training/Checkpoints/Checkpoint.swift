import Autograd
import Foundation

/// A checkpoint folder: weights, their average, optimiser state, configuration, `state.json`, and
/// `SHA256SUMS` over all of them.
public struct Checkpoint: Sendable {
  public let path: String

  static let weightsFile = "model.safetensors"
  static let averageFile = "ema.safetensors"
  static let optimizerFile = "optimizer.safetensors"
  static let configFile = "config.json"
  static let stateFile = "state.json"

  /// Which weights to read.
  public enum Weights: String, CaseIterable, Sendable { case ema, raw }

  /// The checkpoint that `path` names: a checkpoint folder, a run folder, whose newest it is, or a
  /// run's file `latest` or `best`.
  /// - Throws: `TrainingError.checkpoint`
  public init(at path: String) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw TrainingError.checkpoint(
        path: path,
        problem: "expected a run or checkpoint folder, and there is none; train one first")
    }
    guard isFolder.boolValue else {
      self.path = try Self.target(ofPointer: path)
      return
    }
    let names = try? FileManager.default.contentsOfDirectory(atPath: path)
    if names?.contains(ChecksumList.fileName) == true || names?.contains(Self.stateFile) == true {
      self.path = path
      return
    }
    guard let newest = RunDirectory.checkpoints(in: path).last else {
      throw TrainingError.checkpoint(
        path: path, problem: "expected a run with a checkpoint, and this folder has none")
    }
    self.path = newest
  }

  init(folder: String) { path = folder }

  private static func target(ofPointer path: String) throws -> String {
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    let name = text.trimmingCharacters(in: .whitespacesAndNewlines)
    let folder = "\((path as NSString).deletingLastPathComponent)/\(name)"
    guard name.hasPrefix("checkpoints/step-"), FileManager.default.fileExists(atPath: folder) else {
      throw TrainingError.checkpoint(
        path: path, problem: "expected a file that names a checkpoint, such as `latest` of a run")
    }
    return folder
  }

  /// The configuration that the run was started with.
  /// - Throws: `ConfigError`, `TrainingError.checkpoint`
  public func config<Config: Codable>(
    _ type: Config.Type, overrides: [String] = []
  ) throws -> Config {
    _ = try checkedData(Self.configFile)
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
    let sums = try ChecksumList(of: path)
    let name = file(of: weights, sums)
    let arrays = try arrays(name)
    do { try model.load(arrays) } catch let mismatch as StateMismatch {
      throw TrainingError.checkpoint(
        path: "\(path)/\(name)", problem: "not the weights of this model; \(mismatch)")
    }
    return sums.hashes[name]!
  }

  /// The weights that `load` reads, by name.
  /// - Throws: `TrainingError.checkpoint`
  public func weights(_ weights: Weights = .ema) throws -> [String: NDArray] {
    try arrays(file(of: weights, ChecksumList(of: path)))
  }

  private func file(of weights: Weights, _ sums: ChecksumList) -> String {
    weights == .ema && sums.hashes[Self.averageFile] != nil ? Self.averageFile : Self.weightsFile
  }

  /// The SHA-256 of the weights that `load` reads.
  /// - Throws: `TrainingError.checkpoint`
  public func weightsHash(_ weights: Weights = .ema) throws -> String {
    let sums = try ChecksumList(of: path)
    return sums.hashes[file(of: weights, sums)] ?? ""
  }

  /// The step that the checkpoint was made after.
  /// - Throws: `TrainingError.checkpoint`
  public func step() throws -> Int { try state().step }

  /// Whether these are weights from elsewhere, which no data and no settings of training belong to
  /// yet.
  /// - Throws: `TrainingError.checkpoint`
  public func isUntrained() throws -> Bool { try state().data == .none }

  /// Whether it has a file of this name.
  /// - Throws: `TrainingError.checkpoint`
  public func hasAttachment(_ name: String) throws -> Bool {
    try ChecksumList(of: path).hashes[name] != nil
  }

  /// A file of the checkpoint beside the arrays, after its hash has been checked.
  /// - Throws: `TrainingError.checkpoint`
  public func attachment(_ name: String) throws -> Data { try checkedData(name) }

  /// Checks that all of its files are what they were when it was saved.
  /// - Throws: `TrainingError.checkpoint` for the first that is not, `TrainingError.resource` for one
  ///   that cannot be read.
  func verify() throws {
    let sums = try ChecksumList(of: path)
    for name in [Self.weightsFile, Self.optimizerFile, Self.configFile, Self.stateFile]
    where sums.hashes[name] == nil {
      throw TrainingError.checkpoint(
        path: "\(path)/\(ChecksumList.fileName)", problem: "damaged: it does not list \(name)")
    }
    for name in sums.hashes.keys.sorted() { _ = try checkedData(name) }
  }

  /// - Throws: `TrainingError.checkpoint` that names what is different.
  func check(_ data: DataFingerprint) throws {
    let own = try state().data
    guard own == .none || own == data else {
      throw TrainingError.checkpoint(
        path: path,
        problem:
          "the run was started on other data (\(own.differences(to: data))); put it back, or "
          + "use a new --name")
    }
  }

  func state() throws -> CheckpointState {
    let data = try checkedData(Self.stateFile)
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do { return try decoder.decode(CheckpointState.self, from: data) } catch {
      throw TrainingError.checkpoint(
        path: "\(path)/\(Self.stateFile)", problem: "not of this version of trajloom: \(error)")
    }
  }

  /// The arrays of one file, after its hash has been checked.
  func arrays(_ name: String) throws -> [String: NDArray] {
    _ = try checkedData(name)
    do { return try SafetensorsFile(path: "\(path)/\(name)").arrays() } catch let error
      as SafetensorsError
    {
      throw TrainingError.checkpoint(path: error.path, problem: error.reason)
    }
  }

  private func checkedData(_ name: String) throws -> Data {
    let file = "\(path)/\(name)"
    guard let expected = try ChecksumList(of: path).hashes[name] else {
      throw TrainingError.checkpoint(
        path: file, problem: "\(ChecksumList.fileName) does not list it")
    }
    guard FileManager.default.fileExists(atPath: file) else {
      throw TrainingError.checkpoint(path: file, problem: "missing")
    }
    let data: Data
    do { data = try Data(contentsOf: URL(fileURLWithPath: file)) } catch {
      throw TrainingError.resource("\(file): cannot be read (\(error)); mend this and try again")
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
    let contents = CheckpointContents(
      weights: weights, average: nil, optimizer: [:], config: config, attachments: attachments,
      state: CheckpointState(
        step: 0, optimizerSteps: 0, emaUpdates: 0, minutes: 0, data: .none))
    try contents.write(to: folder)
    try directory.finishCheckpoint(keeping: CheckpointRetention(last: 1, every: 0, best: nil))
    return folder
  }
}
