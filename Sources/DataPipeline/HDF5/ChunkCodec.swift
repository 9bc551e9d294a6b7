import CZlib

/// The bytes of a chunk as HDF5's filters shuffle, deflate and Fletcher-32 leave them on the disk
/// (HDF5 file format specification 3.0, IV.A.2.l).
///
/// Rows are packed and unpacked here and not by the library, whose one lock would let a single
/// thread do so at a time. Any HDF5 library reads the same bytes.
enum ChunkCodec {
  /// zlib's level. On tracks, 6 takes half as long again and saves one byte in sixty.
  static let level: Int32 = 4
  private static let checksumSize = 4

  /// Packs a row.
  /// - Parameter elementSize: bytes per element; a divisor of the number of bytes.
  /// - Throws: `DataError` of kind `.resource` when there is no memory.
  static func encode(_ row: UnsafeRawBufferPointer, elementSize: Int) throws -> [UInt8] {
    try ByteScratch.with(row.count) { planes in
      shuffle(row, elementSize: elementSize, into: planes)
      // Four-byte elements are floats and identifiers: the two low bytes are mostly noise, in which
      // a search for repetitions finds little and takes most of the time.
      let noise = elementSize == 4 ? planes.count / 2 : 0
      var chunk = try deflated(UnsafeRawBufferPointer(planes), level: level, noise: noise)
      let sum = chunk.withUnsafeBytes { fletcher32($0) }
      chunk += (0..<checksumSize).map { UInt8(truncatingIfNeeded: sum >> (8 * UInt32($0))) }
      return chunk
    }
  }

  /// Unpacks a row.
  /// - Parameter isDeflated: false for a chunk that deflate could not shorten, which HDF5 stores as
  ///   it is.
  /// - Returns: what is wrong with the chunk; nil when `row` now holds it.
  static func decode(
    _ chunk: UnsafeRawBufferPointer, elementSize: Int, isDeflated: Bool,
    into row: UnsafeMutableRawBufferPointer
  ) -> String? {
    guard let sum = checksum(of: chunk) else { return "a chunk of \(chunk.count) bytes" }
    let packed = UnsafeRawBufferPointer(rebasing: chunk.dropLast(checksumSize))
    guard fletcher32(packed) == sum else { return "bytes that do not match their checksum" }
    return ByteScratch.with(row.count) { planes in
      if isDeflated {
        guard inflateWhole(packed, into: planes) else { return "bytes that do not unpack" }
      } else {
        guard packed.count == planes.count else { return "\(packed.count) bytes" }
        planes.copyMemory(from: packed)
      }
      unshuffle(UnsafeRawBufferPointer(planes), elementSize: elementSize, into: row)
      return nil
    }
  }

  /// The Fletcher-32 sum that a chunk ends with; nil for a chunk too short to have one.
  static func checksum(of chunk: some BidirectionalCollection<UInt8>) -> UInt32? {
    guard chunk.count >= checksumSize else { return nil }
    return chunk.suffix(checksumSize).reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }
}

/// Byte b of every element, for b = 0, 1, ...
private func shuffle(
  _ row: UnsafeRawBufferPointer, elementSize: Int, into planes: UnsafeMutableRawBufferPointer
) {
  let count = row.count / elementSize
  guard elementSize > 1, let output = planes.baseAddress else {
    return planes.copyMemory(from: row)
  }
  guard elementSize == 4 else {
    for plane in 0..<elementSize {
      for index in 0..<count { planes[plane * count + index] = row[index * elementSize + plane] }
    }
    return
  }
  let lanes = 16
  var index = 0
  while index &+ lanes <= count {
    let words = row.loadUnaligned(fromByteOffset: 4 &* index, as: SIMD16<UInt32>.self)
    for plane in 0..<4 {
      let bytes = SIMD16<UInt8>(truncatingIfNeeded: words &>> UInt32(8 &* plane))
      (output + (plane &* count &+ index)).storeBytes(of: bytes, as: SIMD16<UInt8>.self)
    }
    index &+= lanes
  }
  for index in index..<count {
    for plane in 0..<4 { planes[plane * count + index] = row[4 * index + plane] }
  }
}

private func unshuffle(
  _ planes: UnsafeRawBufferPointer, elementSize: Int, into row: UnsafeMutableRawBufferPointer
) {
  let count = row.count / elementSize
  guard elementSize > 1, let output = row.baseAddress else { return row.copyMemory(from: planes) }
  guard elementSize == 4 else {
    for plane in 0..<elementSize {
      for index in 0..<count { row[index * elementSize + plane] = planes[plane * count + index] }
    }
    return
  }
  let lanes = 16
  var index = 0
  while index &+ lanes <= count {
    var words = SIMD16<UInt32>.zero
    for plane in 0..<4 {
      let bytes = planes.loadUnaligned(
        fromByteOffset: plane &* count &+ index, as: SIMD16<UInt8>.self)
      words |= SIMD16<UInt32>(truncatingIfNeeded: bytes) &<< UInt32(8 &* plane)
    }
    (output + (4 &* index)).storeBytes(of: words, as: SIMD16<UInt32>.self)
    index &+= lanes
  }
  for index in index..<count {
    for plane in 0..<4 { row[4 * index + plane] = planes[plane * count + index] }
  }
}
