import Archives
import Foundation

/// Zip archives of stored members, as `numpy.savez` writes them.
public enum StoredZip {
  public static func encode(_ members: [(name: String, bytes: [UInt8])]) -> Data {
    ZipWriter.archive(members.map { ($0.name, Data($0.bytes)) })
  }
}
