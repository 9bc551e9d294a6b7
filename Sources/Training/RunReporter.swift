/// Shows a run to people, beside its logs: a page with curves and pictures. What goes wrong there is
/// said, and ends no training.
public protocol RunReporter {
  /// The log has grown: after every validation, and when the run ends.
  func refresh(_ status: RunStatus) throws

  /// Draws what the model does now to data that it was not trained on.
  func preview(step: Int) throws
}

/// How far a run is.
public struct RunStatus: Sendable {
  public enum Phase: String, Sendable { case training, stopped, finished }

  public let phase: Phase
  public let step: Int
  public let maxSteps: Int
  /// Training time.
  public let minutes: Double
  /// Steps that did not change the weights.
  public let skipped: Int
}
