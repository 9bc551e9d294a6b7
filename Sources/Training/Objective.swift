import Autograd

/// What a model is trained on: what a batch is and what the loss terms are. The loop is
/// `TrainingRun`.
public protocol Objective {
  associatedtype Model: Module
  associatedtype Batch: Sendable

  var model: Model { get }

  /// The loss of a batch, and its terms by name.
  /// - Parameter index: the number of the batch since the start of the run; all random draws depend
  ///   on it alone.
  func loss(_ batch: Batch, index: Int) -> (loss: Tensor, terms: [Term])

  /// Validation quantities of a batch, to be pooled over batches. Deterministic: draws depend on
  /// `index` alone.
  func evaluate(_ batch: Batch, index: Int) -> [PooledMetric]

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
  /// Training batch number n.
  public let training: @Sendable (Int) throws -> Batch
  /// How many validation batches there are, and number n of them.
  public let validationCount: Int
  public let validation: @Sendable (Int) throws -> Batch
  /// A hash of the data, which a resumed run must find unchanged.
  public let dataHash: String

  public init(
    training: @escaping @Sendable (Int) throws -> Batch, validationCount: Int,
    validation: @escaping @Sendable (Int) throws -> Batch, dataHash: String
  ) {
    self.training = training
    self.validationCount = validationCount
    self.validation = validation
    self.dataHash = dataHash
  }
}
