import CHDF5
import Foundation
import Testing

@testable import DataPipeline

private func row(_ count: Int, _ value: (Int) -> Float) -> [Float] { (0..<count).map(value) }

private let rows: [[Float]] = [
  [], [0.5], row(3) { Float($0) }, row(1000) { sin(Float($0)) }, row(4096) { _ in 0 },
  row(5001) { Float($0 * $0 % 977) * 1e-3 },
  row(257) { Float(bitPattern: UInt32($0) &* 2_654_435_761) },
]

private func decode(
  _ chunk: [UInt8], _ elementSize: Int, isDeflated: Bool = true,
  into row: UnsafeMutableRawBufferPointer
) -> String? {
  chunk.withUnsafeBytes {
    ChunkCodec.decode($0, elementSize: elementSize, isDeflated: isDeflated, into: row)
  }
}

@Test func packedRowsUnpack() throws {
  for values in rows where !values.isEmpty {
    for size in [1, 2, 4] {
      let chunk = try values.withUnsafeBytes { try ChunkCodec.encode($0, elementSize: size) }
      var back = [Float](repeating: 7, count: values.count)
      let problem = back.withUnsafeMutableBytes {
        decode(chunk, size, into: $0)
      }
      let isSame = values.map(\.bitPattern) == back.map(\.bitPattern)
      #expect(problem == nil && isSame)
      var damaged = chunk
      damaged[chunk.count / 2] ^= 8
      let found = back.withUnsafeMutableBytes {
        decode(damaged, size, into: $0)
      }
      #expect(found == "bytes that do not match their checksum")
    }
  }
}

/// A type named outside of the library's queue must not open the library: its exit handler, which
/// crashes on files whose closing failed, could no longer be kept out.
@Test func constantsDoNotOpenTheLibrary() async {
  await #expect(processExitsWith: .success) {
    precondition(trajloom_H5T_NATIVE_FLOAT() < 0)
    precondition(HDF5.serialized { trajloom_H5T_NATIVE_FLOAT() } > 0)
  }
}

/// The library reads what is packed here, and what the library writes is unpacked here.
@Test func theLibraryAgrees() throws {
  let (all, none) = (trajloom_H5S_ALL(), trajloom_H5P_DEFAULT())
  let float = HDF5.serialized { trajloom_H5T_NATIVE_FLOAT() }
  for values in rows where !values.isEmpty {
    try withTemporaryFolder { folder in
      let path = folder.appendingPathComponent("a.h5").path
      let chunk = try values.withUnsafeBytes { try ChunkCodec.encode($0, elementSize: 4) }
      try HDF5.serialized {
        let file = try HDF5File(creating: path)
        let type = try HDF5ElementType.float32.makeType()
        let ours = try HDF5Dataset(
          creating: "ours", type: type, shape: [values.count], capacity: 2, in: file)
        try ours.writeChunk(chunk, row: 0, shape: [values.count])
        var back = [Float](repeating: 7, count: values.count)
        let status = H5Dread(ours.handle.id, float, all, all, none, &back)
        let isSame = values.map(\.bitPattern) == back.map(\.bitPattern)
        #expect(status >= 0 && isSame, "\(values.count) values")
        let theirs = try HDF5Dataset(
          creating: "theirs", type: type, shape: [values.count], capacity: 2, in: file)
        try values.withUnsafeBytes { try theirs.writeRow(0, type: type, bytes: $0) }
        try file.close()
      }
      let place = try #require(
        try HDF5.serialized {
          try HDF5Dataset(opening: "theirs", in: HDF5File(reading: path)).storedChunk(
            row: 0, rank: 2)
        })
      let bytes = try ByteReader(path: path)
      let stored = try #require(try StoredChunk(place, in: bytes))
      var back = [Float](repeating: 7, count: values.count)
      var read = [UInt8](repeating: 0, count: stored.size)
      let isRead = read.withUnsafeMutableBytes { bytes.read(at: stored.offset, into: $0) }
      #expect(isRead)
      let problem = back.withUnsafeMutableBytes {
        decode(read, 4, isDeflated: stored.isDeflated, into: $0)
      }
      let isSame = values.map(\.bitPattern) == back.map(\.bitPattern)
      #expect(problem == nil && isSame, "\(values.count) values: \(problem ?? "")")
    }
  }
}

@Test func checksumsFollowTheDefinition() {
  // Two sums modulo 65535 over big-endian pairs.
  func fletcher32(_ bytes: [UInt8]) -> UInt32 {
    bytes.withUnsafeBytes { DataPipeline.fletcher32($0) }
  }
  #expect(fletcher32([]) == 0)
  #expect(fletcher32([0, 1]) == 0x0001_0001)
  #expect(fletcher32([0, 1, 0, 2]) == 0x0004_0003)
  #expect(fletcher32([0, 1, 2]) == 0x0202_0201)
  #expect(fletcher32([0xFF, 0xFF]) == 0xFFFF_FFFF)
  #expect(fletcher32([UInt8](repeating: 0xFF, count: 2001)) == 0xFF00_FF00)
  // The definition itself, beyond the length of a block.
  for count in [1, 2, 31, 32, 33, 64, 1000, 131_071, 131_072, 131_105, 300_001] {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 13) }
    var (first, second): (UInt64, UInt64) = (0, 0)
    for start in stride(from: 0, to: count, by: 2) {
      first += UInt64(bytes[start]) << 8 | (start + 1 < count ? UInt64(bytes[start + 1]) : 0)
      second += first
    }
    func folded(_ sum: UInt64) -> UInt64 { sum == 0 ? 0 : (sum - 1) % 65535 + 1 }
    let expected = folded(second) << 16 | folded(first)
    #expect(fletcher32(bytes) == UInt32(expected), "\(count) bytes")
  }
}
