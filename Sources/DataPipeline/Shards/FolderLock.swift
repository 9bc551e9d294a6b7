import Foundation

/// Runs `body` while no other process writes into a folder for the same purpose. The lock goes with
/// the process, however that ends.
/// - Parameter purpose: part of the lock's file name, `.<purpose>.lock`.
/// - Throws: `DataError` of kind `.resource` when the folder cannot be made, or another process has
///   it: its number is named.
func withFolderLock<R>(_ folder: String, purpose: String, _ body: () throws -> R) throws -> R {
  let path = "\(folder)/.\(purpose).lock"
  do {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  } catch {
    throw DataError(
      "\(folder): cannot use the folder: \(error.localizedDescription); check the path and its "
        + "permissions", kind: .resource)
  }
  let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
  guard descriptor >= 0 else {
    throw DataError(
      "\(path): cannot be made (\(String(cString: strerror(errno)))); check the folder's permissions",
      kind: .resource)
  }
  defer { close(descriptor) }
  guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
    let owner = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    throw DataError(
      file: folder, expected: "a folder that no other \(purpose) writes into",
      found: "process \(owner.isEmpty ? "unknown" : owner)", advice: "wait for it, or stop it",
      kind: .resource)
  }
  let own = Array("\(getpid())".utf8)
  ftruncate(descriptor, 0)
  _ = write(descriptor, own, own.count)
  return try body()
}
