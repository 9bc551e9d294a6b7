import Foundation

/// Writes a zip archive of stored members (PKWARE APPNOTE 6.3), as `numpy.savez` and `torch.save`
/// do, piece by piece to wherever `write` puts it.
package struct ZipWriter {
  private let write: (Data) throws -> Void
  private var directory = Data()
  private var position = 0
  private var count = 0

  package init(_ write: @escaping (Data) throws -> Void) { self.write = write }

  /// The most members, and bytes with some hundred per member for their names, of an archive without
  /// zip64 records.
  package static let limits = (members: 0xFFFE, bytes: (1 << 32) - 1)

  /// Appends a member.
  /// - Precondition: the archive stays within `limits`.
  package mutating func add(_ name: String, _ bytes: Data) throws {
    precondition(
      position + bytes.count <= ZipWriter.limits.bytes && count < ZipWriter.limits.members
        && name.utf8.count < 1 << 16,
      "ZipWriter: \(position + bytes.count) bytes in \(count + 1) members")
    // Version 2.0, no flags, stored, no time.
    var common: [UInt8] = [20, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    common += little(checksum(bytes)) + little(UInt32(bytes.count)) + little(UInt32(bytes.count))
    common += little(UInt16(name.utf8.count))
    directory += [0x50, 0x4B, 1, 2, 20, 0] as [UInt8]
    directory += common + [UInt8](repeating: 0, count: 12)
    directory += little(UInt32(position)) + Array(name.utf8)
    let header = Data([0x50, 0x4B, 3, 4] as [UInt8] + common + [0, 0] + Array(name.utf8))
    try write(header)
    try write(bytes)
    position += header.count + bytes.count
    count += 1
  }

  /// Ends the archive with its list of members.
  package func finish() throws {
    let members = little(UInt16(count))
    var end: [UInt8] = [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + members + members
    end += little(UInt32(directory.count)) + little(UInt32(position)) + [0, 0]
    try write(directory + end)
  }

  /// A whole archive in memory.
  package static func archive(_ members: [(name: String, bytes: Data)]) -> Data {
    final class Room { var data = Data() }
    let room = Room()
    var writer = ZipWriter { room.data += $0 }
    do {
      for (name, bytes) in members { try writer.add(name, bytes) }
      try writer.finish()
    } catch { preconditionFailure("memory does not fail: \(error)") }
    return room.data
  }
}

private func little<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}
