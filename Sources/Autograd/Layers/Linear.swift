/// A layer of one input.
public protocol Layer: Module {
  func callAsFunction(_ x: Tensor) -> Tensor
}

/// `x · weightᵀ + bias` over the last axis.
public struct Linear: Layer {
  @Parameter public var weight: Tensor  // [out, in]
  @Parameter public var bias: Tensor  // [out]

  public init(weight: Tensor, bias: Tensor) {
    self.weight = weight
    self.bias = bias
  }

  /// Xavier-uniform weights and zero biases.
  public init(xavier inputs: Int, _ outputs: Int, _ initializer: inout Initializer) {
    self.init(weight: initializer.xavierUniform([outputs, inputs]), bias: .zeros([outputs]))
  }

  /// PyTorch's default: weights and biases uniform in ±1/sqrt(in).
  public init(_ inputs: Int, _ outputs: Int, _ initializer: inout Initializer) {
    self.init(
      weight: initializer.fanInUniform([outputs, inputs], fanIn: inputs),
      bias: initializer.fanInUniform([outputs], fanIn: inputs))
  }

  /// All zeros.
  public init(zeros inputs: Int, _ outputs: Int) {
    self.init(weight: .zeros([outputs, inputs]), bias: .zeros([outputs]))
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { linear(x, weight, bias) }

  /// `residual + gate · self(x)`; see `gatedLinear`.
  public func callAsFunction(_ x: Tensor, addedTo residual: Tensor, gate: Tensor) -> Tensor {
    gatedLinear(residual, gate: gate, x, weight, bias)
  }
}

extension [any Layer] {
  /// The layers one after another. An array of layers has PyTorch's `Sequential` keys: `0.weight`,
  /// `2.weight`, ...
  public func callAsFunction(_ x: Tensor) -> Tensor { reduce(x) { $1($0) } }
}

/// Linear, exact GELU, Linear.
public struct MLP: Layer {
  public let fc1: Linear
  public let fc2: Linear

  public init(fc1: Linear, fc2: Linear) {
    self.fc1 = fc1
    self.fc2 = fc2
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    fc2(linearGELU(x, fc1.weight, fc1.bias))
  }

  /// `x + gate · self(rmsNorm(x) · gain + offset)`; see `residualMLP`.
  public func branch(
    _ x: Tensor, gain: Tensor, offset: Tensor? = nil, gate: Tensor, keepsHidden: Bool = true
  ) -> Tensor {
    residualMLP(
      x, gain: gain, offset: offset, gate: gate, (fc1.weight, fc1.bias), (fc2.weight, fc2.bias),
      keepsHidden: keepsHidden)
  }
}

/// A learned vector gain for `rmsNorm`.
public struct RMSNorm: Layer {
  @Parameter public var weight: Tensor  // [D]

  public init(_ width: Int) { weight = .ones([width]) }

  public func callAsFunction(_ x: Tensor) -> Tensor { rmsNorm(x, gain: weight) }
}

/// A learned vector gain and offset for `layerNorm`.
public struct LayerNorm: Layer {
  @Parameter public var weight: Tensor  // [D]
  @Parameter public var bias: Tensor  // [D]
  private let epsilon: Float

  public init(_ width: Int, epsilon: Float = 1e-5) {
    weight = .ones([width])
    bias = .zeros([width])
    self.epsilon = epsilon
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    layerNorm(x, gain: weight, offset: bias, epsilon: epsilon)
  }
}
