import CZlib
import Foundation

/// Writes RGB pictures as PNG (ISO/IEC 15948): 8 bits per channel, no interlacing, every row
/// filtered with "up".
enum PNG {
  /// - Parameter pixels: [height, width, 3], RGB.
  static func encode(pixels: [UInt8], width: Int, height: Int) -> Data {
    precondition(
      width > 0 && height > 0 && pixels.count == width * height * 3,
      "PNG.encode: \(pixels.count) bytes for [\(height), \(width), 3]")
    let header =
      bigEndian(UInt32(width)) + bigEndian(UInt32(height))
      + [
        8,  // bits per channel
        2,  // RGB
        0, 0, 0,  // deflate, the five standard filters, not interlaced
      ]
    var file = Data([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
    file += chunk("IHDR", header)
    file += chunk("IDAT", deflate(filteredUp(pixels, width: width, height: height)))
    file += chunk("IEND", [])
    return file
  }

  /// What the header of a PNG file says; nil for what is no PNG.
  static func size(of file: Data) -> (width: Int, height: Int)? {
    let start = [UInt8](file.prefix(24))  // signature, length, "IHDR", width, height
    guard start.count == 24, start[12..<16].elementsEqual("IHDR".utf8) else { return nil }
    func number(_ at: Int) -> Int { start[at..<at + 4].reduce(0) { $0 << 8 | Int($1) } }
    return (number(16), number(20))
  }

  /// Each row as its filter number and its difference from the row above, modulo 256: flat areas
  /// become zeros.
  private static func filteredUp(_ pixels: [UInt8], width: Int, height: Int) -> [UInt8] {
    let row = 3 * width
    var filtered = [UInt8]()
    filtered.reserveCapacity(height * (row + 1))
    for y in 0..<height {
      filtered.append(2)  // "up"; the row above the first one counts as zero
      for i in y * row..<(y + 1) * row {
        filtered.append(y == 0 ? pixels[i] : pixels[i] &- pixels[i - row])
      }
    }
    return filtered
  }

  /// A zlib stream, as IDAT wants it.
  private static func deflate(_ bytes: [UInt8]) -> [UInt8] {
    var size = compressBound(uLong(bytes.count))
    var compressed = [UInt8](repeating: 0, count: Int(size))
    let status = compress2(&compressed, &size, bytes, uLong(bytes.count), 6)
    // The buffer has the size that zlib asks for, so only a want of memory can fail here.
    precondition(status == Z_OK, "PNG.encode: zlib reports \(status)")
    return Array(compressed.prefix(Int(size)))
  }

  /// Length, type, body, and the CRC-32 of type and body.
  private static func chunk(_ type: String, _ body: [UInt8]) -> [UInt8] {
    let content = Array(type.utf8) + body
    let checksum = crc32(0, content, uInt(content.count))
    return bigEndian(UInt32(body.count)) + content + bigEndian(UInt32(truncatingIfNeeded: checksum))
  }

  private static func bigEndian(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32($0))) }
  }
}
