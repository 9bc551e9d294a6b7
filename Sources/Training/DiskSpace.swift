import Foundation

/// Room on the file system of a folder.
public enum DiskSpace {
  /// Bytes that this user may still write at a path that need not exist yet; nil where the system
  /// does not say.
  public static func free(at path: String) -> Int? {
    var path = path.isEmpty ? "." : path
    while !FileManager.default.fileExists(atPath: path) {
      let parent = (path as NSString).deletingLastPathComponent
      path = parent.isEmpty ? "." : parent
    }
    var system = statvfs()
    guard statvfs(path, &system) == 0 else { return nil }
    return Int(
      clamping: UInt64(system.f_bavail).multipliedReportingOverflow(by: UInt64(system.f_frsize))
        .partialValue)
  }

  /// `1.5 GB`
  public static func text(_ bytes: Int) -> String {
    for (unit, size) in [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)]
    where Double(bytes) >= size {
      return "\(fixed(Double(bytes) / size, 1)) \(unit)"
    }
    return "\(bytes) bytes"
  }
}
