import Autograd

/// The order in which training visits its items: an endless stream of epochs, each a permutation of
/// all items that depends on (seed, epoch) alone. Slot s of batch n is a function of the seed, n and
/// s, whatever was read before and however many processes share the batch.
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
  public func items(batch n: Int) -> [Int] { items(batch: n, slots: 0..<batchSize) }

  /// The items in some of a batch's slots.
  /// - Precondition: `slots` lies in `0..<batchSize`.
  public func items(batch n: Int, slots: Range<Int>) -> [Int] {
    precondition(
      slots.lowerBound >= 0 && slots.upperBound <= batchSize,
      "BatchOrder: slots \(slots) of a batch of \(batchSize)")
    var batch: [Int] = []
    var position = n * batchSize + slots.lowerBound
    while batch.count < slots.count {
      let (epoch, start) = position.quotientAndRemainder(dividingBy: items)
      let order = random.permutation(items, step: epoch)
      let part = order[start..<min(items, start + slots.count - batch.count)]
      batch += part
      position += part.count
    }
    return batch
  }
}
