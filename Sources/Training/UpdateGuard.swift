/// Decides whether a step's gradient may change the weights, and remembers what it must for that: it
/// goes into every checkpoint.
struct UpdateGuard: Codable, Equatable {
  enum Verdict: Equatable {
    case update
    /// Leave the weights as they are and go on.
    case skip(String)
    /// End the run before anything changes.
    case stop(String)
  }

  /// As many steps in a row that had to be skipped end a run.
  static let limit = 10
  /// Over how many losses the usual one and its deviation are taken, and from how many on.
  static let window = 128
  static let leastLosses = 32

  private(set) var skippedInARow = 0
  /// Steps skipped since the start.
  private(set) var skipped = 0
  /// The last losses that were accepted, oldest first; empty while spikes are not looked for.
  private(set) var losses: [Float] = []

  /// - Parameter norm: that of the gradient.
  mutating func judge(loss: Float, norm: Float, _ config: TrainingConfig) -> Verdict {
    if !loss.isFinite || !norm.isFinite {
      let what = loss.isFinite ? "the gradient is not finite" : "the loss is not finite"
      return config.onNonfinite == .stop ? .stop(what) : skip(what)
    }
    if config.lossSpikeZscore > 0 {
      if let score = score(loss), score > config.lossSpikeZscore {
        return skip("loss \(loss) is \(fixed(score, 1)) deviations above the last \(losses.count)")
      }
      losses.append(loss)
      if losses.count > Self.window { losses.removeFirst() }
    }
    skippedInARow = 0
    return .update
  }

  private mutating func skip(_ what: String) -> Verdict {
    skipped += 1
    skippedInARow += 1
    guard skippedInARow < Self.limit else {
      return .stop("\(what), and so the \(Self.limit)th step in a row would be skipped")
    }
    return .skip(what)
  }

  /// How many deviations a loss lies above the mean of the last ones; nil for too few of them.
  private func score(_ loss: Float) -> Double? {
    guard losses.count >= Self.leastLosses else { return nil }
    let count = Double(losses.count)
    let mean = losses.reduce(0) { $0 + Double($1) } / count
    let variance = losses.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / count
    guard variance > 0 else { return nil }
    return (Double(loss) - mean) / variance.squareRoot()
  }
}
