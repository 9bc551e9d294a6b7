import Autograd

/// What a model is trained on: what a batch is and what the loss terms are. The loop is
/// `TrainingRun`.
public protocol Objective {
  associatedtype Model: Module
  associatedtype Batch: Sendable

  var model: Model { get }

  /// The loss of a batch, a mean over its samples, and its terms by name.
  /// - Parameter place: all random draws of sample i depend on the seed, `place.number` and
  ///   `place.slots[i]` alone.
  func loss(_ batch: Batch, at place: BatchPlace) -> (loss: Tensor, terms: [Term])

  /// Validation quantities of a batch, to be pooled over batches. Deterministic: draws depend on
  /// `index` alone.
  func evaluate(_ batch: Batch, index: Int) -> [PooledMetric]

  /// The quantities of `evaluate` that are the better the lower they are, the most telling first.
  var monitored: [String] { get }

  /// The clips of a batch, for messages.
  func clips(_ batch: Batch) -> [String]
}

/// A loss term's name and value.
public struct Term: Sendable {
  public let name: String
  public let value: Float
  public init(_ name: String, _ value: Float) {
    self.name = name
    self.value = value
  }
}

/// A mean that is pooled over batches: the sum of what is averaged, and how much that was.
public struct PooledMetric: Sendable {
  public let name: String
  public let sum: Double
  public let count: Double
  public init(_ name: String, sum: Double, count: Double) {
    self.name = name
    self.sum = sum
    self.count = count
  }
}

/// The batches of a run. `training` is called on another thread.
public struct BatchSource<Batch: Sendable>: Sendable {
  /// The training batch at a place.
  public let training: @Sendable (BatchPlace) throws -> Batch
  /// How many validation batches there are, and number n of them.
  public let validationCount: Int
  public let validation: @Sendable (Int) throws -> Batch
  /// The data, which a resumed run must find unchanged.
  public let data: DataFingerprint

  public init(
    training: @escaping @Sendable (BatchPlace) throws -> Batch, validationCount: Int,
    validation: @escaping @Sendable (Int) throws -> Batch, data: DataFingerprint
  ) {
    self.training = training
    self.validationCount = validationCount
    self.validation = validation
    self.data = data
  }
}
