import Foundation
import Testing

@testable import DataPipeline

private let expected = (0..<12).map { Float($0) / 2 - 1 }

@Test(arguments: [
  NumpyFiles.float32, NumpyFiles.fortran, NumpyFiles.bigEndian, NumpyFiles.half,
  NumpyFiles.version2,
])
func floatsOfEveryKindAreRead(_ bytes: [UInt8]) throws {
  let array = try NPYArray(npy: bytes, file: "a.npy")
  #expect(array.shape == [2, 3, 2] && array.scalars == expected && !array.isIntegral)
}

@Test func integersAndBooleansAreRead() throws {
  #expect(try NPYArray(npy: NumpyFiles.integers, file: "a").scalars == [-3, 2, 127, -128])
  #expect(try NPYArray(npy: NumpyFiles.bigIntegers, file: "a").scalars == [-3, 70000])
  #expect(try NPYArray(npy: NumpyFiles.longs, file: "a").scalars == [-3, 70000])
  let flags = try NPYArray(npy: NumpyFiles.booleans, file: "a")
  #expect(flags.scalars == [1, 0, 1] && flags.isIntegral && flags.shape == [3])
}

/// 258 (or 2) in every integer type, in both byte orders.
@Test(arguments: ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"])
func integersOfEverySizeAreRead(_ type: String) throws {
  let size = try #require(Int(String(type.last!)))
  let number = size == 1 ? 2 : 258
  let little = (0..<size).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  for (order, bytes) in [("<", little), (">", little.reversed())] {
    let header = "{'descr': '\(order)\(type)', 'fortran_order': False, 'shape': (1,), }"
    let file = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + header.utf8
    let array = try NPYArray(npy: file + bytes, file: "a")
    #expect(array.scalars == [Float(number)] && array.isIntegral)
  }
}

@Test func everythingElseIsRefusedInOneLine() throws {
  var cut = NumpyFiles.float32
  cut.removeLast()
  var header = NumpyFiles.float32
  header[20] = UInt8(ascii: "(")
  let cases: [(bytes: [UInt8], expected: [String])] = [
    (NumpyFiles.objects, ["pickle", "python3 -c", "allow_pickle=True", "bad.npy"]),
    (NumpyFiles.complexes, ["<c8", "astype"]), (NumpyFiles.structure, ["header"]),
    (cut, ["[2, 3, 2]", "47 bytes"]), (header, ["header"]),
    (Array("hello".utf8), ["another kind"]), ([], ["another kind"]),
    (Array(NumpyFiles.float32.prefix(40)), ["header"]),
  ]
  for (bytes, expected) in cases {
    let message = dataErrorMessage { _ = try NPYArray(npy: bytes, file: "bad.npy") } ?? "accepted"
    for part in expected { #expect(message.contains(part), "\(message)") }
  }
}

@Test func writtenArraysComeBack() throws {
  let floats = try NPYArray(npy: NPYFile.encode(expected, shape: [2, 3, 2]), file: "a")
  #expect(floats.scalars == expected && floats.shape == [2, 3, 2])
  #expect(NPYFile.encode(expected, shape: [2, 3, 2]) == NumpyFiles.float32)
  #expect(try NPYArray(npy: NPYFile.encode([UInt8(7)], shape: [1]), file: "a").scalars == [7])
  #expect(NPYFile.encode([-3, 70000] as [Int64], shape: [2]) == NumpyFiles.longs)
  #expect(NPYFile.encode([true, false, true], shape: [3]) == NumpyFiles.booleans)
  #expect(try NPYArray(npy: NPYFile.encode([Float(2)], shape: []), file: "a").shape == [])
}

@Test(arguments: [NumpyFiles.stored, NumpyFiles.deflated, NumpyFiles.zip64])
func archivesAreUnpacked(_ bytes: [UInt8]) throws {
  let archive = try NPZ(bytes: bytes, path: "a.npz")
  #expect(archive.names.first == "tracks.npy")
  #expect(try archive.contents(of: "tracks.npy") == NumpyFiles.float32)
}

@Test func damagedArchivesAreReported() throws {
  let good = NumpyFiles.deflated
  for position in good.indices {
    var bad = good
    bad[position] ^= 0x10
    // A member may vanish by its name or the comment may change; what is read is right or an error.
    guard let archive = try? NPZ(bytes: bad, path: "bad.npz") else { continue }
    for name in archive.names where name == "tracks.npy" {
      if let contents = try? archive.contents(of: name) { #expect(contents == NumpyFiles.float32) }
    }
  }
  for count in [0, 3, 21, 100, good.count - 1] {
    let cut = Array(good.prefix(count))
    let message = dataErrorMessage { _ = try NPZ(bytes: cut, path: "bad.npz") }
    #expect(try #require(message).contains("bad.npz"))
  }
}

@Test func bombsAreRefusedBeforeTheyUnpack() throws {
  var bomb = NumpyFiles.deflated
  // The size of the first member in the central directory, claimed to be 3 GiB.
  let entry = try #require(
    bomb.indices.first { Array(bomb[$0...].prefix(4)) == [0x50, 0x4B, 1, 2] })
  bomb[entry + 27] = 0xC0
  let archive = try NPZ(bytes: bomb, path: "bomb.npz")
  let message = dataErrorMessage { _ = try archive.contents(of: "tracks.npy") }
  #expect(try #require(message).contains("1073741824"))
}
