import Autograd

/// Why a run cannot start or go on. Each is one line that says what to do.
public enum TrainingError: Error, CustomStringConvertible, Sendable {
  /// A loss or gradient that is not finite. The last checkpoint is intact.
  case nonFinite(step: Int, what: String, clips: [String], origin: NonFiniteOperation?)
  /// A checkpoint that is damaged, incomplete, or of another run.
  case checkpoint(path: String, problem: String)
  /// A resource that is missing: disk space, or a run folder that another process holds.
  case resource(String)

  public var description: String {
    switch self {
    case .nonFinite(let step, let what, let clips, let origin):
      "step \(step): \(what) is not finite (clips: \(clips.joined(separator: ", "))"
        + (origin.map { "; first operation to blame: \($0)" } ?? "")
        + "); the last checkpoint is intact. Lower train.learning_rate, or set train.on_nonfinite to \"skip\""
    case .checkpoint(let path, let problem): "\(path): \(problem)"
    case .resource(let problem): problem
    }
  }
}
