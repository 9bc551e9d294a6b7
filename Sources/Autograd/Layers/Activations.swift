// Activations as layers, for sequences of layers.

/// max(x, 0)
public struct ReLU: Layer {
  public init() {}
  public func callAsFunction(_ x: Tensor) -> Tensor { relu(x) }
}

/// x · sigmoid(x)
public struct SiLU: Layer {
  public init() {}
  public func callAsFunction(_ x: Tensor) -> Tensor { silu(x) }
}

/// x Φ(x), exact.
public struct GELU: Layer {
  public init() {}
  public func callAsFunction(_ x: Tensor) -> Tensor { gelu(x) }
}

/// The hyperbolic tangent.
public struct Tanh: Layer {
  public init() {}
  public func callAsFunction(_ x: Tensor) -> Tensor { tanh(x) }
}
