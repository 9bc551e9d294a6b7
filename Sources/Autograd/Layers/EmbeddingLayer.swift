/// A learned vector for each of a fixed number of things.
public struct Embedding: Module {
  @Parameter public var weight: Tensor  // [V, D]

  /// PyTorch's default initialisation: N(0, 1).
  public init(_ count: Int, width: Int, _ initializer: inout Initializer) {
    weight = initializer.normal([count, width])
  }

  /// The vectors of `indices`: [indices.count, D].
  public func callAsFunction(_ indices: [Int]) -> Tensor { embedding(weight, indices) }
}
