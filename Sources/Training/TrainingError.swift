import Autograd

/// Why a run cannot start or go on. Each is one line that says what to do.
public enum TrainingError: Error, CustomStringConvertible, Sendable {
  /// Losses or gradients that no weights can be changed by. The last checkpoint is intact.
  case numerical(
    step: Int, problem: String, clips: [String], origin: NonFiniteOperation?, canSkip: Bool)
  /// A checkpoint that is damaged, incomplete, or of another run.
  case checkpoint(path: String, problem: String)
  /// A resource that is missing: disk space, or a run folder that another process holds.
  case resource(String)

  public var description: String {
    switch self {
    case .numerical(let step, let problem, let clips, let origin, let canSkip):
      "step \(step): \(problem) (clips: \(clips.joined(separator: ", "))"
        + (origin.map { "; first operation to blame: \($0)" } ?? "")
        + "); the last checkpoint is intact. Look at these clips, or lower train.learning_rate"
        + (canSkip ? ", or set train.on_nonfinite to \"skip\"" : "")
    case .checkpoint(let path, let problem): "\(path): \(problem)"
    case .resource(let problem): problem
    }
  }
}
