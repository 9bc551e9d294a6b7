import CHDF5

/// Reads `count` strings of a string type, fixed or variable in size, from whatever `read` reads (a
/// dataset or an attribute).
/// - Throws: `HDF5Failure` when the library fails, for more than 1 GiB, or for bytes that are not
///   UTF-8.
func readStrings(
  _ operation: String, type: hid_t, space: hid_t, count: Int,
  _ read: (_ memoryType: hid_t, _ bytes: UnsafeMutableRawPointer) -> herr_t
) throws -> [String] {
  try HDF5.serialized {
    let isVariable = try HDF5.checked(operation) { H5Tis_variable_str(type) } > 0
    guard isVariable else {
      let size = Int(H5Tget_size(type))
      guard size > 0, count <= (1 << 30) / size else {
        throw HDF5Failure(operation: operation, reason: "\(count) strings of \(size) bytes")
      }
      var bytes = [UInt8](repeating: 0, count: max(1, count * size))
      try bytes.withUnsafeMutableBytes { buffer in
        _ = try HDF5.checked(operation) { read(type, buffer.baseAddress!) }
      }
      return try (0..<count).map { row in
        try decoded(bytes[row * size..<(row + 1) * size].prefix { $0 != 0 }, operation)
      }
    }
    var pointers = [UnsafeMutablePointer<CChar>?](repeating: nil, count: max(1, count))
    return try pointers.withUnsafeMutableBytes { buffer in
      try HDF5.checked(operation) { read(type, buffer.baseAddress!) }
      defer { H5Dvlen_reclaim(type, space, trajloom_H5P_DEFAULT(), buffer.baseAddress!) }
      return try buffer.bindMemory(to: UnsafeMutablePointer<CChar>?.self).prefix(count).map {
        text in
        guard let text else { return "" }
        return try decoded(UnsafeRawBufferPointer(start: text, count: strlen(text)), operation)
      }
    }
  }
}

private func strlen(_ text: UnsafePointer<CChar>) -> Int {
  var length = 0
  while text[length] != 0 { length += 1 }
  return length
}

private func decoded(_ bytes: some Collection<UInt8>, _ operation: String) throws -> String {
  guard let text = String(validating: bytes, as: UTF8.self) else {
    throw HDF5Failure(operation: operation, reason: "a string is not UTF-8")
  }
  return text
}
