import Archives
import Foundation
import TestSupport
import Testing

@testable import Autograd

/// Files that PyTorch wrote; `make.py` beside them says how.
private func fixture(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/torch/\(name)").path
}

private func refusal(_ body: () throws -> Void) -> String {
  do {
    try body()
    return "accepted"
  } catch { return "\(error)" }
}

/// A file of torch.save with this pickle and one storage "0" of four floats.
private func write(_ pickle: [UInt8], byteOrder: String = "little") throws -> String {
  let path = try TemporaryFolder.path("\(UUID().uuidString).pt")
  let floats = [Float](arrayLiteral: 1, 2, 3, 4).withUnsafeBytes { Data($0) }
  try ZipWriter.archive([
    ("archive/data.pkl", Data(pickle)), ("archive/byteorder", Data(byteOrder.utf8)),
    ("archive/data/0", floats),
  ]).write(to: URL(fileURLWithPath: path))
  return path
}

@Test func everyKindOfTensorIsRead() throws {
  let file = try TorchFile(path: fixture("weights.pt"))
  #expect(file.keys == ["vae"])
  let arrays = try file.arrays()
  let quarters: [Float] = [0, 0.25, 0.5, 0.75, 1, 1.25]
  for name in ["f32", "f16", "bf16"] {
    #expect(arrays[name]?.scalars == quarters && arrays[name]?.shape == [2, 3], "\(name)")
  }
  #expect(arrays["transposed"]?.scalars == [0, 0.75, 0.25, 1, 0.5, 1.25])
  #expect(arrays["transposed"]?.shape == [3, 2])
  #expect(arrays["part"]?.scalars == [4, 5, 6, 7, 8, 9] && arrays["part"]?.shape == [3, 2])
  #expect(arrays["scalar"]?.scalars == [2.5] && arrays["scalar"]?.shape == [])
  #expect(arrays["empty"]?.scalars == [] && arrays["empty"]?.shape == [0, 3])
  #expect(arrays["parameter"]?.scalars == quarters.map { $0 + 1 })
  #expect(arrays.count == 8)
  let bare = try TorchFile(path: fixture("bare.pt"))
  #expect(bare.keys == [""])
  let isSame = try bare.arrays().mapValues(\.scalars) == arrays.mapValues(\.scalars)
  #expect(isSame)
}

@Test func theRightWeightsAreNamed() throws {
  let several = try TorchFile(path: fixture("several.pt"))
  #expect(refusal { _ = try several.arrays() }.contains("\"a\", \"b\"; name one with --key"))
  #expect(refusal { _ = try several.arrays("c") }.contains("under \"c\", found \"a\", \"b\""))
  #expect(try several.arrays("b")["x"]?.shape == [2, 3])
}

@Test(arguments: [
  ("evil.pt", "'posix.system'"), ("namespace.pt", "'argparse.Namespace'"),
  ("integers.pt", "tensor \"x\": expected elements of type F32, F16 or BF16, found I64"),
  ("expanded.pt", "a part of its storage of 1 elements"),
  ("legacy.pt", "PyTorch's format before 1.6"), ("nothing.pt", "no such file"),
  ("make.py", "another kind of file"),
])
func otherPicklesAreRefused(_ name: String, _ expected: String) throws {
  let message = refusal { _ = try TorchFile(path: fixture(name)).arrays() }
  #expect(message.contains(expected) && message.contains(name), "\(message)")
  #expect(!FileManager.default.fileExists(atPath: "/tmp/trajloom-was-executed"))
}

@Test func whatIsWrittenIsReadBack() throws {
  let path = try TemporaryFolder.path("written.pt")
  let arrays = [
    "a.weight": NDArray((0..<6).map { Float($0) / 7 }, shape: [2, 3]),
    "b": NDArray([-1.5], shape: []), "ü": NDArray([1, 2], shape: [2, 1, 1]),
  ]
  try writeTorchFile(arrays, key: "generator", to: path)
  let file = try TorchFile(path: path)
  #expect(file.keys == ["generator"])
  let back = try file.arrays("generator")
  #expect(back.mapValues(\.scalars) == arrays.mapValues(\.scalars))
  #expect(back.mapValues(\.shape) == arrays.mapValues(\.shape))
}

