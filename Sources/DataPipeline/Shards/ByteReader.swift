import Foundation

/// A file open for reading bytes at given places; several threads may read at once.
final class ByteReader: Sendable {
  let path: String
  private let descriptor: Int32

  /// - Throws: `DataError` for a file that cannot be opened.
  init(path: String) throws {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw DataError(
        "\(path): cannot be read (\(String(cString: strerror(errno)))); check the path and its "
          + "permissions")
    }
  }

  deinit { close(descriptor) }

  /// `count` bytes from `offset` on; nil when the file has fewer.
  func read(_ count: Int, at offset: Int) -> [UInt8]? {
    // Sizes come from files: none is believed before the bytes are seen to be there.
    var status = stat()
    guard count >= 0, offset >= 0, fstat(descriptor, &status) == 0,
      offset <= Int(status.st_size), count <= Int(status.st_size) - offset
    else { return nil }
    var isComplete = true
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { room, initialized in
      while initialized < count {
        let got = pread(
          descriptor, room.baseAddress! + initialized, count - initialized, offset + initialized)
        if got < 0 && errno == EINTR { continue }
        guard got > 0 else {
          isComplete = false
          return
        }
        initialized += got
      }
    }
    return isComplete ? bytes : nil
  }
}
