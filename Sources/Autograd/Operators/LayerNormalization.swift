/// Layer normalisation over the last axis, `(x - mean) / sqrt(variance + ε) · gain + offset` with
/// the variance of the elements themselves, not the unbiased one (Ba et al., arXiv 1607.06450).
/// Shapes: `x` [..., D], `gain` and `offset` [D].
/// - Precondition: the shapes fit.
public func layerNorm(
  _ x: Tensor, gain: Tensor? = nil, offset: Tensor? = nil, epsilon: Float = 1e-5
) -> Tensor {
  let width = x.shape.last ?? 0
  for vector in [gain, offset].compactMap({ $0 }) {
    precondition(vector.shape == [width], "layerNorm: vector \(vector.shape) for x \(x.shape)")
  }
  precondition(width > 0, "layerNorm: the last axis of x \(x.shape) is empty")
  let inputs = [x] + [gain, offset].compactMap { $0 }
  let backend = Device.common("layerNorm", inputs.map(\.array)).backend
  let (y, statistics) = backend.layerNorm(
    x.array, gain: gain?.array, offset: offset?.array, epsilon: epsilon)
  return .recorded(y, from: inputs) {
    [x = x.array, gain = gain?.array, hasOffset = offset != nil] dy in
    let (dx, dGain) = backend.layerNormGradient(x, gain: gain, statistics: statistics, dy)
    let leading = Array(dy.shape.indices.dropLast())
    return [dx] + (dGain.map { [$0] } ?? [])
      + (hasOffset ? [backend.sum(dy, axes: leading).reshaped([dy.shape.last!])] : [])
  }
}