/// `{"w": {"x": <tensor>}}` with what `_rebuild_tensor_v2` is given.
private func tensorPickle(
  offset: [UInt8], shape: [UInt8], strides: [UInt8], storage: String = "0",
  storageCount: [UInt8] = k(4)
) -> [UInt8] {
  func text(_ text: String) -> [UInt8] {
    [0x8C, UInt8(text.utf8.count)] + Array(text.utf8)
  }
  func name(_ name: String) -> [UInt8] { Array("c\(name)\n".utf8) }
  var bytes: [UInt8] = [0x80, 2] + Array("}".utf8) + text("w") + Array("}".utf8) + text("x")
  bytes += name("torch._utils\n_rebuild_tensor_v2") + Array("((".utf8) + text("storage")
  bytes +=
    name("torch\nFloatStorage") + text(storage) + text("cpu") + storageCount + Array("tQ".utf8)
  bytes += offset + Array("(".utf8) + shape + Array("t(".utf8) + strides + Array("t".utf8) + [0x89]
  return bytes + name("collections\nOrderedDict") + Array(")RtRss.".utf8)
}

private func k(_ value: UInt8) -> [UInt8] { [UInt8(ascii: "K"), value] }
private let huge: [UInt8] = [0x8A, 8, 255, 255, 255, 255, 255, 255, 255, 127]
private let minusOne: [UInt8] = [0x8A, 1, 255]

