import CZlib

/// The bytes of a chunk as HDF5's filters shuffle, deflate and Fletcher-32 leave them on the disk
/// (HDF5 file format specification 3.0, IV.A.2.l).
///
/// Rows are packed and unpacked here and not by the library, whose one lock would let a single
/// thread do so at a time. Any HDF5 library reads the same bytes.
enum ChunkCodec {
  /// zlib's level. On tracks, 6 takes half as long again and saves one byte in sixty.
  private static let level: Int32 = 4
  private static let checksumSize = 4

  /// Packs a row.
  /// - Parameter elementSize: bytes per element; a divisor of the number of bytes.
  static func encode(_ row: UnsafeRawBufferPointer, elementSize: Int) -> [UInt8] {
    let planes = shuffled(row, elementSize: elementSize)
    // Four-byte elements are floats and identifiers: the two low bytes are mostly noise, in which a
    // search for repetitions finds little and takes most of the time.
    let noise = elementSize == 4 ? planes.count / 2 : 0
    var chunk = deflated(planes, level: level, noise: noise)
    let sum = fletcher32(chunk)
    chunk += (0..<checksumSize).map { UInt8(truncatingIfNeeded: sum >> (8 * UInt32($0))) }
    return chunk
  }

  /// Unpacks a row.
  /// - Parameter isDeflated: false for a chunk that deflate could not shorten, which HDF5 stores as
  ///   it is.
  /// - Returns: what is wrong with the chunk; nil when `row` now holds it.
  static func decode(
    _ chunk: [UInt8], elementSize: Int, isDeflated: Bool, into row: UnsafeMutableRawBufferPointer
  ) -> String? {
    guard let sum = checksum(of: chunk) else { return "a chunk of \(chunk.count) bytes" }
    let packed = chunk.dropLast(checksumSize)
    guard fletcher32(packed) == sum else { return "bytes that do not match their checksum" }
    let planes = isDeflated ? inflated(packed, size: row.count, format: .zlib) : Array(packed)
    guard let planes, planes.count == row.count else { return "bytes that do not unpack" }
    unshuffle(planes, elementSize: elementSize, into: row)
    return nil
  }

  /// The Fletcher-32 sum that a chunk ends with; nil for a chunk too short to have one.
  static func checksum(of chunk: some BidirectionalCollection<UInt8>) -> UInt32? {
    guard chunk.count >= checksumSize else { return nil }
    return chunk.suffix(checksumSize).reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }
}

/// Byte b of every element, for b = 0, 1, ...
private func shuffled(_ row: UnsafeRawBufferPointer, elementSize: Int) -> [UInt8] {
  guard elementSize > 1 else { return [UInt8](row) }
  let count = row.count / elementSize
  return [UInt8](unsafeUninitializedCapacity: row.count) { planes, initialized in
    switch elementSize {
    case 4:
      let words = row.bindMemory(to: UInt32.self)
      for plane in 0..<4 {
        let shift = UInt32(8 * plane)
        for index in 0..<count {
          planes[plane * count + index] = UInt8(truncatingIfNeeded: words[index] >> shift)
        }
      }
    default:
      for plane in 0..<elementSize {
        for index in 0..<count { planes[plane * count + index] = row[index * elementSize + plane] }
      }
    }
    initialized = row.count
  }
}

private func unshuffle(
  _ planes: [UInt8], elementSize: Int, into row: UnsafeMutableRawBufferPointer
) {
  let count = row.count / elementSize
  planes.withUnsafeBufferPointer { planes in
    switch elementSize {
    case 1: row.copyBytes(from: planes)
    case 4:
      let words = row.bindMemory(to: UInt32.self)
      for index in 0..<count {
        let low = UInt32(planes[index]) | UInt32(planes[count + index]) << 8
        let high = UInt32(planes[2 * count + index]) | UInt32(planes[3 * count + index]) << 8
        words[index] = low | high << 16
      }
    default:
      for plane in 0..<elementSize {
        for index in 0..<count { row[index * elementSize + plane] = planes[plane * count + index] }
      }
    }
  }
}

/// HDF5's Fletcher-32: two running sums modulo 65535 over big-endian pairs of bytes.
func fletcher32(_ bytes: some Collection<UInt8>) -> UInt32 {
  bytes.withContiguousStorageIfAvailable { bytes in
    var (first, second): (UInt64, UInt64) = (0, 0)
    let pairs = bytes.count / 2
    // 2^20 pairs keep the second sum below 2^57.
    for start in stride(from: 0, to: pairs, by: 1 << 20) {
      for pair in start..<min(pairs, start + 1 << 20) {
        first &+= UInt64(bytes[2 * pair]) << 8 | UInt64(bytes[2 * pair + 1])
        second &+= first
      }
      (first, second) = (folded(first), folded(second))
    }
    if bytes.count % 2 == 1 {
      first += UInt64(bytes[bytes.count - 1]) << 8
      second += first
    }
    return UInt32(folded(second)) << 16 | UInt32(folded(first))
  } ?? fletcher32(Array(bytes))
}

/// The sum modulo 65535 as end-around carries leave it: 65535 and not 0, unless all was zero.
private func folded(_ sum: UInt64) -> UInt64 { sum == 0 ? 0 : (sum - 1) % 65535 + 1 }
