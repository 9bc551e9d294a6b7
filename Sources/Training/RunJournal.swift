import Foundation

/// What a run leaves of its steps, beside checkpoints: `metrics.jsonl` with what was computed,
/// `timing.jsonl` with what the clock says, and TensorBoard's events with both.
///
/// They are apart because what was computed is the same, byte for byte, however often a run was
/// interrupted, and time is not.
final class RunJournal {
  private let metrics: MetricsLog
  private let timing: MetricsLog
  private let events: EventFile

  /// Opens the logs to append, and drops what belongs to steps that a run going on after `step` will
  /// take again.
  /// - Parameter validationIsDue: that of `step` will be done again, too.
  /// - Throws: `TrainingError.resource`
  init(in folder: String, after step: Int, validationIsDue: Bool) throws {
    metrics = try MetricsLog(path: "\(folder)/metrics.jsonl") { kind, own in
      own < step || (own == step && !(validationIsDue && kind == MetricsLog.validationKind))
    }
    timing = try MetricsLog(path: "\(folder)/timing.jsonl") { _, own in own <= step }
    events = try EventFile(folder: folder, firstStep: step == 0 ? nil : step + 1)
  }

  func training(_ report: StepReport) throws {
    try metrics.append(kind: MetricsLog.trainingKind, step: report.step, report.values)
    try timing.append(kind: MetricsLog.trainingKind, step: report.step, report.timing)
    try events.append(
      step: report.step, tagged("train", report.values) + tagged("timing", report.timing))
  }

  func validation(step: Int, _ values: [(String, Double)]) throws {
    try metrics.append(kind: MetricsLog.validationKind, step: step, values)
    try events.append(step: step, tagged("validation", values))
  }

  /// TensorBoard groups its charts by what stands before the slash.
  private func tagged(_ group: String, _ values: [(String, Double)]) -> [(String, Double)] {
    values.map { ("\(group)/\($0.0)", $0.1) }
  }

  /// Makes durable what was appended: a checkpoint must not outlive the lines of its steps.
  func sync() throws {
    try metrics.sync()
    try timing.sync()
    try events.sync()
  }
}
