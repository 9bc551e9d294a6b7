import Foundation

/// Zip archives of stored members, as `numpy.savez` writes them.
public enum StoredZip {
  /// - Precondition: names of fewer than 256 bytes and fewer than 256 members.
  public static func encode(_ members: [(name: String, bytes: [UInt8])]) -> Data {
    var (body, directory) = (Data(), Data())
    for (name, bytes) in members {
      let size = little(UInt32(bytes.count))
      var common: [UInt8] = [20, 0, 0, 0, 0, 0, 0, 0, 0, 0]
      common += little(crc(bytes)) + size + size + [UInt8(name.utf8.count), 0]
      directory += [0x50, 0x4B, 1, 2, 20, 0] as [UInt8]
      directory += common + [UInt8](repeating: 0, count: 12)
      directory += little(UInt32(body.count)) + Array(name.utf8)
      body += [0x50, 0x4B, 3, 4] as [UInt8]
      body += common + [0, 0] + Array(name.utf8)
      body += bytes
    }
    let count = [UInt8(members.count), 0]
    var end: [UInt8] = [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + count + count
    end += little(UInt32(directory.count)) + little(UInt32(body.count)) + [0, 0]
    return body + directory + end
  }

  private static func little(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
  }

  private static func crc(_ bytes: [UInt8]) -> UInt32 {
    var crc = UInt32.max
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0xEDB8_8320 : crc >> 1 }
    }
    return ~crc
  }
}
