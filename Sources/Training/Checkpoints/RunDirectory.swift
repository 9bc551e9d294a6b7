import Autograd
import Foundation

/// The folder of one run: `config.json`, `run.json`, logs, `checkpoints/step-NNNNNNN/`, `latest`,
/// `best`, and the lock of the process that trains in it.
public final class RunDirectory {
  public let path: String
  /// What the lock says of a process that held it and ended without giving it back.
  public let deadOwner: String?
  private let lock: Int32

  /// Between the name of a file or folder and the process that has not finished it.
  static let partialMark = ".partial-"
  private static let removedMark = ".removed-"

  /// Takes the folder for this process, making it if need be, and clears away what processes that
  /// were killed have left half done. A folder in which nothing was saved goes with this object.
  /// - Throws: `TrainingError.resource` naming the process that holds it.
  public init(_ path: String) throws {
    self.path = path
    lock = try Self.takeLock(path)
    deadOwner = Self.owner(path)
    ftruncate(lock, 0)
    let own = "pid \(getpid()) on \(ProcessInfo.processInfo.hostName)\n"
    _ = own.withCString { write(lock, $0, strlen($0)) }
    clearLeftovers()
  }

  deinit {
    ftruncate(lock, 0)
    removeIfUnused()
    // Closing alone would leave it to a child process that is just being started, with a copy of the
    // descriptor until it runs its own program.
    flock(lock, LOCK_UN)
    close(lock)
  }

