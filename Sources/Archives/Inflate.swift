import CZlib
import Foundation

/// Says to zlib that nothing stands around a deflate stream.
private let rawWindow = -MAX_WBITS

/// Unpacks a deflate stream (RFC 1951) whose size is known beforehand.
/// - Returns: exactly `size` bytes; nil when the stream is damaged, ends early or holds more.
func inflated(_ bytes: Data, size: Int) -> [UInt8]? {
  var stream = z_stream()
  guard trajloom_inflateInit2(&stream, rawWindow) == Z_OK else { return nil }
  defer { inflateEnd(&stream) }
  var complete = false
  // The room is never more than the caller has allowed, and pages that nothing is written to cost
  // nothing.
  let output = [UInt8](unsafeUninitializedCapacity: size + 1) { room, initialized in
    bytes.withUnsafeBytes { raw in
      let input = raw.bindMemory(to: UInt8.self)
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

/// At most `count` bytes from the start of a stream; fewer where it is short or damaged.
func inflatedStart(_ bytes: Data, count: Int) -> [UInt8] {
  var stream = z_stream()
  guard trajloom_inflateInit2(&stream, rawWindow) == Z_OK else { return [] }
  defer { inflateEnd(&stream) }
  return [UInt8](unsafeUninitializedCapacity: count) { room, initialized in
    bytes.prefix(1 << 20).withUnsafeBytes { raw in
      let input = raw.bindMemory(to: UInt8.self)
      stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
      stream.avail_in = UInt32(input.count)
      stream.next_out = room.baseAddress
      stream.avail_out = UInt32(count)
      _ = inflate(&stream, Z_SYNC_FLUSH)
      initialized = count - Int(stream.avail_out)
    }
  }
}
