/// What a convolution reads beyond the ends of its input.
public enum ConvolutionPadding: Sendable {
  case zeros(Int)
  /// The first or last element again.
  case replicate(Int)

  var count: Int {
    switch self {
    case .zeros(let count), .replicate(let count): count
    }
  }
}

/// Convolution along axis 1 of [B, L, ..., I] over all channels; every index of the axes between is
/// a sequence of its own. Shapes: `weight` [O, I, K], `bias` [O] → [B, (L + 2 padding - K) / stride
/// + 1, ..., O].
public func convolution1D(
  _ x: Tensor, _ weight: Tensor, _ bias: Tensor, stride: Int = 1, padding: ConvolutionPadding
) -> Tensor {
  precondition(
    x.rank >= 3 && weight.rank == 3 && weight.shape[1] == x.shape.last
      && bias.shape == [weight.shape[0]],
    "convolution1D: x \(x.shape), weight \(weight.shape), bias \(bias.shape)")
  let geometry = geometry(x.shape, length: x.shape[1], weight.shape, stride, padding)
  precondition(
    geometry.outputLength > 0, "convolution1D: kernel \(weight.shape) over x \(x.shape)")
  let backend = Device.common("convolution1D", x.array, weight.array, bias.array).backend
  let y = Tensor.recorded(
    backend.convolution(x.array, weight.array, geometry), from: [x, weight]
  ) { [x = x.array, w = weight.array, wantsX = x.isTracked] dy in
    [
      wantsX ? backend.convolutionInputGradient(dy, w, geometry) : nil,
      backend.convolutionWeightGradient(x, dy, geometry),
    ]
  }
  return y + bias
}

/// Transposed convolution along axis 1: the adjoint of `convolution1D` with zero padding. Shapes:
/// `x` [B, L, ..., I], `weight` [I, O, K], `bias` [O] → [B, (L - 1) stride - 2 padding + K, ...,
/// O].
public func transposedConvolution1D(
  _ x: Tensor, _ weight: Tensor, _ bias: Tensor, stride: Int, padding: Int
) -> Tensor {
  precondition(
    x.rank >= 3 && weight.rank == 3 && weight.shape[0] == x.shape.last
      && bias.shape == [weight.shape[1]],
    "transposedConvolution1D: x \(x.shape), weight \(weight.shape), bias \(bias.shape)")
  let length = (x.shape[1] - 1) * stride - 2 * padding + weight.shape[2]
  // The convolution whose input gradient this is maps O channels at `length` to I channels at L.
  let geometry = geometry(x.shape, length: length, weight.shape, stride, .zeros(padding))
  let backend = Device.common("transposedConvolution1D", x.array, weight.array, bias.array).backend
  let y = Tensor.recorded(
    backend.convolutionInputGradient(x.array, weight.array, geometry), from: [x, weight]
  ) { [x = x.array, w = weight.array] dy in
    [
      backend.convolution(dy, w, geometry),
      backend.convolutionWeightGradient(dy, x, geometry),
    ]
  }
  return y + bias
}

/// `shape` is [B, L, ..., channels], `weight` [out, in, K] of the forward convolution.
private func geometry(
  _ shape: [Int], length: Int, _ weight: [Int], _ stride: Int, _ padding: ConvolutionPadding
) -> ConvolutionGeometry {
  var replicates = false
  if case .replicate = padding { replicates = true }
  return ConvolutionGeometry(
    outer: shape[0], length: length, inner: shape[2..<(shape.count - 1)].reduce(1, *),
    inChannels: weight[1], outChannels: weight[0], kernel: weight[2], stride: stride,
    padding: padding.count, replicates: replicates)
}

/// Means over `block x block` cells of [M, H, W, D] → [M, ceil(H/block), ceil(W/block), D]. Blocks
/// that reach over the border average the cells that exist.
public func meanPooled(_ x: Tensor, block: Int) -> Tensor {
  precondition(x.rank == 4 && block > 0, "meanPooled: shape \(x.shape), block \(block)")
  guard block > 1 else { return x }
  let backend = x.device.backend
  return .recorded(backend.meanPool(x.array, block: block), from: [x]) {
    [height = x.shape[1], width = x.shape[2]] dy in
    [backend.meanPoolGradient(dy, block: block, height: height, width: width)]
  }
}
