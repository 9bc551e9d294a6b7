import CZlib

/// Raw deflate (RFC 1951) of a member whose size is known beforehand.
/// - Returns: exactly `size` bytes; nil when the stream is damaged, ends early or holds more.
func inflated(_ bytes: ArraySlice<UInt8>, size: Int) -> [UInt8]? {
  var stream = z_stream()
  guard trajloom_inflateInit2(&stream, -15) == Z_OK else { return nil }
  defer { inflateEnd(&stream) }
  var complete = false
  // The room is never more than the caller has allowed, and pages that nothing is written to cost
  // nothing.
  let output = [UInt8](unsafeUninitializedCapacity: size + 1) { room, initialized in
    bytes.withUnsafeBufferPointer { input in
      var taken = 0
      var status = Z_OK
      // zlib counts in 32 bits.
      let step = 1 << 30
      while status == Z_OK {
        let (inputSize, outputSize) = (
          min(step, input.count - taken), min(step, size + 1 - initialized)
        )
        guard outputSize > 0 else { break }
        stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress.map { $0 + taken })
        stream.avail_in = UInt32(inputSize)
        stream.next_out = room.baseAddress! + initialized
        stream.avail_out = UInt32(outputSize)
        status = inflate(&stream, Z_NO_FLUSH)
        let (read, written) = (inputSize - Int(stream.avail_in), outputSize - Int(stream.avail_out))
        taken += read
        initialized += written
        if read == 0 && written == 0 { break }
      }
      complete = status == Z_STREAM_END && taken == input.count && initialized == size
    }
  }
  return complete ? output : nil
}

/// CRC-32 as zip files use it.
func checksum(_ bytes: some Collection<UInt8>) -> UInt32 {
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
