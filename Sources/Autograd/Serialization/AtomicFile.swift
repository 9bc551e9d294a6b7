import Foundation

/// A failed file operation: what was tried on which path, and the system's reason.
package struct FileError: Error, CustomStringConvertible, Sendable {
  package let action: String
  package let path: String
  package let code: Int32

  package var description: String {
    "\(path): cannot \(action): \(String(cString: strerror(code)))"
  }
  /// No space, or over quota.
  package var isDiskFull: Bool { code == ENOSPC || code == EDQUOT }
}

/// Files that are either the old version or the whole new one, whenever the machine stops: written
/// beside their place, synced, renamed over it, and the folder synced.
package enum AtomicFile {
  package static func write(_ data: Data, to path: String) throws {
    try write(to: path) { try $0.write(data) }
  }

  /// Calls `body` with a file that takes the place of `path` when `body` returns, and that is gone
  /// if it throws.
  package static func write(to path: String, _ body: (OutputFile) throws -> Void) throws {
    let temporary = "\(path).partial-\(getpid())"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard descriptor >= 0 else { throw FileError(action: "create", path: temporary, code: errno) }
    var isOpen = true
    do {
      try body(OutputFile(descriptor: descriptor, path: path))
      guard fsync(descriptor) == 0 else { throw FileError(action: "sync", path: path, code: errno) }
      isOpen = false
      guard close(descriptor) == 0 else {
        throw FileError(action: "close", path: path, code: errno)
      }
      guard Foundation.rename(temporary, path) == 0 else {
        throw FileError(action: "rename into place", path: path, code: errno)
      }
    } catch {
      if isOpen { close(descriptor) }
      unlink(temporary)
      throw error
    }
    try syncFolder((path as NSString).deletingLastPathComponent)
  }

  /// Gives a finished file or folder its name, where nothing is, and makes the name durable.
  package static func rename(_ path: String, to place: String) throws {
    guard Foundation.rename(path, place) == 0 else {
      throw FileError(action: "rename into place", path: place, code: errno)
    }
    try syncFolder((place as NSString).deletingLastPathComponent)
  }

  /// Makes the names in a folder durable.
  package static func syncFolder(_ path: String) throws {
    let path = path.isEmpty ? "." : path
    let descriptor = open(path, O_RDONLY | O_DIRECTORY)
    guard descriptor >= 0 else { throw FileError(action: "open folder", path: path, code: errno) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else {
      throw FileError(action: "sync folder", path: path, code: errno)
    }
  }
}

/// The open end of an `AtomicFile.write`.
package struct OutputFile {
  fileprivate let descriptor: Int32
  fileprivate let path: String

  package func write(_ data: Data) throws {
    try data.withUnsafeBytes { try write($0) }
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while !rest.isEmpty {
      let written = Foundation.write(descriptor, rest.baseAddress!, rest.count)
      if written < 0 && errno == EINTR { continue }
      guard written >= 0 else { throw FileError(action: "write", path: path, code: errno) }
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
  }
}
