import Autograd
import Foundation

/// `metrics.jsonl`: one JSON object a line, numbers by name.
final class MetricsLog {
  private let path: String
  private var file: FileHandle

  /// Opens the log to append. Lines after `step`, and a torn last line, belong to a run that was
  /// cut off and are dropped.
  init(path: String, keepingThrough step: Int) throws {
    self.path = path
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    let kept = text.split(separator: "\n").filter { line in
      guard let json = try? StrictJSON(parsing: line.utf8), let own = json["step"]?.integer else {
        return false
      }
      return own <= step
    }
    try AtomicFile.write(Data(kept.map { $0 + "\n" }.joined().utf8), to: path)
    guard let file = FileHandle(forWritingAtPath: path) else {
      throw TrainingError.resource("\(path): cannot be written")
    }
    self.file = file
    try file.seekToEnd()
  }

  /// Appends a line. Values that are not finite are written as null.
  func append(kind: String, step: Int, _ values: [(String, Double)]) throws {
    let members = values.map { name, value in
      "\(quoted(name)):\(value.isFinite ? "\(value)" : "null")"
    }
    let line = "{\"kind\":\(quoted(kind)),\"step\":\(step),\(members.joined(separator: ","))}\n"
    do { try file.write(contentsOf: Data(line.utf8)) } catch {
      throw TrainingError.resource("\(path): cannot be written (\(error)); free space and resume")
    }
  }
}
