import Archives
import Foundation

/// The arrays of an `.npz` file, as members of a zip archive.
struct NPZ {
  private let archive: Zip

  /// - Throws: `DataError` for a file that is no zip archive, is cut short, or repeats a name.
  init(path: String) throws { try self.init(bytes: readWholeFile(path), path: path) }

  init(bytes: some Sequence<UInt8>, path: String) throws {
    archive = try asDataError("the file is damaged or cut short; write it again with numpy.savez") {
      try Zip(bytes: Data(bytes), path: path)
    }
  }

  /// In the order of the archive.
  var names: [String] { archive.names }

  /// The bytes that a member claims to have when it is unpacked.
  func size(of name: String) -> Int { archive.size(of: name) }

  /// The contents of a member, checked against its CRC.
  /// - Throws: `DataError` for a damaged member, one of another compression, or one that unpacks to
  ///   more than is plausible.
  func contents(of name: String) throws -> [UInt8] {
    try asDataError(NPZ.advice) { try archive.contents(of: name) }
  }

  /// At most `count` bytes from the start of a member, unchecked.
  func start(of name: String, count: Int) throws -> [UInt8] {
    try asDataError(NPZ.advice) { try archive.start(of: name, count: count) }
  }

  private static let advice = "write the file again with numpy.savez or numpy.savez_compressed"
}

private func asDataError<R>(_ advice: String, _ body: () throws -> R) throws -> R {
  do { return try body() } catch let error as ArchiveError {
    throw DataError(
      file: error.path, dataset: error.member, expected: error.expected, found: error.found,
      advice: advice)
  }
}
