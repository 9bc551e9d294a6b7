import Foundation

/// A folder that one process at a time writes shards into. The system gives the lock back when the
/// value goes, or the process ends, however that happens.
final class FolderLock: Sendable {
  private let descriptor: Int32

  /// Makes the folder if need be, and locks it.
  /// - Throws: `DataError` of kind `.resource` when the folder cannot be used, or another process
  ///   writes into it: its number is named where the system tells.
  init(_ folder: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw DataError(
        "\(folder): cannot use the folder: \(error.localizedDescription); check the path and its "
          + "permissions", kind: .resource)
    }
    descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw DataError(
        "\(folder): cannot use the folder (\(String(cString: strerror(errno)))); check the path and "
          + "its permissions", kind: .resource)
    }
    guard access(folder, W_OK | X_OK) == 0 else {
      throw DataError(
        "\(folder): cannot be written to (\(String(cString: strerror(errno)))); check its "
          + "permissions", kind: .resource)
    }
    // File systems without locks have nothing to say here.
    guard flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK else { return }
    let owner = lockOwner(descriptor).map { "process \($0)" } ?? "another process"
    throw DataError(
      file: folder, expected: "a folder that nobody else writes into", found: owner,
      advice: "wait for it, or stop it", kind: .resource)
  }

  deinit {
    // Closing alone would leave it to a child process that is just being started, with a copy of the
    // descriptor until it runs its own program.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }
}

/// The process that has a file locked, by what the kernel lists.
private func lockOwner(_ descriptor: Int32) -> Int32? {
  var status = stat()
  guard fstat(descriptor, &status) == 0,
    let locks = try? String(contentsOfFile: "/proc/locks", encoding: .utf8)
  else { return nil }
  // 1: FLOCK  ADVISORY  WRITE 1234 fe:01:567 0 EOF
  for line in locks.split(separator: "\n") {
    let words = line.split(separator: " ")
    guard words.count > 5, words[1] == "FLOCK",
      words[5].split(separator: ":").last.flatMap({ UInt64($0) }) == UInt64(status.st_ino)
    else { continue }
    return Int32(words[4]).flatMap { $0 > 0 ? $0 : nil }
  }
  return nil
}
