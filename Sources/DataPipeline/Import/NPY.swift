/// An array of a `.npy` file (format versions 1 to 3) in row-major order, as `Float`.
///
/// Integers and doubles are rounded to `Float`: exact up to 2^24.
public struct NPYArray: Sendable, Equatable {
  public let shape: [Int]
  /// As numpy writes it, such as `<f4`.
  public let type: String
  public let scalars: [Float]
  /// Whether the elements are booleans or integers.
  public var isIntegral: Bool { !type.contains("f") }

  /// Parses a whole file.
  /// - Parameters:
  ///   - file: its path, for messages.
  ///   - member: its name in an archive, for messages.
  /// - Throws: `DataError` for anything but numbers: objects (pickles) are never read.
  public init(npy bytes: [UInt8], file: String, member: String? = nil) throws {
    func fault(_ expected: String, _ found: String, _ advice: String) -> DataError {
      DataError(file: file, dataset: member, expected: expected, found: found, advice: advice)
    }
    let again = "write it again with numpy.save"
    guard bytes.count >= 10, bytes.starts(with: [0x93] + Array("NUMPY".utf8)) else {
      throw fault("a .npy array", "another kind of file", again)
    }
    let isLong = bytes[6] >= 2
    guard (1...3).contains(bytes[6]), bytes.count >= 12 else {
      throw fault("format version 1, 2 or 3", "\(bytes[6])", again)
    }
    let size =
      isLong
      ? (0..<4).reduce(0) { $0 | Int(bytes[8 + $1]) << (8 * $1) }
      : Int(bytes[8]) | Int(bytes[9]) << 8
    let start = isLong ? 12 : 10
    guard size <= 1 << 16, start + size <= bytes.count else {
      throw fault("a header of at most 65536 bytes", "\(size)", again)
    }
    let text = String(decoding: bytes[start..<start + size], as: UTF8.self)
    guard let header = NPYHeader(text) else {
      let shown = text.split(whereSeparator: \.isWhitespace).joined(separator: " ").prefix(120)
      throw fault("a header with 'descr', 'fortran_order' and 'shape'", "\(shown)", again)
    }
    if header.type.hasSuffix("O") {
      throw fault(
        "numbers", "Python objects (a pickle, which can run code and is never read)",
        "if you trust the file, convert it: \(conversionLine(file: file))")
    }
    guard let element = NPYElement(header.type) else {
      throw fault(
        "f2, f4, f8, i1, u1, b1, i4 or i8", header.type, "convert it with array.astype('float32')")
    }
    let count = header.shape.reduce((1, false)) { $0.0.multipliedReportingOverflow(by: $1, $0.1) }
    let (wanted, overflow) = count.0.multipliedReportingOverflow(by: element.size)
    guard !count.1, !overflow, wanted == bytes.count - start - size else {
      throw fault(
        "the elements of shape \(header.shape) (\(header.type))",
        "\(bytes.count - start - size) bytes", again)
    }
    let scalars = element.decode(bytes[(start + size)...])
    shape = header.shape
    type = header.type
    self.scalars = header.isFortran ? rowMajor(scalars, shape: shape) : scalars
  }
}

extension Int {
  fileprivate func multipliedReportingOverflow(by other: Int, _ before: Bool) -> (Int, Bool) {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return (product, overflow || before)
  }
}

private func conversionLine(file: String) -> String {
  let kind = file.hasSuffix(".npz") ? "npz" : "npy"
  let load = "import numpy as np; d=np.load('in.\(kind)',allow_pickle=True)"
  return kind == "npz"
    ? "python3 -c \"\(load); np.savez('out.npz',**{k:np.array(d[k].tolist()) for k in d})\""
    : "python3 -c \"\(load); np.save('out.npy',np.array(d.tolist()))\""
}

/// The element types that are read.
private struct NPYElement {
  let isBig: Bool
  let kind: Character
  let size: Int

  init?(_ type: String) {
    let known = ["f2", "f4", "f8", "i1", "u1", "b1", "i4", "i8"]
    guard type.count == 3, let order = type.first, "<>|=".contains(order),
      known.contains(String(type.dropFirst())), let size = type.last?.wholeNumberValue
    else { return nil }
    isBig = order == ">"
    kind = type[type.index(after: type.startIndex)]
    self.size = size
  }

  func decode(_ bytes: ArraySlice<UInt8>) -> [Float] {
    (0..<bytes.count / size).map { index in
      let start = bytes.startIndex + index * size
      var bits: UInt64 = 0
      for byte in 0..<size {
        bits |= UInt64(bytes[start + byte]) << UInt64(8 * (isBig ? size - 1 - byte : byte))
      }
      switch (kind, size) {
      case ("f", 2): return Float(Float16(bitPattern: UInt16(bits)))
      case ("f", 4): return Float(bitPattern: UInt32(bits))
      case ("f", _): return Float(Double(bitPattern: bits))
      case ("b", _): return bits == 0 ? 0 : 1
      case ("i", 1): return Float(Int8(truncatingIfNeeded: bits))
      case ("i", 4): return Float(Int32(truncatingIfNeeded: bits))
      case ("i", _): return Float(Int64(bitPattern: bits))
      default: return Float(bits)
      }
    }
  }
}

/// Turns column-major elements into row-major ones.
private func rowMajor(_ scalars: [Float], shape: [Int]) -> [Float] {
  guard shape.count > 1 else { return scalars }
  var strides = [Int](repeating: 1, count: shape.count)
  for axis in 1..<shape.count { strides[axis] = strides[axis - 1] * shape[axis - 1] }
  return scalars.indices.map { index in
    var (rest, source) = (index, 0)
    for axis in shape.indices.reversed() {
      source += rest % shape[axis] * strides[axis]
      rest /= shape[axis]
    }
    return scalars[source]
  }
}
