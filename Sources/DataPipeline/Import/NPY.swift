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

  init(shape: [Int], type: String, scalars: [Float]) {
    (self.shape, self.type, self.scalars) = (shape, type, scalars)
  }

  /// Parses a whole file.
  /// - Parameters:
  ///   - file: its path, for messages.
  ///   - member: its name in an archive, for messages.
  /// - Throws: `DataError` for anything but numbers: objects (pickles) are never read.
  public init(npy bytes: [UInt8], file: String, member: String? = nil) throws {
    let start = try NPYStart(bytes, file: file, member: member)
    try start.check(size: bytes.count)
    let scalars = start.element.decode(bytes[start.size...])
    shape = start.header.shape
    type = start.header.type
    self.scalars = start.header.isFortran ? rowMajor(scalars, shape: shape) : scalars
  }
}

/// What a `.npy` file says of itself before its elements.
struct NPYStart {
  let header: NPYHeader
  let element: NPYElement
  /// Bytes before the elements.
  let size: Int
  private let file: String
  private let member: String?

  private static let again = "write it again with numpy.save"
  /// The largest array that is read: enough for 162 frames of every pixel of 480 x 832.
  static let mostElements = 1 << 27

  /// - Parameter bytes: of the file, from its start on; the elements need not be there.
  /// - Throws: `DataError` for anything but numbers.
  init(_ bytes: [UInt8], file: String, member: String?) throws {
    (self.file, self.member) = (file, member)
    func fault(_ expected: String, _ found: String, _ advice: String) -> DataError {
      DataError(file: file, dataset: member, expected: expected, found: found, advice: advice)
    }
    guard bytes.count >= 10, bytes.starts(with: [0x93] + Array("NUMPY".utf8)) else {
      throw fault("a .npy array", "another kind of file", NPYStart.again)
    }
    let isLong = bytes[6] >= 2
    guard (1...3).contains(bytes[6]), bytes.count >= 12 else {
      throw fault("format version 1, 2 or 3", "\(bytes[6])", NPYStart.again)
    }
    let length =
      isLong
      ? (0..<4).reduce(0) { $0 | Int(bytes[8 + $1]) << (8 * $1) }
      : Int(bytes[8]) | Int(bytes[9]) << 8
    let start = isLong ? 12 : 10
    guard length <= 1 << 12 - 12, start + length <= bytes.count else {
      throw fault("a header of at most 4084 bytes", "\(length)", NPYStart.again)
    }
    let text = String(decoding: bytes[start..<start + length], as: UTF8.self)
    guard let header = NPYHeader(text) else {
      let shown = text.split(whereSeparator: \.isWhitespace).joined(separator: " ").prefix(120)
      throw fault(
        "a header with 'descr', 'fortran_order' and a 'shape' of counts", "\(shown)",
        NPYStart.again)
    }
    if header.type.hasSuffix("O") {
      throw fault(
        "numbers", "Python objects (a pickle, which can run code and is never read)",
        "if you trust the file, convert it: \(conversionLine(file: file))")
    }
    guard let element = NPYElement(header.type) else {
      throw fault(
        "f2, f4, f8, b1 or integers of 1, 2, 4 or 8 bytes", header.type,
        "convert it with array.astype('float32')")
    }
    self.header = header
    self.element = element
    size = start + length
  }

  /// Compares the declared shape with the size of the whole file.
  func check(size whole: Int) throws {
    let count = header.shape.reduce((1, false)) { $0.0.multipliedReportingOverflow(by: $1, $0.1) }
    let (wanted, overflow) = count.0.multipliedReportingOverflow(by: element.size)
    guard !count.1, count.0 <= NPYStart.mostElements else {
      throw DataError(
        file: file, dataset: member, expected: "at most \(NPYStart.mostElements) elements",
        found: "shape \(header.shape)", advice: "cut the clip, or keep fewer of its points")
    }
    guard !overflow, wanted == whole - size else {
      throw DataError(
        file: file, dataset: member,
        expected: "the elements of shape \(header.shape) (\(header.type))",
        found: "\(whole - size) bytes", advice: NPYStart.again)
    }
  }
}

extension Int {
  fileprivate func multipliedReportingOverflow(by other: Int, _ before: Bool) -> (Int, Bool) {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return (product, overflow || before)
  }
}

