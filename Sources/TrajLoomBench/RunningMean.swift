/// The mean of values that arrive one at a time; there is none before the first.
struct RunningMean: Sendable {
  private(set) var sum = 0.0
  private(set) var count = 0

  var value: Double? { count == 0 ? nil : sum / Double(count) }

  mutating func add(_ value: Double) {
    sum += value
    count += 1
  }

  /// As if every value that `other` has seen had been added here.
  mutating func add(_ other: RunningMean) {
    sum += other.sum
    count += other.count
  }
}
