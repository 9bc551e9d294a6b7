import Autograd

/// The order in which training visits its items: an endless stream of epochs, each a permutation of
/// all items that depends on (seed, epoch) alone. A resumed run continues it from the number of the
/// batch.
public struct BatchOrder: Sendable, Equatable {
  public let items: Int
  public let batchSize: Int
  private let random: Philox

  /// - Precondition: there are items, and a batch holds at least one.
  public init(seed: UInt64, items: Int, batchSize: Int) {
    precondition(
      items > 0 && batchSize > 0, "BatchOrder: \(items) items in batches of \(batchSize)")
    self.items = items
    self.batchSize = batchSize
    random = Philox(seed: seed, stream: "order")
  }

  /// The items of a batch: positions [n · batchSize, (n + 1) · batchSize) of the stream, where
  /// position k is entry k mod items of the permutation of epoch k / items. A batch may reach into
  /// the next epoch. Complexity: O(items) per epoch that the batch touches.
  public func items(batch n: Int) -> [Int] {
    var batch: [Int] = []
    var position = n * batchSize
    while batch.count < batchSize {
      let (epoch, start) = position.quotientAndRemainder(dividingBy: items)
      let order = random.permutation(items, step: epoch)
      let part = order[start..<min(items, start + batchSize - batch.count)]
      batch += part
      position += part.count
    }
    return batch
  }
}
