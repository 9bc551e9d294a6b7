/// Convolution of images with their channels last. Shapes: `x` [B, H, W, I], `weight` [O, I, KH,
/// KW], `bias` [O] → [B, (H + 2 padding - KH) / stride + 1, (W + 2 padding - KW) / stride + 1, O].
///
/// - Parameters:
///   - stride: along both axes.
///   - padding: rows and columns of zeros on all four sides.
/// - Precondition: the shapes fit, and the kernel fits into the padded image.
public func convolution2D(
  _ x: Tensor, _ weight: Tensor, _ bias: Tensor, stride: Int = 1, padding: Int = 0
) -> Tensor {
  precondition(
    x.rank == 4 && weight.rank == 4 && weight.shape[1] == x.shape[3]
      && bias.shape == [weight.shape[0]],
    "convolution2D: x \(x.shape), weight \(weight.shape), bias \(bias.shape)")
  precondition(
    stride > 0 && padding >= 0 && weight.shape[2] <= x.shape[1] + 2 * padding
      && weight.shape[3] <= x.shape[2] + 2 * padding,
    "convolution2D: weight \(weight.shape) over x \(x.shape), stride \(stride), padding \(padding)")
  let geometry = Convolution2DGeometry(
    images: x.shape[0], height: x.shape[1], width: x.shape[2], inChannels: x.shape[3],
    outChannels: weight.shape[0], kernelHeight: weight.shape[2], kernelWidth: weight.shape[3],
    stride: stride, padding: padding)
  let backend = Device.common("convolution2D", x.array, weight.array, bias.array).backend
  let y = Tensor.recorded(
    backend.convolution2D(x.array, weight.array, geometry), from: [x, weight]
  ) { [x = x.array, w = weight.array, wantsX = x.isTracked] dy in
    [
      wantsX ? backend.convolution2DInputGradient(dy, w, geometry) : nil,
      backend.convolution2DWeightGradient(x, dy, geometry),
    ]
  }
  return y + bias
}
