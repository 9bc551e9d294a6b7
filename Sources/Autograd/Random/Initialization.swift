import Foundation

/// Draws a model's initial weights, one array after another. Each array has its own stream of the
/// generator, numbered in the order of the calls.
public struct Initializer {
  private let seed: UInt64
  private var drawn = 0

  public init(seed: UInt64) { self.seed = seed }

  /// Uniform in ±sqrt(6 / (fan in + fan out)) (Glorot and Bengio 2010). Fans are the products over
  /// the leading axis and over the rest.
  public mutating func xavierUniform(_ shape: [Int]) -> Tensor {
    let fanOut = shape[0]
    let fanIn = shape.dropFirst().reduce(1, *)
    return uniform(shape, bound: (6 / Float(fanIn + fanOut)).squareRoot())
  }

  /// Uniform in ±1/sqrt(fanIn): PyTorch's default for the weights and biases of linear layers and
  /// convolutions.
  public mutating func fanInUniform(_ shape: [Int], fanIn: Int) -> Tensor {
    uniform(shape, bound: 1 / Float(fanIn).squareRoot())
  }

  public mutating func normal(_ shape: [Int], deviation: Float = 1) -> Tensor {
    Tensor(nextStream().normal(shape.product).map { $0 * deviation }, shape: shape)
  }

  /// N(0, deviation²) cut off at ±2 as PyTorch's `trunc_normal_` does; at small deviations a plain
  /// normal.
  public mutating func truncatedNormal(_ shape: [Int], deviation: Float) -> Tensor {
    let stream = nextStream()
    var values = stream.normal(shape.product).map { $0 * deviation }
    var attempt = 1
    while let outside = values.firstIndex(where: { Swift.abs($0) > 2 }) {
      values[outside] = stream.normal(1, step: attempt, sample: outside)[0] * deviation
      attempt += 1
    }
    return Tensor(values, shape: shape)
  }

  private mutating func uniform(_ shape: [Int], bound: Float) -> Tensor {
    Tensor(nextStream().uniform(shape.product).map { ($0 * 2 - 1) * bound }, shape: shape)
  }

  private mutating func nextStream() -> Philox {
    drawn += 1
    return Philox(seed: seed, stream: "initialization/\(drawn)")
  }
}

extension Philox {
  /// N(0, 1) draws of a batch: sample b of `shape` [B, ...] has draws of its own, whatever the
  /// batch size.
  /// - Parameter firstSample: the number of the batch's first sample.
  public func normal(_ shape: [Int], step: Int, firstSample: Int = 0) -> NDArray {
    batch(shape) { normal($0, step: step, sample: firstSample + $1) }
  }

  /// Draws of a batch, uniform in [0, 1), with samples of their own as in `normal`.
  public func uniform(_ shape: [Int], step: Int, firstSample: Int = 0) -> NDArray {
    batch(shape) { uniform($0, step: step, sample: firstSample + $1) }
  }

  /// `draw(count, b)` for every sample b of `shape` [B, ...].
  private func batch(_ shape: [Int], _ draw: (Int, Int) -> [Float]) -> NDArray {
    let count = shape.dropFirst().reduce(1, *)
    return NDArray((0..<shape[0]).flatMap { draw(count, $0) }, shape: shape)
  }
}