  /// - Returns: the descriptor of the lock, which is held.
  private static func takeLock(_ path: String) throws -> Int32 {
    let file = "\(path)/lock"
    while true {
      do {
        try FileManager.default.createDirectory(
          atPath: "\(path)/checkpoints", withIntermediateDirectories: true)
        try AtomicFile.syncFolder((path as NSString).deletingLastPathComponent)
      } catch {
        throw TrainingError.resource(
          "\(path): the run folder cannot be made (\(error.localizedDescription)); check run.dir")
      }
      let lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
      guard lock >= 0 else {
        throw TrainingError.resource(
          "\(file): cannot be opened (\(String(cString: strerror(errno)))); check the folder's "
            + "permissions and the disk's space")
      }
      // The system drops the lock with the process, so that of a dead owner is free.
      guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
        let code = errno
        close(lock)
        guard code == EWOULDBLOCK else {
          throw TrainingError.resource(
            "\(file): cannot be locked (\(String(cString: strerror(code)))); put run.dir on a file "
              + "system with locks")
        }
        throw TrainingError.resource(
          "\(path): this run is being trained by another process (\(owner(path) ?? "unknown")); wait "
            + "for it, or use another --name")
      }
      // Its last holder may have removed the file after this process had opened it.
      var (held, named) = (stat(), stat())
      if fstat(lock, &held) == 0, stat(file, &named) == 0, held.st_ino == named.st_ino {
        return lock
      }
      close(lock)
    }
  }

  /// What the lock says of who holds it; nil when it says nothing.
  private static func owner(_ path: String) -> String? {
    let text = try? String(contentsOfFile: "\(path)/lock", encoding: .utf8)
    let owner = text?.trimmingCharacters(in: .whitespacesAndNewlines)
    return owner?.isEmpty == true ? nil : owner
  }

  /// A start that found its data faulty leaves no folder behind.
  private func removeIfUnused() {
    let names = try? FileManager.default.contentsOfDirectory(atPath: path)
    guard let names, Set(names).isSubset(of: ["lock", "checkpoints"]),
      rmdir("\(path)/checkpoints") == 0
    else { return }
    unlink("\(path)/lock")
    rmdir(path)
  }

  private func clearLeftovers() {
    for folder in [path, "\(path)/checkpoints", "\(path)/previews"] {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      for name in names where name.contains(Self.partialMark) || name.contains(Self.removedMark) {
        try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
      }
    }
  }

  /// The checkpoints of a run, oldest first.
  public static func checkpoints(in path: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(path)/checkpoints")) ?? []
    return names.filter { step(of: $0) != nil }.sorted().map { "\(path)/checkpoints/\($0)" }
  }

  /// The step in the name of a checkpoint's folder.
  private static func step(of path: String) -> Int? {
    let name = (path as NSString).lastPathComponent
    guard name.hasPrefix("step-"), name.dropFirst(5).allSatisfy(\.isNumber) else { return nil }
    return Int(name.dropFirst(5))
  }

  /// `step-0000012`
  public static func stepName(_ step: Int) -> String {
    let digits = String(step)
    return "step-" + String(repeating: "0", count: max(0, 7 - digits.count)) + digits
  }

  func checkpointPath(step: Int) -> String { "\(path)/checkpoints/\(Self.stepName(step))" }

  func hasCheckpoint(step: Int) -> Bool {
    FileManager.default.fileExists(atPath: checkpointPath(step: step))
  }

  /// Points `latest` and `best` at their checkpoints, and removes those that are not kept. Done once
  /// more when a run goes on: the process before may have come no further than its checkpoint.
  func finishCheckpoint(keeping retention: CheckpointRetention) throws {
    let all = Self.checkpoints(in: path)
    guard let newest = all.last else { return }
    try point("latest", to: newest)
    if let best = retention.best, hasCheckpoint(step: best) {
      try point("best", to: checkpointPath(step: best))
    } else {
      unlink("\(path)/best")
    }
    let steps = all.compactMap(Self.step)
    for step in retention.removed(of: steps) { remove(checkpointPath(step: step)) }
  }

  /// A file with the name of a checkpoint: a link that every file system and every copy keeps.
  private func point(_ name: String, to checkpoint: String) throws {
    let target = "checkpoints/\((checkpoint as NSString).lastPathComponent)\n"
    guard (try? String(contentsOfFile: "\(path)/\(name)", encoding: .utf8)) != target else {
      return
    }
    do { try AtomicFile.write(Data(target.utf8), to: "\(path)/\(name)") } catch {
      throw TrainingError.resource(
        "\(path)/\(name): not written (\(error)); free space and run the same command again, the "
          + "checkpoint itself is saved")
    }
  }

  /// Takes the name away first: half of a checkpoint must not look like one.
  private func remove(_ checkpoint: String) {
    let doomed = "\(checkpoint)\(Self.removedMark)\(getpid())"
    guard rename(checkpoint, doomed) == 0 else { return }
    try? FileManager.default.removeItem(atPath: doomed)
  }

  /// The newest checkpoint whose files all are what they were when it was saved, and what is wrong
  /// with those after it. Nothing is touched.
  /// - Parameter isStrict: do not go back to an older one.
  /// - Returns: nil when the run has no checkpoint at all.
  /// - Throws: `TrainingError.checkpoint` when none is intact, or the newest is not and `isStrict`;
  ///   `TrainingError.resource` for one that cannot be read.
  public static func newestIntactCheckpoint(in path: String, isStrict: Bool) throws -> (
    checkpoint: Checkpoint, damaged: [(path: String, problem: String)]
  )? {
    var damaged: [(path: String, problem: String)] = []
    for place in checkpoints(in: path).reversed() {
      let checkpoint = Checkpoint(folder: place)
      do {
        try checkpoint.verify()
        return (checkpoint, damaged)
      } catch let error as TrainingError {
        guard case .checkpoint = error, !isStrict else { throw error }
        damaged.append((place, error.description))
      }
    }
    guard !damaged.isEmpty else { return nil }
    throw TrainingError.checkpoint(
      path: path,
      problem: "expected an intact checkpoint, found \(damaged.count) damaged "
        + "(\(damaged.map(\.problem).joined(separator: "; "))); use another --name, or put a good copy "
        + "back")
  }

  /// The same; damaged ones are renamed to `damaged-step-NNNNNNN`, so that the run can save these
  /// steps again and nothing of theirs is lost.
  /// - Parameter announce: told of every checkpoint that is passed over.
  public func newestIntactCheckpoint(
    isStrict: Bool, announce: (String) -> Void
  ) throws -> Checkpoint? {
    guard
      let (checkpoint, damaged) = try Self.newestIntactCheckpoint(in: path, isStrict: isStrict)
    else { return nil }
    for (path, problem) in damaged {
      let place = try setAside(path)
      announce("WARNING: a damaged checkpoint is passed over: \(problem); it lies in \(place) now")
    }
    if !damaged.isEmpty { announce("WARNING: going back to \(checkpoint.path)") }
    return checkpoint
  }

  private func setAside(_ checkpoint: String) throws -> String {
    let name = (checkpoint as NSString).lastPathComponent
    let place = "\(path)/checkpoints/damaged-\(name)"
    try? FileManager.default.removeItem(atPath: place)
    guard rename(checkpoint, place) == 0 else {
      throw TrainingError.resource(
        "\(checkpoint): damaged, and cannot be renamed to \(place) "
          + "(\(String(cString: strerror(errno)))); move it away")
    }
    return place
  }
}
