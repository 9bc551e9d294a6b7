/// CRC-32C, the Castagnoli polynomial (RFC 3720, appendix B.4), with which TensorFlow's record files
/// are checked.
enum CRC32C {
  /// What a byte does to the remainder; 0x82F63B78 is the polynomial with its bits reversed.
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { rest, _ in
      rest & 1 == 1 ? rest >> 1 ^ 0x82F6_3B78 : rest >> 1
    }
  }

  static func checksum(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(UInt32.max) { rest, byte in
      table[Int(UInt8(truncatingIfNeeded: rest) ^ byte)] ^ rest >> 8
    }
  }

  /// The checksum as a record file stores it: rotated and shifted, since the checksum of bytes that
  /// end in their own checksum says nothing (tensorflow/core/lib/hash/crc32c.h).
  static func masked(_ bytes: [UInt8]) -> UInt32 {
    let checksum = checksum(bytes)
    return (checksum >> 15 | checksum << 17) &+ 0xA282_EAD8
  }
}
