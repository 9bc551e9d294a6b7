/// The logged values of a run, by name, in the order in which the log names them.
public struct RunHistory: Sendable {
  public struct Series: Sendable {
    public let name: String
    /// Steps and values; NaN for what was not finite.
    public let points: [(step: Int, value: Double)]
  }

  public let training: [Series]
  public let validation: [Series]
  /// What the clock said.
  public let timing: [Series]

  /// What can be read in a run's folder; nothing for what is not there.
  public init(of folder: String) {
    let metrics = MetricsLog.lines(of: "\(folder)/metrics.jsonl")
    training = Self.series(metrics.filter { $0.kind == MetricsLog.trainingKind })
    validation = Self.series(metrics.filter { $0.kind == MetricsLog.validationKind })
    timing = Self.series(MetricsLog.lines(of: "\(folder)/timing.jsonl"))
  }

  private static func series(_ lines: [MetricsLog.Line]) -> [Series] {
    var order: [String] = []
    var points: [String: [(step: Int, value: Double)]] = [:]
    for line in lines {
      for member in line.json.members ?? [] where member.key != "kind" && member.key != "step" {
        if points[member.key] == nil { order.append(member.key) }
        points[member.key, default: []].append((line.step, member.value.double ?? .nan))
      }
    }
    return order.map { Series(name: $0, points: points[$0]!) }
  }
}
