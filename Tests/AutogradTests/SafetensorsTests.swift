import Foundation
import TestSupport
import Testing

@testable import Autograd

/// A safetensors file with this header and this much data.
private func write(_ header: String, data: Int, length: UInt64? = nil) throws -> String {
  let path = try TemporaryFolder.path("\(UUID().uuidString).safetensors")
  let bytes = Data(header.utf8)
  var file = withUnsafeBytes(of: (length ?? UInt64(bytes.count)).littleEndian) { Data($0) }
  file.append(bytes)
  file.append(Data(count: data))
  try file.write(to: URL(fileURLWithPath: path))
  return path
}

private func tensor(_ name: String, _ dtype: String, _ shape: String, _ begin: Int, _ end: Int)
  -> String
{
  "\"\(name)\":{\"dtype\":\"\(dtype)\",\"shape\":\(shape),\"data_offsets\":[\(begin),\(end)]}"
}

@Test(arguments: [
  ("no brace", " {}", 0, "'{'"),
  ("not JSON", "{\"a\":}", 0, "JSON"),
  ("trailing text", "{} x", 0, "JSON"),
  (
    "duplicate tensor", "{\(tensor("a", "F32", "[1]", 0, 4)),\(tensor("a", "F32", "[1]", 0, 4))}",
    4, "twice"
  ),
  ("unknown type", "{\(tensor("a", "F33", "[1]", 0, 4))}", 4, "dtype F33"),
  ("size and offsets differ", "{\(tensor("a", "F32", "[2]", 0, 4))}", 4, "takes 8 bytes"),
  ("negative extent", "{\(tensor("a", "F32", "[-1]", 0, 4))}", 4, "whole numbers"),
  ("fractional extent", "{\(tensor("a", "F32", "[1.0]", 0, 4))}", 4, "whole numbers"),
  ("overflow", "{\(tensor("a", "F32", "[4611686018427387904,4]", 0, 4))}", 4, "overflows"),
  ("offsets reversed", "{\(tensor("a", "F32", "[1]", 4, 0))}", 4, "data_offsets"),
  ("hole", "{\(tensor("a", "F32", "[1]", 0, 4)),\(tensor("b", "F32", "[1]", 8, 12))}", 12, "holes"),
  (
    "overlap", "{\(tensor("a", "F32", "[2]", 0, 8)),\(tensor("b", "F32", "[1]", 4, 8))}", 8,
    "overlaps"
  ),
  ("data too short", "{\(tensor("a", "F32", "[2]", 0, 8))}", 4, "4 follow"),
  ("data too long", "{\(tensor("a", "F32", "[1]", 0, 4))}", 8, "8 follow"),
  ("metadata not strings", "{\"__metadata__\":{\"a\":1}}", 0, "not a string"),
  ("missing shape", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "shape"),
])
func faultyHeadersAreRefused(_ name: String, _ header: String, _ data: Int, _ expected: String)
  throws
{
  let path = try write(header, data: data)
  let error = #expect(throws: SafetensorsError.self, "\(name)") { try SafetensorsFile(path: path) }
  #expect(error?.description.contains(expected) == true, "\(name): \(error?.description ?? "none")")
  #expect(error?.description.hasPrefix(path) == true)
}

@Test func truncatedAndForeignFilesAreRefused() throws {
  for (length, expected) in [(UInt64(1) << 40, "not a safetensors"), (1000, "truncated")] {
    let path = try write("{}", data: 0, length: length)
    let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: path) }
    #expect(error?.reason.contains(expected) == true)
  }
  let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: "/no/such/file") }
  #expect(error?.reason == "no such file")
}

@Test func arraysSurviveWritingAndReading() throws {
  let path = try TemporaryFolder.path("roundtrip.safetensors")
  let arrays = [
    "b.weight": NDArray([1, -2.5, .pi, 1e-30, 0, 7], shape: [2, 3]), "a": NDArray(4),
    "empty": NDArray([], shape: [0, 3]),
  ]
  try writeSafetensors(arrays, metadata: ["note": "quote \" and\nline"], to: path)
  let file = try SafetensorsFile(path: path)
  #expect(file.names == ["a", "b.weight", "empty"])
  #expect(file.metadata == ["note": "quote \" and\nline"])
  for (name, array) in arrays {
    #expect(try file.array(name).scalars == array.scalars)
    #expect(try file.shape(of: name) == array.shape)
  }
}

@Test func halfPrecisionIsExact() {
  let cases: [(UInt16, Float)] = [
    (0x3C00, 1), (0xC000, -2), (0x7BFF, 65504), (0x0001, 0x1p-24), (0x0400, 0x1p-14),
    (0x3555, 0.333251953125), (0x7C00, .infinity), (0x8000, 0),
  ]
  for (bits, value) in cases { #expect(float(half: bits) == value, "\(bits)") }
  #expect(float(half: 0x7E00).isNaN)
}

@Test(arguments: [
  "{\"a\":1,\"a\":2}", "[1,]", "{\"a\" 1}", "01", "1.", "\"\\x\"", "\"\\ud800\"", "nul", "[1] 2",
  "\"a", "",
])
func invalidJSONIsRefused(_ text: String) {
  #expect(throws: StrictJSON.SyntaxError.self, "\(text)") { try StrictJSON(parsing: text.utf8) }
}

@Test func validJSONIsRead() throws {
  let json = try StrictJSON(
    parsing: #"{"a": [1, -2.5e3, true, null], "b": {"c": "\u00e9\ud83d\ude00\n"}}"#.utf8)
  #expect(json["a"]?.elements?.count == 4)
  #expect(json["a"]?.elements?[0].integer == 1)
  #expect(json["b"]?["c"]?.string == "é😀\n")
}
