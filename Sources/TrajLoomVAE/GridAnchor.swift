import Autograd

/// Grid-anchor offsets (arXiv 2603.22606, section 3.1): where the samples of a field stand on the
/// frame, and the offset of a track from there.
///
/// Coordinates are normalised by x~ = 2x/W - 1, y~ = 2y/H - 1. N cells row by row, p samples along
/// a cell's side: with the `pixel` encoding a sample is a pixel and its anchor the pixel's centre;
/// with `cell` there is one sample and its anchor is the cell's query point, the top-left pixel.
public struct GridAnchor: Sendable {
  /// The normalised query point of each cell, [N, 2]; zeros when the field is absolute.
  let origin: NDArray
  /// The anchor of each sample minus its cell's query point, [p, p, 2]; the same in every cell.
  let ramp: NDArray
  private let height: Float
  private let width: Float

  init(_ config: VAEConfig) {
    height = Float(config.inputHeight)
    width = Float(config.inputWidth)
    let (w, h) = (Double(config.inputWidth), Double(config.inputHeight))
    let anchored: Double = config.useOffsets ? 1 : 0
    origin = NDArray(
      (0..<config.tokens).flatMap { n -> [Float] in
        let (i, j) = (n / config.gridColumns, n % config.gridColumns)
        return [
          Float(anchored * (2 * Double(j * config.patchSize) / w - 1)),
          Float(anchored * (2 * Double(i * config.patchSize) / h - 1)),
        ]
      }, shape: [config.tokens, 2])
    let patch = config.fieldPatch
    let center = config.encoding == .pixel ? anchored : 0
    ramp = NDArray(
      (0..<patch * patch).flatMap { k -> [Float] in
        [
          Float(center * 2 * (Double(k % patch) + 0.5) / w),
          Float(center * 2 * (Double(k / patch) + 0.5) / h),
        ]
      }, shape: [patch, patch, 2])
  }

  /// The normalised centre of every pixel, [1, 1, 2, H, W], x before y.
  static func pixelCenters(_ config: VAEConfig) -> NDArray {
    let (height, width) = (config.inputHeight, config.inputWidth)
    let xs = (0..<width).map { Float(2 * (Double($0) + 0.5) / Double(width) - 1) }
    let ys = (0..<height).map { Float(2 * (Double($0) + 0.5) / Double(height) - 1) }
    let columns = (0..<height).flatMap { _ in xs }
    let rows = ys.flatMap { [Float](repeating: $0, count: width) }
    return NDArray(columns + rows, shape: [1, 1, 2, height, width])
  }

  /// Pixels → normalised coordinates. `points` is [..., 2], x right, y down.
  public func normalize(_ points: NDArray) -> NDArray {
    (Tensor(points) * perAxis(2 / width, 2 / height, points.device) - 1).array
  }

  /// Normalised coordinates → pixels.
  public func denormalize(_ points: NDArray) -> NDArray {
    ((Tensor(points) + 1) * perAxis(width / 2, height / 2, points.device)).array
  }

  private func perAxis(_ x: Float, _ y: Float, _ device: Device) -> Tensor {
    Tensor([x, y], shape: [2], device: device)
  }
}

extension TrajectoryVAE {
  /// Puts the anchors that are computed with in the place of those that came with weights, which a
  /// 16-bit checkpoint has rounded.
  /// - Returns: whether they were the same but for that rounding; else nothing is changed.
  package func restoreAnchors() -> Bool {
    guard let offsetAnchorGrid else { return true }
    let exact = Tensor(GridAnchor.pixelCenters(config))
    // bfloat16 keeps eight bits: an anchor is off by at most 2⁻⁸ of itself.
    let excess = abs(Tensor(offsetAnchorGrid.wrappedValue) - exact) - 0x1p-8 * abs(exact)
    guard excess.max().array.item <= 1e-6 else { return false }
    offsetAnchorGrid.wrappedValue = exact.array
    return true
  }
}
