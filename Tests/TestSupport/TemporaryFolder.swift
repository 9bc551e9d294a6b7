import Foundation

/// Files that a test makes, in one folder per process that the system may clear.
public enum TemporaryFolder {
  private static let root: String = {
    let path =
      NSTemporaryDirectory() + "/trajloom-tests-\(ProcessInfo.processInfo.processIdentifier)"
    atexit { try? FileManager.default.removeItem(atPath: TemporaryFolder.root) }
    return path
  }()

  /// A path in the folder, which exists afterwards.
  public static func path(_ name: String) throws -> String {
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    return "\(root)/\(name)"
  }

  /// A new empty folder.
  public static func make(_ name: String = "folder") throws -> String {
    let path = try path("\(name)-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }
}
