import Archives
import Foundation

/// Writes `arrays` as `torch.save({key: OrderedDict(arrays)})` would, F32 in order of their names,
/// so that `torch.load` reads them with `weights_only=True`. The file appears whole or not at all.
/// - Throws: `TorchFileError` for more than a zip archive holds (4 GiB, 65 thousand tensors),
///   `FileError`
public func writeTorchFile(
  _ arrays: [String: NDArray], key: String, to path: String
) throws {
  let sorted = arrays.sorted { $0.key < $1.key }
  let pickle = weightsPickle(sorted, key: key)
  // What the archive says of each member, twice, and its three small files.
  let bytes = sorted.reduce(pickle.count + 1024) { $0 + 4 * $1.value.count + 256 }
  guard sorted.count + 3 <= ZipWriter.limits.members, bytes <= ZipWriter.limits.bytes else {
    throw TorchFileError(
      path: path,
      reason: "expected at most \(ZipWriter.limits.members - 3) tensors and 4 GiB, found "
        + "\(sorted.count) and \(bytes) bytes; write .safetensors instead")
  }
  try AtomicFile.write(to: path) { file in
    var archive = ZipWriter { try file.write($0) }
    try archive.add("archive/data.pkl", pickle)
    try archive.add("archive/byteorder", Data("little".utf8))
    for (index, (_, array)) in sorted.enumerated() {
      try archive.add("archive/data/\(index)", array.scalars.withUnsafeBytes { Data($0) })
    }
    try archive.add("archive/version", Data("3\n".utf8))
    try archive.finish()
  }
}

/// The pickle, protocol 2, of `{key: OrderedDict}`: the same operations that PyTorch writes, without
/// references to what came before.
private func weightsPickle(_ arrays: [(key: String, value: NDArray)], key: String) -> Data {
  var out = Data([0x80, 2])
  func operation(_ letter: Character) { out.append(letter.asciiValue!) }
  func little(_ value: Int, _ size: Int) {
    for byte in 0..<size { out.append(UInt8(truncatingIfNeeded: value >> (8 * byte))) }
  }
  func text(_ text: String) {
    operation("X")
    little(text.utf8.count, 4)
    out += Array(text.utf8)
  }
  func name(_ module: String, _ name: String) { out += Array("c\(module)\n\(name)\n".utf8) }
  func integer(_ value: Int) {
    // BININT is signed and of four bytes; beyond that LONG1 of eight.
    if value < 1 << 31 {
      operation("J")
      little(value, 4)
    } else {
      out += [0x8A, 8]
      little(value, 8)
    }
  }
  func tuple(_ body: () -> Void) {
    operation("(")
    body()
    operation("t")
  }
  func emptyOrderedDictionary() {
    name("collections", "OrderedDict")
    operation(")")
    operation("R")
  }

  operation("}")
  text(key)
  emptyOrderedDictionary()
  operation("(")
  for (index, (path, array)) in arrays.enumerated() {
    text(path)
    name("torch._utils", "_rebuild_tensor_v2")
    tuple {
      tuple {
        text("storage")
        name("torch", "FloatStorage")
        text("\(index)")
        text("cpu")
        integer(array.count)
      }
      operation("Q")
      integer(0)
      tuple { array.shape.forEach(integer) }
      // Without elements any strides will do, and products of the extents may be too large.
      let strides = array.count == 0 ? array.shape.map { _ in 1 } : rowMajorStrides(array.shape)
      tuple { strides.forEach(integer) }
      out.append(0x89)  // needs no gradient
      emptyOrderedDictionary()
    }
    operation("R")
  }
  operation("u")
  operation("s")
  operation(".")
  return out
}
