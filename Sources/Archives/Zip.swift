import Foundation

/// The members of a zip archive, stored or deflated, with zip64: as much as `.npz` files and
/// PyTorch's checkpoints need (PKWARE APPNOTE 6.3).
package struct Zip {
  private struct Member {
    let method: Int
    let crc: UInt32
    let compressedSize: Int
    let size: Int
    /// Of the local header.
    let offset: Int
  }

  package let path: String
  private let bytes: Data
  private let members: [String: Member]
  /// In the order of the archive.
  package let names: [String]

  /// The largest member that `contents` unpacks, bytes.
  package static let largestMember = 1 << 30

  /// Whether a file that starts with these bytes is meant to be a zip archive.
  package static func isArchive(_ bytes: Data) -> Bool {
    let signature = little(bytes, 0, 4)
    return signature == 0x0403_4B50 || signature == 0x0605_4B50
  }

  /// - Parameter bytes: those of the whole file; they may be mapped.
  /// - Throws: `ArchiveError` for a file that is no zip archive, is cut short, or repeats a name.
  package init(bytes: Data, path: String) throws {
    let bytes = bytes.startIndex == 0 ? bytes : Data(bytes)
    func fault(_ found: String) -> ArchiveError {
      ArchiveError(path: path, expected: "a zip archive", found: found)
    }
    guard Zip.isArchive(bytes) else { throw fault("another kind of file") }
    // The end record: 22 bytes and a comment of at most 65535.
    let earliest = max(0, bytes.count - 22 - 65535)
    guard
      let end = stride(from: bytes.count - 22, through: earliest, by: -1).first(where: {
        little(bytes, $0, 4) == 0x0605_4B50
      }), var count = little(bytes, end + 10, 2), var position = little(bytes, end + 16, 4)
    else { throw fault("no end of the archive") }
    if count == 0xFFFF || position == 0xFFFF_FFFF {
      guard end >= 20, little(bytes, end - 20, 4) == 0x0706_4B50,
        let record = little(bytes, end - 12, 8), little(bytes, record, 4) == 0x0606_4B50,
        let wideCount = little(bytes, record + 32, 8), let wideStart = little(bytes, record + 48, 8)
      else { throw fault("a broken zip64 record") }
      (count, position) = (wideCount, wideStart)
    }
    var members: [String: Member] = [:]
    var names: [String] = []
    for _ in 0..<min(count, bytes.count / 46 + 1) {
      guard little(bytes, position, 4) == 0x0201_4B50, let flags = little(bytes, position + 8, 2),
        let method = little(bytes, position + 10, 2), let crc = little(bytes, position + 16, 4),
        let compressed = little(bytes, position + 20, 4),
        let size = little(bytes, position + 24, 4),
        let nameSize = little(bytes, position + 28, 2), let extra = little(bytes, position + 30, 2),
        let comment = little(bytes, position + 32, 2), let offset = little(bytes, position + 42, 4),
        position + 46 + nameSize + extra <= bytes.count
      else { throw fault("a broken list of members") }
      let start = position + 46
      let name = String(decoding: bytes[start..<start + nameSize], as: UTF8.self)
      guard flags & 1 == 0 else { throw fault("an encrypted member '\(name)'") }
      let fields = wideFields(
        bytes, start + nameSize..<start + nameSize + extra, [size, compressed, offset])
      guard let fields else { throw fault("a broken zip64 entry for '\(name)'") }
      let member = Member(
        method: method, crc: UInt32(truncatingIfNeeded: crc), compressedSize: fields[1],
        size: fields[0], offset: fields[2])
      guard members.updateValue(member, forKey: name) == nil else {
        throw fault("two members named '\(name)'")
      }
      names.append(name)
      position = start + nameSize + extra + comment
    }
    guard names.count == count else { throw fault("\(names.count) of \(count) members") }
    self.path = path
    self.bytes = bytes
    self.members = members
    self.names = names
  }

  /// The bytes that a member claims to have when it is unpacked.
  /// - Precondition: `name` is one of `names`; of the other functions as well.
  package func size(of name: String) -> Int { member(name).size }

  /// The contents of a member, checked against its CRC.
  /// - Throws: `ArchiveError` for a damaged member, one of another compression, or one of more than
  ///   `largestMember` bytes or more than deflate can pack into so few (a bomb).
  package func contents(of name: String) throws -> [UInt8] {
    let (member, packed) = (member(name), try packed(name))
    let contents =
      member.method == 0
      ? [UInt8](packed) : inflated(packed, size: member.size)
    guard let contents, contents.count == member.size, checksum(contents) == member.crc else {
      throw fault(name, "\(member.size) bytes with the recorded CRC-32", "damage")
    }
    return contents
  }

  /// The contents of a member that must be stored as it is, checked against its CRC.
  /// - Throws: as `contents`, and for a member that is packed.
  package func storedContents(of name: String) throws -> [UInt8] {
    guard member(name).method == 0 else { throw fault(name, "a stored member", "a packed one") }
    return try contents(of: name)
  }

  /// At most `count` bytes from the start of a member, unchecked.
  /// - Throws: as `contents`.
  package func start(of name: String, count: Int) throws -> [UInt8] {
    let packed = try packed(name)
    return member(name).method == 0
      ? [UInt8](packed.prefix(count)) : inflatedStart(packed, count: count)
  }

  private func member(_ name: String) -> Member {
    guard let member = members[name] else { preconditionFailure("no member '\(name)'") }
    return member
  }

  private func fault(_ name: String, _ expected: String, _ found: String) -> ArchiveError {
    ArchiveError(path: path, member: name, expected: expected, found: found)
  }

  /// The bytes of a member as they lie in the archive.
  private func packed(_ name: String) throws -> Data {
    let member = member(name)
    func fault(_ expected: String, _ found: String) -> ArchiveError {
      self.fault(name, expected, found)
    }
    guard little(bytes, member.offset, 4) == 0x0403_4B50,
      let nameSize = little(bytes, member.offset + 26, 2),
      let extra = little(bytes, member.offset + 28, 2)
    else { throw fault("a member header", "damage") }
    let start = member.offset + 30 + nameSize + extra
    guard start <= bytes.count, member.compressedSize <= bytes.count - start else {
      throw fault("\(member.compressedSize) bytes", "the end of the file")
    }
    guard member.size <= Zip.largestMember, member.size / 1100 <= member.compressedSize else {
      throw fault(
        "at most \(Zip.largestMember) bytes, packed at most 1100 to 1",
        "\(member.size) bytes from \(member.compressedSize)")
    }
    guard member.method == 0 || member.method == 8 else {
      throw fault("a stored or deflated member", "compression method \(member.method)")
    }
    return bytes[start..<start + member.compressedSize]
  }
}

