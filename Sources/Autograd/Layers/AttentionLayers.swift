/// Multi-head self-attention along one axis, with a joint projection to queries, keys and values.
public struct SelfAttention: Module {
  public let qkv: Linear  // D -> 3D
  public let proj: Linear  // D -> D
  private let heads: Int
  private let normalizesQK: Bool

  /// - Parameter normalizesQK: RMS-normalise every head's query and key.
  public init(qkv: Linear, proj: Linear, heads: Int, normalizesQK: Bool) {
    self.qkv = qkv
    self.proj = proj
    self.heads = heads
    self.normalizesQK = normalizesQK
  }

  /// [..., D] → [..., D], attending along `axis`.
  public func callAsFunction(_ x: Tensor, axis: Int) -> Tensor {
    proj(attend(x, axis))
  }

  /// `residual + gate · self(x)`; see `gatedLinear`.
  public func callAsFunction(
    _ x: Tensor, axis: Int, addedTo residual: Tensor, gate: Tensor
  ) -> Tensor {
    proj(attend(x, axis), addedTo: residual, gate: gate)
  }

  private func attend(_ x: Tensor, _ axis: Int) -> Tensor {
    selfAttention(qkv(x), heads: heads, axis: axis, normalizesQK: normalizesQK)
  }
}

/// Multi-head cross-attention along one axis. The caller projects the context with `kv`, once for
/// many queries.
public struct CrossAttention: Module {
  public let q: Linear  // D -> D
  public let kv: Linear  // D -> 2D
  public let proj: Linear  // D -> D
  private let heads: Int
  private let normalizesQK: Bool

  /// - Parameter normalizesQK: RMS-normalise every head's query and key.
  public init(q: Linear, kv: Linear, proj: Linear, heads: Int, normalizesQK: Bool) {
    self.q = q
    self.kv = kv
    self.proj = proj
    self.heads = heads
    self.normalizesQK = normalizesQK
  }

  /// - Parameter keyValue: `kv` of the context; see `crossAttention` for its shape.
  /// - Returns: the shape of `x`.
  public func callAsFunction(_ x: Tensor, _ keyValue: Tensor, axis: Int) -> Tensor {
    proj(attend(x, keyValue, axis))
  }

  /// `residual + gate · self(x, keyValue)`; see `gatedLinear`.
  public func callAsFunction(
    _ x: Tensor, _ keyValue: Tensor, axis: Int, addedTo residual: Tensor, gate: Tensor
  ) -> Tensor {
    proj(attend(x, keyValue, axis), addedTo: residual, gate: gate)
  }

  private func attend(_ x: Tensor, _ keyValue: Tensor, _ axis: Int) -> Tensor {
    crossAttention(q(x), keyValue, heads: heads, axis: axis, normalizesQK: normalizesQK)
  }
}
