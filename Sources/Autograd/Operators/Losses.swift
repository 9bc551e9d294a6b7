// Elementwise losses without reduction, means where the field's convention is a mean, and the grid
// field loss, which is one pass over a dense field.

/// The mean of (prediction - target)² over all elements, a scalar.
/// - Precondition: the shapes are equal; nothing is broadcast.
public func meanSquaredError(_ prediction: Tensor, _ target: Tensor) -> Tensor {
  precondition(
    prediction.shape == target.shape,
    "meanSquaredError: prediction \(prediction.shape), target \(target.shape)")
  return square(prediction - target).mean()
}

/// The mean over all rows of -log softmax(logits)[target], a scalar. Shapes: `logits` [..., C], one
/// target in 0..<C per row, in row-major order.
/// - Parameter labelSmoothing: the share of each target's weight that is spread evenly over all C
///   classes.
public func crossEntropy(
  logits: Tensor, _ targets: [Int], labelSmoothing: Float = 0
) -> Tensor {
  let classes = logits.shape.last ?? 0
  precondition(
    logits.rank >= 1 && targets.count == logits.array.rowCount,
    "crossEntropy: logits \(logits.shape), targets [\(targets.count)]")
  precondition(
    targets.allSatisfy((0..<classes).contains),
    "crossEntropy: a target is outside 0..<\(classes) of logits \(logits.shape)")
  let logProbabilities = logSoftmax(logits)
  let places = targets.enumerated().map { $0 * classes + $1 }
  let likelihood = logProbabilities.reshaped([targets.count * classes])
    .gathered(places, axis: 0).mean()
  guard labelSmoothing > 0 else { return -likelihood }
  return -(likelihood * (1 - labelSmoothing) + logProbabilities.mean() * labelSmoothing)
}

/// Binary cross-entropy of logits `x` against targets `y` in [0, 1], elementwise:
/// -(w y log σ(x) + (1 - y) log(1 - σ(x))), computed without overflow.
/// - Parameter positiveWeight: w, the weight of the positive class.
public func binaryCrossEntropy(logits x: Tensor, _ y: Tensor, positiveWeight: Float = 1) -> Tensor {
  // log σ(x) = -softplus(-x), log(1 - σ(x)) = -softplus(-x) - x
  (1 - y) * x + (1 + (positiveWeight - 1) * y) * softplus(-x)
}

/// KL(N(mean, scale²) || N(0, 1)) elementwise: (scale² + mean² - 1)/2 - log scale.
public func gaussianKL(mean: Tensor, scale: Tensor) -> Tensor {
  0.5 * (square(scale) + square(mean) - 1) - log(scale)
}

/// The masked loss of a dense two-component field against a target that is constant in each cell
/// but for a ramp; the target is never spread out. See `GridFieldLoss` for the terms.
///
/// - Parameters:
///   - prediction: [B, T, N, patch · patch · 2], samples (row, column, component) inside each cell.
///   - target: [B, T, N, 2], a point per cell.
///   - ramp: [patch, patch, 2]: the target at a sample is the cell's point minus this.
///   - mask: [B, T, N] of 0 and 1.
/// - Returns: the batch mean of the weighted sum of the terms, and each term's value per sample,
///   unweighted.
public func gridFieldLoss(
  prediction: Tensor, target: NDArray, ramp: NDArray, mask: NDArray, _ loss: GridFieldLoss
) -> (total: Tensor, terms: GridFieldLossTerms) {
  evaluate(
    .values(prediction.array), [prediction], fieldShape: prediction.shape, target, ramp, mask, loss)
}

/// The same loss of the field `linear(tokens, weight, bias)`, which is evaluated a few frames at a
/// time and never stored, nor is its gradient. Shapes: `tokens` [B, T, N, D], `weight` [patch ·
/// patch · 2, D].
public func gridFieldLoss(
  tokens: Tensor, weight: Tensor, bias: Tensor, target: NDArray, ramp: NDArray, mask: NDArray,
  _ loss: GridFieldLoss
) -> (total: Tensor, terms: GridFieldLossTerms) {
  _ = checkLinear(tokens, weight, bias)
  let layer = LinearArrays(weight: weight.array, bias: bias.array)
  return evaluate(
    .linear(tokens: tokens.array, layer), [tokens, weight, bias],
    fieldShape: tokens.shape.dropLast() + [weight.shape[0]], target, ramp, mask, loss)
}

private func evaluate(
  _ field: GridField, _ inputs: [Tensor], fieldShape: [Int], _ target: NDArray, _ ramp: NDArray,
  _ mask: NDArray, _ loss: GridFieldLoss
) -> (total: Tensor, terms: GridFieldLossTerms) {
  let cells = loss.rows * loss.columns
  let (batch, frames) = (mask.shape[0], mask.shape[1])
  precondition(
    mask.shape == [batch, frames, cells] && target.shape == [batch, frames, cells, 2]
      && fieldShape == [batch, frames, cells, loss.patch * loss.patch * 2]
      && ramp.shape == [loss.patch, loss.patch, 2],
    "gridFieldLoss: prediction \(fieldShape), target \(target.shape), ramp \(ramp.shape), "
      + "mask \(mask.shape) for \(loss.rows) x \(loss.columns) cells of \(loss.patch)")
  let device = Device.common("gridFieldLoss", inputs.map(\.array) + [target, ramp, mask])
  let backend = device.backend
  let (values, gradient) = backend.gridFieldLoss(
    field, target: target, ramp: ramp, mask: mask, loss,
    wantsGradient: inputs.contains(where: \.isTracked))
  let terms = GridFieldLossTerms(values.scalars, batch: batch)
  let total =
    loss.reconstructionWeight * terms.mean(\.reconstruction)
    + loss.velocityWeight * terms.mean(\.velocity) + loss.neighborWeight * terms.mean(\.neighbor)
  let y = Tensor.recorded(NDArray(total, device: device), from: inputs) { dy in
    guard let gradient else { return [] }
    return gradient.arrays.map { array in
      var scaled = array
      if dy.item != 1 { backend.scale(&scaled, by: dy.item) }
      return scaled
    }
  }
  return (y, terms)
}

/// The terms of a grid field loss for each sample.
public struct GridFieldLossTerms: Sendable {
  public let reconstruction: [Float]
  public let velocity: [Float]
  public let neighbor: [Float]

  init(_ values: [Float], batch: Int) {
    reconstruction = Array(values[..<batch])
    velocity = Array(values[batch..<2 * batch])
    neighbor = Array(values[(2 * batch)...])
  }

  /// The batch mean of a term.
  public func mean(_ term: KeyPath<GridFieldLossTerms, [Float]>) -> Float {
    self[keyPath: term].reduce(0, +) / Float(self[keyPath: term].count)
  }
}
