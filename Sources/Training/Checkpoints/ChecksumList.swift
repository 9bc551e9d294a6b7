import Autograd
import Foundation

/// What makes a checkpoint complete: `SHA256SUMS`, written last, with the hash of every other file.
/// `sha256sum -c SHA256SUMS` checks it by hand.
struct ChecksumList: Equatable {
  static let fileName = "SHA256SUMS"

  /// SHA-256 in hexadecimal, by file name.
  private(set) var hashes: [String: String] = [:]

  init() {}

  /// - Throws: `TrainingError.checkpoint` when the folder has none, or it cannot be understood.
  init(of folder: String) throws {
    let file = "\(folder)/\(Self.fileName)"
    guard let data = FileManager.default.contents(atPath: file) else {
      throw TrainingError.checkpoint(
        path: folder, problem: "incomplete: expected \(Self.fileName), found none")
    }
    for line in String(decoding: data, as: UTF8.self).split(separator: "\n") {
      let parts = line.components(separatedBy: "  ")
      guard parts.count == 2, parts[0].count == 64, parts[0].allSatisfy(\.isHexDigit) else {
        throw TrainingError.checkpoint(
          path: file, problem: "damaged: expected lines of SHA-256 and file name, found '\(line)'")
      }
      hashes[parts[1]] = parts[0]
    }
  }

  mutating func add(_ name: String, _ data: Data) { hashes[name] = SHA256.hexDigest(of: data) }

  var text: String {
    hashes.sorted { $0.key < $1.key }.map { "\($0.value)  \($0.key)\n" }.joined()
  }
}
