import CZlib

/// CRC-32 as zip files use it.
package func checksum(_ bytes: some Collection<UInt8>) -> UInt32 {
  var crc = crc32(0, nil, 0)
  _ = bytes.withContiguousStorageIfAvailable { buffer in
    var start = 0
    while start < buffer.count {
      let count = min(1 << 30, buffer.count - start)
      crc = crc32(crc, buffer.baseAddress! + start, UInt32(count))
      start += count
    }
  }
  return UInt32(crc)
}
