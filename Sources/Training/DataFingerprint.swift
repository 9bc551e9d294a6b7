import Autograd
import Foundation

/// What the data of a run is: a hash for every file, so that a change can be named.
public struct DataFingerprint: Codable, Equatable, Sendable {
  /// Hashes by file name.
  public let files: [String: String]

  public init(_ files: [String: String]) { self.files = files }

  /// That of weights which no data belongs to yet.
  static let none = DataFingerprint([:])

  /// One hash over all files.
  public var hash: String {
    let lines = files.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }
    return SHA256.hexDigest(of: Data(lines.joined().utf8))
  }

  /// What is different in `other`, file by file; the first few of many.
  func differences(to other: DataFingerprint) -> String {
    let names = Set(files.keys).union(other.files.keys).sorted()
    let changes = names.compactMap { name -> String? in
      switch (files[name], other.files[name]) {
      case (nil, _): "\(name) is new"
      case (_, nil): "\(name) is gone"
      case (let old, let new): old == new ? nil : "\(name) has other contents"
      }
    }
    let shown = changes.prefix(4).joined(separator: ", ")
    return changes.count > 4 ? "\(shown) and \(changes.count - 4) more" : shown
  }
}
