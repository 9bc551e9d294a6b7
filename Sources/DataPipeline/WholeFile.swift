import Foundation

/// All bytes of a file of at most 4 GiB.
/// - Throws: `DataError` for a larger one, or one that cannot be read.
func readWholeFile(_ path: String) throws -> [UInt8] {
  let size = fileSize(path)
  guard size <= 1 << 32 else {
    throw DataError(
      file: path, expected: "at most 4 GiB", found: "\(size) bytes",
      advice: "cut the file into one per clip")
  }
  guard let data = FileManager.default.contents(atPath: path) else {
    throw DataError("\(path): cannot be read; check the path and its permissions")
  }
  return [UInt8](data)
}

/// Bytes; 0 for a file that is not there.
func fileSize(_ path: String) -> Int {
  let attributes = try? FileManager.default.attributesOfItem(atPath: path)
  return (attributes?[.size] as? NSNumber)?.intValue ?? 0
}
