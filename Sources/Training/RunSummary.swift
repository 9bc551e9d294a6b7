import Autograd
import Foundation

/// What the metrics log of a run says in two lines.
public struct RunSummary {
  /// Steps, training loss at the first and over the last logged steps, and the last validation.
  public let text: String

  /// - Throws: `TrainingError.checkpoint` when the folder has no readable log.
  public init(_ path: String) throws {
    let file = "\(path)/metrics.jsonl"
    guard FileManager.default.isReadableFile(atPath: file) else {
      throw TrainingError.checkpoint(
        path: file, problem: "missing or unreadable; is this a run folder?")
    }
    let lines = MetricsLog.lines(of: file).map(\.json)
    let training = lines.filter { $0["kind"]?.string == "train" }
    guard let first = training.first, let start = first["loss"]?.double, let last = training.last
    else {
      throw TrainingError.checkpoint(path: file, problem: "no training step is logged")
    }
    // Single steps are noisy: the end is the mean of the last tenth.
    let tail = training.suffix(max(1, training.count / 10)).compactMap { $0["loss"]?.double }
    let end = tail.reduce(0, +) / Double(max(1, tail.count))
    var text =
      "\(path)  step \(last["step"]?.integer ?? 0)  loss \(String(format: "%.4g", start)) -> "
      + String(format: "%.4g", end)
    if let validation = lines.last(where: { $0["kind"]?.string == "validation" }) {
      let values = (validation.members ?? []).compactMap { member -> String? in
        guard member.key != "step", let value = validation[member.key]?.double else { return nil }
        return "\(member.key) \(String(format: "%.4g", value))"
      }
      text += "  validation \(values.joined(separator: " "))"
    }
    self.text = text
  }
}
