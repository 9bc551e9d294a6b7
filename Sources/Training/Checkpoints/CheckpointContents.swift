import Autograd
import Foundation

/// All that goes into a checkpoint.
struct CheckpointContents {
  var weights: [String: NDArray]
  /// Nil when the run keeps no average.
  var average: [String: NDArray]?
  var optimizer: [String: NDArray]
  /// The resolved configuration.
  var config: String
  /// More files by name, such as the statistics that the weights were trained with.
  var attachments: [String: Data]
  var state: CheckpointState

  /// About how much room it takes.
  var byteCount: Int {
    let arrays = [weights, average ?? [:], optimizer].flatMap(\.values)
    let text = config.utf8.count + attachments.values.reduce(0) { $0 + $1.count }
    // Names and shapes of arrays, state and checksums: a few hundred bytes for each.
    return arrays.reduce(text + 4096) { $0 + 4 * $1.count + 256 }
  }

  /// The same for a model that has not been trained yet.
  static func byteCount<M: Module>(of model: M, averaged: Bool) -> Int {
    let weights = model.stateDictionary()
    return CheckpointContents(
      weights: weights, average: averaged ? weights : nil,
      optimizer: weights.merging(weights.map { ("\($0.key)/second", $0.value) }) { $1 },
      config: "", attachments: [:],
      state: CheckpointState(step: 0, optimizerSteps: 0, emaUpdates: 0, minutes: 0, data: .none)
    ).byteCount
  }

  /// Writes a checkpoint beside its place, syncs it, and renames it to `folder`: a folder of that
  /// name is whole whenever the machine stops. `SHA256SUMS`, written last, says so for copies.
  /// - Throws: `TrainingError.resource` with the bytes that are needed and free when the disk is
  ///   full; nothing is left behind then.
  func write(to folder: String) throws {
    let files = FileManager.default
    // A step is saved once: what is there is of this very run, and was checked when it went on.
    guard !files.fileExists(atPath: folder) else { return }
    let parent = (folder as NSString).deletingLastPathComponent
    if let free = DiskSpace.free(at: parent), free < byteCount {
      throw full(folder, free: free)
    }
    let partial = "\(folder)\(RunDirectory.partialMark)\(getpid())"
    do {
      try? files.removeItem(atPath: partial)
      try files.createDirectory(atPath: partial, withIntermediateDirectories: true)
      try writeFiles(to: partial)
      try AtomicFile.rename(partial, to: folder)
    } catch {
      try? files.removeItem(atPath: partial)
      if (error as? FileError)?.isDiskFull == true || isDiskFull(error) {
        throw full(folder, free: DiskSpace.free(at: parent))
      }
      throw TrainingError.resource(
        "\(folder): not saved (\(error)); mend this and run the same command again, the previous "
          + "checkpoint is intact")
    }
  }

  private func writeFiles(to folder: String) throws {
    var sums = ChecksumList()
    func save(_ arrays: [String: NDArray], _ name: String) throws {
      let file = "\(folder)/\(name)"
      try writeSafetensors(arrays, metadata: ["format": "pt"], to: file)
      sums.add(name, try Data(contentsOf: URL(fileURLWithPath: file)))
    }
    func save(_ data: Data, _ name: String) throws {
      try AtomicFile.write(data, to: "\(folder)/\(name)")
      sums.add(name, data)
    }
    try save(weights, Checkpoint.weightsFile)
    if let average { try save(average, Checkpoint.averageFile) }
    try save(optimizer, Checkpoint.optimizerFile)
    for (name, data) in attachments.sorted(by: { $0.key < $1.key }) { try save(data, name) }
    try save(Data(config.utf8), Checkpoint.configFile)
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try save(encoder.encode(state), Checkpoint.stateFile)
    try AtomicFile.write(Data(sums.text.utf8), to: "\(folder)/\(ChecksumList.fileName)")
  }

  private func full(_ folder: String, free: Int?) -> TrainingError {
    .resource(
      "\(folder): not saved, the disk is full: expected \(DiskSpace.text(byteCount)) "
        + "(\(byteCount) bytes) free, found \(free.map { "\(DiskSpace.text($0)) (\($0) bytes)" } ?? "none"); "
        + "free space and run the same command again, the previous checkpoint is intact")
  }

  /// As Foundation reports it.
  private func isDiskFull(_ error: any Error) -> Bool {
    let error = error as NSError
    if error.domain == NSCocoaErrorDomain, error.code == CocoaError.fileWriteOutOfSpace.rawValue {
      return true
    }
    let code = error.domain == NSPOSIXErrorDomain ? error : error.userInfo[NSUnderlyingErrorKey]
    return ((code as? NSError)?.code).map { [Int(ENOSPC), Int(EDQUOT)].contains($0) } ?? false
  }
}
