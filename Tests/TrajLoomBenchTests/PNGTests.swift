import CZlib
import Foundation
import Testing

@testable import TrajLoomBench

@Suite struct PNGTests {
  @Test(arguments: [(1, 1), (7, 5), (64, 33), (300, 2)])
  func decodesToTheSamePixels(width: Int, height: Int) throws {
    let pixels = (0..<width * height * 3).map {
      UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7)
    }
    let file = [UInt8](PNG.encode(pixels: pixels, width: width, height: height))
    let picture = try decoded(file)
    #expect(picture.width == width)
    #expect(picture.height == height)
    // A failing == within #expect would compute the difference of two long arrays.
    let isSame = picture.pixels == pixels
    #expect(isSame)
  }

  @Test func flatAreasAreSmall() {
    let file = PNG.encode(
      pixels: [UInt8](repeating: 90, count: 800 * 600 * 3), width: 800, height: 600)
    #expect(file.count < 4_000)
  }
}

struct DecodedPNG {
  var width = 0
  var height = 0
  var pixels: [UInt8] = []
}

/// A reader of its own: chunks, checksums, inflate, and the filters "none" and "up".
func decoded(_ file: [UInt8]) throws -> DecodedPNG {
  func number(_ at: Int) -> Int { file[at..<at + 4].reduce(0) { $0 << 8 | Int($1) } }
  try #require(Array(file.prefix(8)) == [137, 80, 78, 71, 13, 10, 26, 10])
  var picture = DecodedPNG()
  var stream: [UInt8] = []
  var names: [String] = []
  var at = 8
  while at < file.count {
    let length = number(at)
    let name = String(decoding: file[at + 4..<at + 8], as: UTF8.self)
    try #require(number(at + 8 + length) == checksum(file[at + 4..<at + 8 + length]), "\(name)")
    names.append(name)
    if name == "IHDR" {
      picture.width = number(at + 8)
      picture.height = number(at + 12)
      try #require(Array(file[at + 16..<at + 21]) == [8, 2, 0, 0, 0])
    }
    if name == "IDAT" { stream += file[at + 8..<at + 8 + length] }
    at += 12 + length
  }
  try #require(names == ["IHDR", "IDAT", "IEND"])
  let row = 3 * picture.width
  var raw = [UInt8](repeating: 0, count: picture.height * (row + 1))
  var size = uLong(raw.count)
  try #require(uncompress(&raw, &size, stream, uLong(stream.count)) == Z_OK)
  try #require(Int(size) == raw.count)
  for y in 0..<picture.height {
    let filter = raw[y * (row + 1)]
    try #require(filter == 0 || filter == 2)
    for x in 0..<row {
      let above = filter == 2 && y > 0 ? picture.pixels[(y - 1) * row + x] : 0
      picture.pixels.append(raw[y * (row + 1) + 1 + x] &+ above)
    }
  }
  return picture
}

/// CRC-32 bit by bit, as annex D of the PNG standard defines it.
private func checksum(_ bytes: ArraySlice<UInt8>) -> Int {
  var crc: UInt32 = 0xFFFF_FFFF
  for byte in bytes {
    crc ^= UInt32(byte)
    for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
  }
  return Int(~crc)
}
