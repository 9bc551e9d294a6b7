/// Convolution along axis 1 of [B, L, ..., in].
public struct Convolution1D: Layer {
  @Parameter public var weight: Tensor  // [out, in, kernel]
  @Parameter public var bias: Tensor  // [out]
  private let stride: Int
  private let padding: ConvolutionPadding

  /// PyTorch's default initialisation: uniform in ±1/sqrt(in · kernel).
  public init(
    _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: ConvolutionPadding,
    _ initializer: inout Initializer
  ) {
    weight = initializer.fanInUniform([outputs, inputs, kernel], fanIn: inputs * kernel)
    bias = initializer.fanInUniform([outputs], fanIn: inputs * kernel)
    self.stride = stride
    self.padding = padding
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    convolution1D(x, weight, bias, stride: stride, padding: padding)
  }
}

/// Transposed convolution along axis 1 of [B, L, ..., in].
public struct TransposedConvolution1D: Layer {
  @Parameter public var weight: Tensor  // [in, out, kernel]
  @Parameter public var bias: Tensor  // [out]
  private let stride: Int
  private let padding: Int

  /// PyTorch's default initialisation: uniform in ±1/sqrt(out · kernel).
  public init(
    _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int, padding: Int,
    _ initializer: inout Initializer
  ) {
    weight = initializer.fanInUniform([inputs, outputs, kernel], fanIn: outputs * kernel)
    bias = initializer.fanInUniform([outputs], fanIn: outputs * kernel)
    self.stride = stride
    self.padding = padding
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    transposedConvolution1D(x, weight, bias, stride: stride, padding: padding)
  }
}

/// Convolution of images with their channels last, [B, H, W, in].
public struct Convolution2D: Layer {
  @Parameter public var weight: Tensor  // [out, in, kernel, kernel]
  @Parameter public var bias: Tensor  // [out]
  private let stride: Int
  private let padding: Int

  /// PyTorch's default initialisation: uniform in ±1/sqrt(in · kernel²).
  public init(
    _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0,
    _ initializer: inout Initializer
  ) {
    let fanIn = inputs * kernel * kernel
    weight = initializer.fanInUniform([outputs, inputs, kernel, kernel], fanIn: fanIn)
    bias = initializer.fanInUniform([outputs], fanIn: fanIn)
    self.stride = stride
    self.padding = padding
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    convolution2D(x, weight, bias, stride: stride, padding: padding)
  }
}
