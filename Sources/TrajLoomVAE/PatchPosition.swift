import Autograd
import Foundation

/// Fourier features of a point with frozen random frequencies, through an MLP: mlp([cos(w·x),
/// sin(w·x)] / √width) (`LearnableFourierFeaturesEncoding` in zewei-Zhang/TrajLoom).
struct FourierFeatures: Module {
  @Buffer var w: NDArray  // [width / 2, 2]
  let mlp: MLP

  init(width: Int, hidden: Int, _ initializer: inout Initializer) {
    w = initializer.normal([width / 2, 2]).array
    mlp = MLP(
      fc1: Linear(xavier: width, hidden, &initializer),
      fc2: Linear(xavier: hidden, width, &initializer))
  }

  /// [N, 2] → [N, width]
  func callAsFunction(_ points: Tensor) -> Tensor {
    let angles = matmul(points, Tensor(w), transposeB: true)  // [N, width / 2]
    let features = concatenated([cos(angles), sin(angles)], axis: 1)
    return mlp(features / Float(features.shape[1]).squareRoot())
  }
}

/// The normalised centre of every cell, row by row: [N, 2].
func patchCenters(rows: Int, columns: Int) -> NDArray {
  NDArray(
    (0..<rows * columns).flatMap { n -> [Float] in
      let (i, j) = (Double(n / columns), Double(n % columns))
      return [
        Float(2 * (j + 0.5) / Double(columns) - 1), Float(2 * (i + 0.5) / Double(rows) - 1),
      ]
    }, shape: [rows * columns, 2])
}