/// A little-endian number of `size` bytes; nil outside of the bytes or beyond `Int`.
private func little(_ bytes: Data, _ start: Int, _ size: Int) -> Int? {
  guard start >= 0, start <= bytes.count - size else { return nil }
  let value = (0..<size).reduce(UInt64(0)) { $0 | UInt64(bytes[start + $1]) << (8 * UInt64($1)) }
  return Int(exactly: value).flatMap { $0 <= 1 << 48 ? $0 : nil }
}

/// The size, packed size and offset of a member, read from its zip64 field where the 32-bit ones
/// are saturated; nil when that field is missing.
private func wideFields(_ bytes: Data, _ extra: Range<Int>, _ narrow: [Int]) -> [Int]? {
  guard narrow.contains(0xFFFF_FFFF) else { return narrow }
  var position = extra.lowerBound
  while position + 4 <= extra.upperBound {
    guard let tag = little(bytes, position, 2), let size = little(bytes, position + 2, 2) else {
      return nil
    }
    if tag == 1 {
      var at = position + 4
      var fields = narrow
      for index in fields.indices where fields[index] == 0xFFFF_FFFF {
        guard at + 8 <= position + 4 + size, let value = little(bytes, at, 8) else { return nil }
        fields[index] = value
        at += 8
      }
      return fields
    }
    position += 4 + size
  }
  return nil
}

/// An archive that cannot be read: the file, the member, what was expected and found.
package struct ArchiveError: Error, CustomStringConvertible, Sendable {
  package let path: String
  package var member: String?
  package let expected: String
  package let found: String

  package var description: String {
    let place = member.map { "\(path): member '\($0)'" } ?? path
    return "\(place): expected \(expected), found \(found)"
  }
}
