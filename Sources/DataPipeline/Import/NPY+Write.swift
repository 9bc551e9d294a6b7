import Foundation

/// The bytes of `.npy` files (format version 1), row-major, little-endian.
public enum NPYFile {
  /// - Precondition: `values.count` is the product of `shape`; of the other functions as well.
  public static func encode(_ values: [Float], shape: [Int]) -> [UInt8] {
    encode("<f4", shape, values.count, values.map(\.bitPattern.littleEndian).bytes)
  }

  public static func encode(_ values: [UInt8], shape: [Int]) -> [UInt8] {
    encode("|u1", shape, values.count, values)
  }

  public static func encode(_ values: [Int64], shape: [Int]) -> [UInt8] {
    encode("<i8", shape, values.count, values.map(\.littleEndian).bytes)
  }

  public static func encode(_ values: [Bool], shape: [Int]) -> [UInt8] {
    encode("|b1", shape, values.count, values.map { $0 ? 1 : 0 })
  }

  /// Writes a file that `encode` has made, whole or not at all.
  /// - Throws: `DataError` of kind `.resource`.
  public static func write(_ bytes: [UInt8], to path: String) throws {
    do {
      try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw DataError(
        "\(path): cannot be written: \(error.localizedDescription); check the disk and the folder",
        kind: .resource)
    }
  }

  private static func encode(_ type: String, _ shape: [Int], _ count: Int, _ data: [UInt8])
    -> [UInt8]
  {
    precondition(count == shape.reduce(1, *), "npy: \(count) values for shape \(shape)")
    // As Python prints a tuple: `()`, `(3,)`, `(3, 2)`.
    let extents = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
    var header = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(extents)), }"
    // numpy aligns the data to 64 bytes.
    header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
    let size = header.utf8.count
    return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(size & 255), UInt8(size >> 8)]
      + Array(header.utf8) + data
  }
}

extension Array where Element: FixedWidthInteger {
  fileprivate var bytes: [UInt8] { withUnsafeBytes { [UInt8]($0) } }
}