/// A line for the shell that turns a file with Python objects into one with arrays of numbers beside
/// it: an archive, a single array, or the dictionary that `numpy.save` makes an array of.
private func conversionLine(file: String) -> String {
  func quoted(_ text: String) -> String {
    "'" + text.replacing("'", with: "'\\''") + "'"
  }
  let python =
    "import sys,numpy as np; d=np.load(sys.argv[1],allow_pickle=True); "
    + "d=d if hasattr(d,'files') else d.item() if d.ndim==0 else {'tracks':d}; "
    + "np.savez(sys.argv[2],**{k:np.array(np.asarray(d[k]).tolist()) for k in d})"
  let plain = file.dropLast(4) + "_plain.npz"
  return "python3 -c \"\(python)\" \(quoted(file)) \(quoted(String(plain)))"
}

/// The element types that are read.
struct NPYElement {
  private let isBig: Bool
  private let kind: Character
  /// Bytes.
  let size: Int

  init?(_ type: String) {
    let known = ["f2", "f4", "f8", "b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]
    guard type.count == 3, let order = type.first, "<>|=".contains(order),
      known.contains(String(type.dropFirst())), let size = type.last?.wholeNumberValue
    else { return nil }
    isBig = order == ">"
    kind = type[type.index(after: type.startIndex)]
    self.size = size
  }

  /// - Precondition: a whole number of elements.
  func decode(_ bytes: ArraySlice<UInt8>) -> [Float] {
    switch (kind, size) {
    case ("f", 2): numbers(bytes) { (bits: UInt16) in Float(Float16(bitPattern: bits)) }
    case ("f", 4): numbers(bytes) { (bits: UInt32) in Float(bitPattern: bits) }
    case ("f", _): numbers(bytes) { (bits: UInt64) in Float(Double(bitPattern: bits)) }
    case ("b", _): numbers(bytes) { (bits: UInt8) in bits == 0 ? 0 : 1 }
    case ("i", 1): numbers(bytes) { (bits: UInt8) in Float(Int8(bitPattern: bits)) }
    case ("i", 2): numbers(bytes) { (bits: UInt16) in Float(Int16(bitPattern: bits)) }
    case ("i", 4): numbers(bytes) { (bits: UInt32) in Float(Int32(bitPattern: bits)) }
    case ("i", _): numbers(bytes) { (bits: UInt64) in Float(Int64(bitPattern: bits)) }
    case (_, 1): numbers(bytes) { (bits: UInt8) in Float(bits) }
    case (_, 2): numbers(bytes) { (bits: UInt16) in Float(bits) }
    case (_, 4): numbers(bytes) { (bits: UInt32) in Float(bits) }
    default: numbers(bytes) { (bits: UInt64) in Float(bits) }
    }
  }

  @inline(__always)
  private func numbers<Bits: FixedWidthInteger>(
    _ bytes: ArraySlice<UInt8>, _ number: (Bits) -> Float
  ) -> [Float] {
    let count = bytes.count / MemoryLayout<Bits>.size
    return [Float](unsafeUninitializedCapacity: count) { room, initialized in
      bytes.withUnsafeBytes { raw in
        for index in 0..<count {
          let bits = raw.loadUnaligned(
            fromByteOffset: index * MemoryLayout<Bits>.size, as: Bits.self)
          room.initializeElement(at: index, to: number(isBig ? bits.bigEndian : bits.littleEndian))
        }
      }
      initialized = count
    }
  }
}

/// Turns column-major elements into row-major ones.
private func rowMajor(_ scalars: [Float], shape: [Int]) -> [Float] {
  guard shape.count > 1, !scalars.isEmpty else { return scalars }
  var strides = [Int](repeating: 1, count: shape.count)
  for axis in 1..<shape.count { strides[axis] = strides[axis - 1] * shape[axis - 1] }
  // An odometer: the last axis turns fastest.
  var place = [Int](repeating: 0, count: shape.count)
  var source = 0
  return [Float](unsafeUninitializedCapacity: scalars.count) { room, initialized in
    for index in 0..<scalars.count {
      room.initializeElement(at: index, to: scalars[source])
      var axis = shape.count - 1
      while axis >= 0 {
        place[axis] += 1
        source += strides[axis]
        if place[axis] < shape[axis] { break }
        source -= place[axis] * strides[axis]
        place[axis] = 0
        axis -= 1
      }
    }
    initialized = scalars.count
  }
}
