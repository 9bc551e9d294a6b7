import Autograd

/// The field at every pixel, as the published code computes with it. Training and sampling never
/// build it on the way in; it is here to be exported, to be compared with, and to be measured
/// against.
extension TrajectoryVAE {
  /// The offset field of points: each pixel of a cell takes the cell's point, minus the pixel's own
  /// place (`flat_to_dense_raw` and `_to_offset_space` of zewei-Zhang/TrajLoom).
  /// - Parameter points: absolute normalised coordinates, [B, T, N, 2].
  /// - Returns: patches of samples (row, column, component), [B, T, N, p·p·2].
  package func denseOffsets(_ points: NDArray) -> NDArray {
    let (batch, frames, cells) = (points.shape[0], points.shape[1], points.shape[2])
    let samples = config.fieldPatch * config.fieldPatch
    let device = points.device
    let cell = Tensor(points) - Tensor(anchor.origin.on(device))
    let field =
      cell.reshaped([batch, frames, cells, 1, 2])
      - Tensor(anchor.ramp.on(device).reshaped([samples, 2]))
    return field.reshaped([batch, frames, cells, samples * 2]).array
  }

  /// The published patch convolution as it stands, sample by sample: what `encode` does in one
  /// product of two columns.
  /// - Parameter field: `denseOffsets`, [B, T, N, p·p·2].
  /// - Returns: tokens before positions, [B, T, N, D].
  package func embedDense(_ field: NDArray) -> Tensor {
    let kernel = xEmbedder.proj.weight  // [D, 2, p, p]
    let (width, samples) = (kernel.shape[0], kernel.shape[2] * kernel.shape[3])
    let rows = kernel.reshaped([width, 2, samples]).permuted([0, 2, 1])
      .reshaped([width, samples * 2])
    return linear(Tensor(field), rows, xEmbedder.proj.bias)
  }

  /// The absolute normalised field as published: [B, T, 2, H, W] (`pixel`) or one sample per cell
  /// (`cell`).
  public func decodeDense(_ z: Tensor) -> Tensor { dense(tokens: decodeTokens(z)) }

  /// The same from the tokens before the last layer, [B, T, N, D].
  package func dense(tokens: Tensor) -> Tensor {
    let patch = config.fieldPatch
    let (rows, columns) = (config.gridRows, config.gridColumns)
    let field = finalLayer(tokens)  // [B, T, N, p·p·2]
    let (batch, frames, device) = (field.shape[0], field.shape[1], tokens.device)
    let absolute =
      field.reshaped([batch, frames, rows * columns, patch * patch, 2])
      + Tensor(anchor.ramp.on(device).reshaped([patch * patch, 2]))
      + Tensor(anchor.origin.on(device).reshaped([rows * columns, 1, 2]))
    return
      absolute
      .reshaped([batch, frames, rows, columns, patch, patch, 2])
      .permuted([0, 1, 6, 2, 4, 3, 5])  // [B, T, 2, rows, p, columns, p]
      .reshaped([batch, frames, 2, rows * patch, columns * patch])
  }

  /// Reads a field at every cell's query point: [B, T, 2, H, W] → [B, T, N, 2].
  package func points(ofDense field: Tensor) -> Tensor {
    let patch = config.fieldPatch
    let (rows, columns) = (config.gridRows, config.gridColumns)
    let (batch, frames) = (field.shape[0], field.shape[1])
    return field.reshaped([batch, frames, 2, rows, patch, columns, patch])
      .sliced(axis: 4, 0..<1).sliced(axis: 6, 0..<1)
      .reshaped([batch, frames, 2, rows * columns]).permuted([0, 1, 3, 2])
  }
}
