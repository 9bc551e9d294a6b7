import CZlib
import Foundation

/// CRC-32 as zip files use it.
package func checksum(_ bytes: some ContiguousBytes) -> UInt32 {
  bytes.withUnsafeBytes { raw in
    let buffer = raw.bindMemory(to: UInt8.self)
    var (crc, start) = (crc32(0, nil, 0), 0)
    while start < buffer.count {
      // zlib counts in 32 bits.
      let count = min(1 << 30, buffer.count - start)
      crc = crc32(crc, buffer.baseAddress! + start, UInt32(count))
      start += count
    }
    return UInt32(crc)
  }
}
