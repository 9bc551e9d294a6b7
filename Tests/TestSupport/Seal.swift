import Autograd
import Foundation

/// The `SHA256SUMS` of checkpoint folders.
public enum Seal {
  /// Hashes by file name.
  public static func hashes(_ folder: String) throws -> [String: String] {
    let text = try String(contentsOfFile: "\(folder)/SHA256SUMS", encoding: .utf8)
    let pairs = text.split(separator: "\n").map { $0.components(separatedBy: "  ") }
    return Dictionary(uniqueKeysWithValues: pairs.map { ($0[1], $0[0]) })
  }

  /// Makes a folder whole again whose files were changed on purpose.
  public static func renew(_ folder: String) throws {
    let lines = try hashes(folder).keys.sorted().map { name in
      let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))
      return "\(SHA256.hexDigest(of: data))  \(name)\n"
    }
    try lines.joined().write(toFile: "\(folder)/SHA256SUMS", atomically: true, encoding: .utf8)
  }
}
