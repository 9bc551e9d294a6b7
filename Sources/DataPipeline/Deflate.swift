import CZlib

/// Says to zlib that nothing stands around a deflate stream.
private let rawWindow = -MAX_WBITS

/// Unpacks a zlib stream of fewer than 4 GiB into a buffer of exactly its size. Its Adler-32 sum is
/// not looked at: whoever calls this has a sum of their own.
/// - Returns: false when the stream is damaged or of another size.
func inflateWhole(
  _ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
) -> Bool {
  // Deflate with a window of at most 32 KiB, no dictionary, and a checked header.
  guard bytes.count >= 6, bytes[0] & 0x0F == 8, bytes[0] >> 4 <= 7, bytes[1] & 0x20 == 0,
    (Int(bytes[0]) << 8 | Int(bytes[1])) % 31 == 0, bytes.count < 1 << 32, output.count < 1 << 32
  else { return false }
  var stream = z_stream()
  guard trajloom_inflateInit2(&stream, rawWindow) == Z_OK else { return false }
  defer { inflateEnd(&stream) }
  let input = bytes.bindMemory(to: UInt8.self)
  stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress! + 2)
  stream.avail_in = UInt32(bytes.count - 6)
  stream.next_out = output.bindMemory(to: UInt8.self).baseAddress
  stream.avail_out = UInt32(output.count)
  return inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_in == 0
    && stream.avail_out == 0
}

/// Packs bytes into a zlib stream (RFC 1950).
/// - Parameters:
///   - level: of zlib, 1 to 9.
///   - noise: how many leading bytes to search for runs alone.
/// - Precondition: fewer than 2^31 bytes.
/// - Throws: `DataError` of kind `.resource` when there is no memory.
func deflated(_ bytes: UnsafeRawBufferPointer, level: Int32, noise: Int) throws -> [UInt8] {
  precondition(bytes.count < 1 << 31 && noise <= bytes.count, "deflated: \(bytes.count) bytes")
  var stream = z_stream()
  let strategy = noise > 0 ? Z_RLE : Z_DEFAULT_STRATEGY
  let status = trajloom_deflateInit2(&stream, level, strategy)
  guard status == Z_OK else {
    throw DataError("zlib: no memory to pack \(bytes.count) bytes; free some", kind: .resource)
  }
  defer { deflateEnd(&stream) }
  // The bound is for one strategy throughout; a change ends a block, which takes a few bytes.
  let room = Int(deflateBound(&stream, uLong(bytes.count))) + 64
  return ByteScratch.with(room) { room in
    let (input, output) = (bytes.bindMemory(to: UInt8.self), room.bindMemory(to: UInt8.self))
    stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
    stream.next_out = output.baseAddress
    stream.avail_out = UInt32(room.count)
    if noise > 0 {
      stream.avail_in = UInt32(noise)
      deflate(&stream, Z_NO_FLUSH)
      deflateParams(&stream, level, Z_DEFAULT_STRATEGY)
    }
    stream.avail_in += UInt32(bytes.count - noise)
    let status = deflate(&stream, Z_FINISH)
    precondition(status == Z_STREAM_END, "deflated: zlib ended with \(status)")
    return Array(output[0..<room.count - Int(stream.avail_out)])
  }
}
