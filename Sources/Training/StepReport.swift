import Foundation

/// What is known of a step once it is done: values for the logs, and a line for a person.
struct StepReport {
  let step: Int
  let maxSteps: Int
  let loss: Double
  /// What the loss is made of.
  let terms: [(name: String, value: Double)]
  let learningRate: Double
  /// Before clipping.
  let gradientNorm: Double
  /// Steps skipped so far.
  let skipped: Int
  let samplesPerSecond: Double
  /// The share of the time in which a step waited for its data.
  let dataWait: Double
  /// Training time so far.
  let minutes: Double
  let secondsLeft: Double

  /// What was computed: the same however the run got here.
  var values: [(String, Double)] {
    [("loss", loss)] + terms.map { ($0.name, $0.value) }
      + [
        ("learning_rate", learningRate), ("grad_norm", gradientNorm), ("skipped", Double(skipped)),
      ]
  }

  /// What the clock says.
  var timing: [(String, Double)] {
    [("samples_per_second", samplesPerSecond), ("data_wait", dataWait), ("minutes", minutes)]
  }

  var line: String {
    let shown = terms.map { "\($0.name) \(short($0.value))" }.joined(separator: " ")
    return "step \(step)/\(maxSteps)  loss \(short(loss))  \(shown)  lr \(short(learningRate))  "
      + "norm \(short(gradientNorm))  \(short(samplesPerSecond)) samples/s  "
      + "wait \(fixed(100 * dataWait, 1))%  ETA \(duration(secondsLeft))"
  }
}

/// A number with four digits.
func short(_ value: Double) -> String { String(format: "%.4g", value) }
