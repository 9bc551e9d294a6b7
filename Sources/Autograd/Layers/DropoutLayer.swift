/// Whether a forward pass trains. What depends on it takes it as an argument.
public enum LayerMode: Sendable {
  case evaluation
  /// Draws are a function of the seed, the step and the number of the batch's first sample.
  case training(seed: UInt64, step: Int, firstSample: Int = 0)
}

/// Sets elements to 0 at random in training, does nothing in evaluation; see `dropout`.
public struct Dropout: Module {
  private let probability: Float
  private let stream: String

  /// - Parameter stream: names this layer's draws. Layers of the same name draw the same mask.
  public init(_ probability: Float, stream: String) {
    self.probability = probability
    self.stream = stream
  }

  public func callAsFunction(_ x: Tensor, _ mode: LayerMode) -> Tensor {
    guard case .training(let seed, let step, let firstSample) = mode else { return x }
    return dropout(
      x, probability: probability, Philox(seed: seed, stream: stream), step: step,
      firstSample: firstSample)
  }
}
