import Autograd
import Foundation

/// A log of one JSON object a line: numbers by name, beside `kind` and `step`.
final class MetricsLog {
  static let trainingKind = "train"
  static let validationKind = "validation"

  private let path: String
  private let file: FileHandle

  /// Opens the log to append.
  /// - Parameter keeps: which lines stay, by kind and step. What is no line, such as half of one at
  ///   the end, is of a run that was cut off, and goes.
  /// - Throws: `TrainingError.resource`
  init(path: String, keeps: (_ kind: String, _ step: Int) -> Bool) throws {
    self.path = path
    do {
      // What is there and cannot be read must not be taken for an empty log, and replaced by one.
      let isThere = FileManager.default.fileExists(atPath: path)
      let data = try isThere ? Data(contentsOf: URL(fileURLWithPath: path)) : Data()
      let kept = Self.lines(in: data).filter { keeps($0.kind, $0.step) }.map(\.text)
      try AtomicFile.write(Data(kept.map { $0 + "\n" }.joined().utf8), to: path)
      file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
      try file.seekToEnd()
    } catch {
      throw Self.failure(path, error)
    }
  }

  typealias Line = (kind: String, step: Int, text: String, json: StrictJSON)

  /// The lines of a log that can be read.
  static func lines(of path: String) -> [Line] {
    lines(in: FileManager.default.contents(atPath: path) ?? Data())
  }

  private static func lines(in data: Data) -> [Line] {
    String(decoding: data, as: UTF8.self).split(separator: "\n").compactMap { line in
      guard let json = try? StrictJSON(parsing: line.utf8), let step = json["step"]?.integer,
        let kind = json["kind"]?.string
      else { return nil }
      return (kind, step, String(line), json)
    }
  }

  /// Appends a line. Values that are not finite are written as null.
  /// - Throws: `TrainingError.resource`
  func append(kind: String, step: Int, _ values: [(String, Double)]) throws {
    let members = values.map { name, value in
      ",\(quoted(name)):\(value.isFinite ? "\(value)" : "null")"
    }
    let line = "{\"kind\":\(quoted(kind)),\"step\":\(step)\(members.joined())}\n"
    do { try file.write(contentsOf: Data(line.utf8)) } catch { throw Self.failure(path, error) }
  }

  /// - Throws: `TrainingError.resource`
  func sync() throws {
    do { try file.synchronize() } catch { throw Self.failure(path, error) }
  }

  private static func failure(_ path: String, _ error: any Error) -> TrainingError {
    let free = DiskSpace.free(at: path).map { ", \(DiskSpace.text($0)) are free there" } ?? ""
    return .resource(
      "\(path): cannot be written (\(error)\(free)); mend this and run the same command again, the "
        + "last checkpoint is intact")
  }
}
