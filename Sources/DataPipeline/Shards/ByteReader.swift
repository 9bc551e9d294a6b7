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

  /// Fills `room` with the bytes from `offset` on.
  /// - Returns: false when the file has fewer.
  func read(at offset: Int, into room: UnsafeMutableRawBufferPointer) -> Bool {
    var done = 0
    while done < room.count {
      let got = pread(descriptor, room.baseAddress! + done, room.count - done, offset + done)
      if got < 0 && errno == EINTR { continue }
      guard got > 0 else { return false }
      done += got
    }
    return true
  }

  /// Whether the file has `count` bytes from `offset` on. Sizes come from files: no room is made
  /// before that is known.
  func has(_ count: Int, at offset: Int) -> Bool {
    var status = stat()
    return count >= 0 && offset >= 0 && fstat(descriptor, &status) == 0
      && offset <= Int(status.st_size) && count <= Int(status.st_size) - offset
  }
}
