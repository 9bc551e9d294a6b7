import Autograd
import Foundation

/// The folder of one run: `config.json`, `metrics.jsonl`, `checkpoints/step-NNNNNNN/`, `latest`,
/// and the lock of the process that trains in it.
public final class RunDirectory {
  public let path: String
  private let lock: Int32

  /// Takes the folder for this process, making it if need be.
  /// - Throws: `TrainingError.resource` naming the process that holds it.
  public init(_ path: String) throws {
    self.path = path
    do {
      try FileManager.default.createDirectory(
        atPath: "\(path)/checkpoints", withIntermediateDirectories: true)
    } catch {
      throw TrainingError.resource(
        "\(path): the run folder cannot be made (\(error.localizedDescription)); check run.dir")
    }
    let file = "\(path)/lock"
    lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard lock >= 0 else {
      throw TrainingError.resource("\(file): cannot be opened; check the folder's permissions")
    }
    // The system drops the lock with the process, so that of a dead owner is free.
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      let owner = (try? String(contentsOfFile: file, encoding: .utf8)) ?? "unknown"
      close(lock)
      throw TrainingError.resource(
        "\(path): this run is being trained by another process (\(owner.trimmingCharacters(in: .whitespacesAndNewlines))); "
          + "wait for it, or use another --name")
    }
    ftruncate(lock, 0)
    let owner = "pid \(getpid()) on \(ProcessInfo.processInfo.hostName)\n"
    _ = owner.withCString { write(lock, $0, strlen($0)) }
  }

  deinit {
    // Closing alone would leave it to a child process that is just being started, with a copy of the
    // descriptor until it runs its own program.
    flock(lock, LOCK_UN)
    close(lock)
  }

  /// The complete checkpoints of a run, oldest first.
  public static func checkpoints(in path: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(path)/checkpoints")) ?? []
    return names.filter { name in
      name.hasPrefix("step-") && name.dropFirst(5).allSatisfy(\.isNumber)
    }.sorted().map { "\(path)/checkpoints/\($0)" }
  }

  func checkpointPath(step: Int) -> String {
    let digits = String(step)
    let zeros = String(repeating: "0", count: max(0, 7 - digits.count))
    return "\(path)/checkpoints/step-\(zeros)\(digits)"
  }

  /// Points `latest` at the newest checkpoint, and removes all but the last `keeping`.
  func finishCheckpoint(keeping: Int) throws {
    let all = Self.checkpoints(in: path)
    guard let newest = all.last else { return }
    let name = (newest as NSString).lastPathComponent
    try AtomicFile.write(Data("checkpoints/\(name)\n".utf8), to: "\(path)/latest")
    for old in all.dropLast(keeping) { try? FileManager.default.removeItem(atPath: old) }
  }
}