/// LONG1 of 2^`exponent`.
private func power(_ exponent: UInt8) -> [UInt8] {
  let value = UInt64(1) << UInt64(exponent)
  return [0x8A, 8] + (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}

private let claims: [(String, [UInt8], String)] = [
  ("nothing far away", tensorPickle(offset: k(100), shape: k(0), strides: k(1)), "a part of its"),
  ("nothing at all", tensorPickle(offset: k(4), shape: k(0), strides: k(1)), "accepted"),
  (
    "nothing, wide", tensorPickle(offset: k(0), shape: power(33) + k(0), strides: k(7) + k(1)),
    "accepted"
  ),
  (
    "nothing, beyond all",
    tensorPickle(offset: k(0), shape: k(0) + power(40) + power(40), strides: k(1) + k(1) + k(1)),
    "a part of its storage"
  ),
  (
    "storage beyond all",
    tensorPickle(offset: k(0), shape: k(1), strides: k(1), storageCount: power(62)),
    "a storage in another form"
  ),
  (
    "storage beyond the file",
    tensorPickle(offset: k(0), shape: k(1), strides: k(1), storageCount: power(40)), "bytes in"
  ),
  (
    "too many axes",
    tensorPickle(
      offset: k(0), shape: [UInt8](repeating: 0, count: 65).flatMap { _ in k(1) },
      strides: [UInt8](repeating: 0, count: 65).flatMap { _ in k(1) }), "more than 64 axes"
  ),
  ("sound", tensorPickle(offset: k(1), shape: k(3), strides: k(1)), "accepted"),
  ("past the end", tensorPickle(offset: k(2), shape: k(3), strides: k(1)), "a part of its storage"),
  ("far offset", tensorPickle(offset: huge, shape: k(3), strides: k(1)), "a part of its storage"),
  ("negative", tensorPickle(offset: minusOne, shape: k(3), strides: k(1)), "a tensor of shape"),
  ("shape", tensorPickle(offset: k(0), shape: huge + huge, strides: k(1) + k(1)), "a part of its"),
  ("stride", tensorPickle(offset: k(0), shape: k(2), strides: huge), "a part of its storage"),
  ("repeated", tensorPickle(offset: k(0), shape: k(200), strides: k(0)), "a part of its storage"),
  ("ranks", tensorPickle(offset: k(0), shape: k(2), strides: k(2) + k(1)), "a tensor of shape"),
  (
    "no member", tensorPickle(offset: k(0), shape: k(2), strides: k(1), storage: "7"),
    "a member archive/data/7, found none"
  ),
  ("empty", [], "the end of the data"),
  ("text too long", [UInt8(ascii: "X"), 255, 255, 255, 127], "the end of the data"),
  ("unknown operation", [0x80, 2, UInt8(ascii: "i")], "operation 0x69 at byte 2"),
  ("new object", Array("ccollections\nOrderedDict\n)".utf8) + [0x81], "operation 0x81"),
  ("call of a value", Array("K\u{1})R.".utf8), "a call of something nameless"),
  ("call of a type", Array("ctorch\nFloatStorage\n)R.".utf8), "a call of 'torch.FloatStorage'"),
  ("nothing to recall", Array("h\u{5}.".utf8), "a reference to nothing"),
  ("lost mark", Array("t.".utf8), "a lost mark"),
  ("below the mark", Array("K\u{1}K\u{2}(R.".utf8), "an empty stack"),
  ("no dictionary", Array("].".utf8), "expected a dictionary of tensors, found none"),
  ("half an item", Array("}(K\u{1}u.".utf8), "an item of no dictionary"),
  ("state", Array("]K\u{1}b.".utf8), "an object with a state"),
]

@Test(arguments: claims)
func claimsOfPicklesAreChecked(_ name: String, _ pickle: [UInt8], _ expected: String) throws {
  let path = try write(pickle)
  let message = refusal { _ = try TorchFile(path: path).arrays() }
  #expect(message.contains(expected), "\(name): \(message)")
}

@Test func depthAndCirclesDoNotExhaustTheStack() throws {
  // A million tuples around each other, and a dictionary that holds itself.
  let deep: [UInt8] = [UInt8(ascii: ")")] + [UInt8](repeating: 0x85, count: 1_000_000) + [0x2E]
  let circle: [UInt8] = Array("}q\u{0}X\u{1}\u{0}\u{0}\u{0}ah\u{0}s.".utf8)
  for pickle in [deep, circle] {
    let path = try write(pickle)
    #expect(refusal { _ = try TorchFile(path: path).arrays() }.contains("found none"))
  }
  let big = try write([0x2E], byteOrder: "big")
  #expect(refusal { _ = try TorchFile(path: big) }.contains("little-endian numbers, found big"))
}

/// Many names for the same numbers: some share, as tied weights do, but not without end.
@Test func memoryBombsAreRefused() throws {
  // The tensor alone, without the two dictionaries around it.
  let tensor = tensorPickle(offset: k(0), shape: power(16), strides: k(1), storageCount: power(16))
    .dropFirst(10).dropLast(3)
  func outcome(names: Int) throws -> String {
    var pickle: [UInt8] = [0x80, 2] + Array("}(".utf8)
    for number in 0..<names {
      let name = Array("x\(number)".utf8)
      pickle += [0x8C, UInt8(name.count)] + name + tensor
    }
    let path = try TemporaryFolder.path("\(UUID().uuidString).pt")
    try ZipWriter.archive([
      ("archive/data.pkl", Data(pickle + Array("u.".utf8))),
      ("archive/data/0", Data(count: 4 << 16)),
    ]).write(to: URL(fileURLWithPath: path))
    return refusal { _ = try TorchFile(path: path).arrays() }
  }
  #expect(try outcome(names: 4) == "accepted")
  let refused = try outcome(names: 40)
  #expect(refused.contains("many views of the same numbers"), "\(refused)")
}

@Test func packedMembersAndTooManyTensorsAreRefused() throws {
  // What torch.save never writes, and what would unpack to anything.
  var packed = try Data(contentsOf: URL(fileURLWithPath: fixture("bare.pt")))
  let entry = try #require(packed.range(of: Data([0x50, 0x4B, 1, 2])))
  packed[entry.lowerBound + 10] = 8
  let path = try TemporaryFolder.path("packed.pt")
  try packed.write(to: URL(fileURLWithPath: path))
  let message = refusal { _ = try TorchFile(path: path) }
  #expect(message.contains("expected a stored member, found a packed one"), "\(message)")

  let scalar = NDArray([1], shape: [])
  let many = Dictionary(uniqueKeysWithValues: (0..<65_540).map { ("x\($0)", scalar) })
  let out = try TemporaryFolder.path("many.pt")
  let refused = refusal { try writeTorchFile(many, key: "vae", to: out) }
  #expect(refused.contains("write .safetensors instead"), "\(refused)")
  #expect(!FileManager.default.fileExists(atPath: out))
  let empty = ["x": NDArray([], shape: [0, 1 << 40, 1 << 40])]
  try writeTorchFile(empty, key: "vae", to: out)
  #expect(FileManager.default.fileExists(atPath: out))
}

/// Every cut and many flipped bits: what is read is right, or an error.
@Test func damagedTorchFilesAreReported() throws {
  let good = try Data(contentsOf: URL(fileURLWithPath: fixture("weights.pt")))
  let expected = try TorchFile(path: fixture("weights.pt")).arrays().mapValues(\.scalars)
  let path = try TemporaryFolder.path("damaged.pt")
  var (reported, harmless) = (0, 0)
  func check(_ bytes: Data) throws {
    try bytes.write(to: URL(fileURLWithPath: path))
    do {
      let isSame = try TorchFile(path: path).arrays().mapValues(\.scalars) == expected
      #expect(isSame)
      harmless += 1
    } catch is TorchFileError { reported += 1 }
  }
  for count in stride(from: 0, to: good.count, by: 7) { try check(good.prefix(count)) }
  #expect(harmless == 0)
  let draws = Philox(seed: 1, stream: "damage").uniform(1200)
  for (place, bit) in zip(draws.prefix(600), draws.suffix(600)) {
    var bytes = good
    bytes[Int(place * Float(good.count))] ^= 1 << UInt8(bit * 8)
    try check(bytes)
  }
  // Padding, times and versions of the archive mean nothing.
  #expect(reported > 600)
}
