import Foundation

/// A file could not be written.
public struct PictureError: Error, CustomStringConvertible {
  public let path: String
  public let reason: String
  public var description: String { "\(path): cannot write the picture: \(reason)" }
}

/// Writes `data` beside `path`, waits until it is on disk, and renames it into place: a reader sees the old file or
/// the whole new one.
func writeDurably(_ data: Data, to path: String) throws {
  let partial = "\(path).\(getpid()).partial"
  let file = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
  guard file >= 0 else { throw lastError(path) }
  do {
    defer { close(file) }
    try data.withUnsafeBytes { bytes in
      var written = 0
      while written < bytes.count {
        let count = write(file, bytes.baseAddress! + written, bytes.count - written)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { throw lastError(path) }
        written += count
      }
    }
    guard fsync(file) == 0 else { throw lastError(path) }
    guard rename(partial, path) == 0 else { throw lastError(path) }
  } catch {
    unlink(partial)
    throw error
  }
}

private func lastError(_ path: String) -> PictureError {
  PictureError(path: path, reason: String(cString: strerror(errno)))
}
