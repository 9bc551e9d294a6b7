/// The operations of one step in the order in which they were evaluated, so that backward is one
/// reversed loop.
///
/// A flat list, not nodes that own their parents: it needs no sorting, and releasing a long chain
/// of nodes recurses. A class that is not `Sendable`, so that the compiler rejects a `Tensor` sent
/// to another task.
final class Tape {
  typealias Pullback = (_ upstream: NDArray) -> [NDArray?]

  private struct Entry {
    let inputs: [Int?]
    /// Nil for a leaf, and after backward has replayed the entry: what it saved is released then.
    var pullback: Pullback?
  }

  private var entries: [Entry] = []

  /// Whether ops are evaluated without being recorded.
  @TaskLocal static var isPaused = false

  /// A tensor whose gradient is wanted.
  func leaf(_ array: NDArray) -> Tensor { record(array, from: [], pullback: nil) }

  func record(_ value: NDArray, from inputs: [Int?], pullback: Pullback?) -> Tensor {
    entries.append(Entry(inputs: inputs, pullback: pullback))
    return Tensor(array: value, slot: (self, entries.count - 1))
  }

  /// The gradients of the leaves by index, given that of the entry at `root`. Replays, and empties,
  /// the tape.
  func gradients(from root: Int, upstream: NDArray) -> [Int: NDArray] {
    var gradients = [root: upstream]
    for index in stride(from: root, through: 0, by: -1) {
      guard let pullback = entries[index].pullback else { continue }
      entries[index].pullback = nil
      guard let upstream = gradients.removeValue(forKey: index) else { continue }
      for (input, gradient) in zip(entries[index].inputs, pullback(upstream)) {
        guard let input, let gradient else { continue }
        if var sum = gradients.removeValue(forKey: input) {
          gradient.device.backend.add(gradient, to: &sum)
          gradients[input] = sum
        } else {
          gradients[input] = gradient
        }
      }
    }
    return gradients
  }
}

/// What `body` returns, with nothing that is evaluated inside recorded: its results are constants,
/// and no intermediate result is kept for a gradient. For targets, metrics and rollouts inside a
/// loss.
public func withoutGradient<Result>(_ body: () throws -> Result) rethrows -> Result {
  try Tape.$isPaused.withValue(true, operation: body)
}
