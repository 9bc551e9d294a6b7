import Autograd
import Foundation

/// That one process trains in a folder: a file that it holds locked, with its pid and host.
final class RunLock {
  /// What the file says of a process that held it and ended without giving it back.
  let deadOwner: String?
  private let descriptor: Int32

  /// Makes the folder if need be and takes its lock.
  /// - Throws: `TrainingError.resource` naming the process that holds it.
  init(in folder: String) throws {
    descriptor = try Self.take(folder)
    deadOwner = Self.owner(folder)
    ftruncate(descriptor, 0)
    let own = "pid \(getpid()) on \(ProcessInfo.processInfo.hostName)\n"
    _ = own.withCString { write(descriptor, $0, strlen($0)) }
  }

  deinit {
    ftruncate(descriptor, 0)
    // Closing alone would leave it to a child process that is just being started, with a copy of the
    // descriptor until it runs its own program.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }

  /// - Returns: the descriptor of the file, which is locked.
  private static func take(_ folder: String) throws -> Int32 {
    let file = "\(folder)/\(RunDirectory.lockName)"
    func failure(_ what: String, _ advice: String) -> TrainingError {
      .resource("\(file): cannot be \(what) (\(String(cString: strerror(errno)))); \(advice)")
    }
    while true {
      try make(folder)
      let lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
      guard lock >= 0 else {
        throw failure("opened", "check the folder's permissions and the disk's space")
      }
      // The system drops the lock with the process, so that of a dead owner is free.
      guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
        defer { close(lock) }
        guard errno == EWOULDBLOCK else {
          throw failure("locked", "put run.dir on a file system with locks")
        }
        throw TrainingError.resource(
          "\(folder): this run is being trained by another process "
            + "(\(owner(folder) ?? "unknown")); wait for it, or use another --name")
      }
      // Its last holder may have removed the file after this process had opened it.
      var (held, named) = (stat(), stat())
      if fstat(lock, &held) == 0, stat(file, &named) == 0, held.st_ino == named.st_ino {
        return lock
      }
      close(lock)
    }
  }

  private static func make(_ folder: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw TrainingError.resource(
        "\(folder): the run folder cannot be made (\(error.localizedDescription)); check run.dir")
    }
    do { try AtomicFile.syncFolder((folder as NSString).deletingLastPathComponent) } catch {
      throw TrainingError.resource("\(folder): not made durable (\(error)); check run.dir")
    }
  }

  /// What the file says of who holds it; nil when it says nothing.
  private static func owner(_ folder: String) -> String? {
    let text = try? String(contentsOfFile: "\(folder)/\(RunDirectory.lockName)", encoding: .utf8)
    let owner = text?.trimmingCharacters(in: .whitespacesAndNewlines)
    return owner?.isEmpty == true ? nil : owner
  }
}
