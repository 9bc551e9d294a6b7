import Autograd
import Foundation

/// The folder of one run: `config.json`, `run.json`, logs, `checkpoints/step-NNNNNNN/`, `latest`,
/// `best`, and the lock of the process that trains in it.
public final class RunDirectory {
  public let path: String
  /// What the lock says of a process that held it and ended without giving it back.
  public var deadOwner: String? { lock.deadOwner }
  private let lock: RunLock

  static let lockName = "lock"
  /// Between the name of a file or folder and the process that has not finished it.
  static let partialMark = ".partial-"
  private static let removedMark = ".removed-"

  /// Takes the folder for this process, making it if need be, and clears away what processes that
  /// were killed have left half done. A folder in which nothing was saved goes with this object.
  /// - Throws: `TrainingError.resource` naming the process that holds it.
  public init(_ path: String) throws {
    self.path = path
    lock = try RunLock(in: path)
    do {
      try FileManager.default.createDirectory(
        atPath: "\(path)/checkpoints", withIntermediateDirectories: true)
    } catch {
      throw TrainingError.resource(
        "\(path)/checkpoints: cannot be made (\(error.localizedDescription)); check run.dir")
    }
    clearLeftovers()
  }

  deinit { removeIfUnused() }

  /// A start that found its data faulty leaves no folder behind.
  private func removeIfUnused() {
    let names = try? FileManager.default.contentsOfDirectory(atPath: path)
    guard let names, Set(names).isSubset(of: [Self.lockName, "checkpoints"]),
      rmdir("\(path)/checkpoints") == 0
    else { return }
    unlink("\(path)/\(Self.lockName)")
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
