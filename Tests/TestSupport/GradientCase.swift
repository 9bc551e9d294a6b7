import Autograd

/// One differentiable op under test: inputs of given shapes, filled from a fixed generator, and the
/// op.
public struct GradientCase: Sendable, CustomStringConvertible {
  public let description: String
  public let shapes: [[Int]]
  /// Values in ±scale, moved by `shift`, so that an op is tested where it is defined and away from
  /// its kinks.
  public let scale: Float
  public let shift: Float
  public let step: Float
  public let tolerance: Float
  public let op: @Sendable ([Tensor]) -> Tensor

  public init(
    _ name: String, _ shapes: [[Int]], scale: Float = 1, shift: Float = 0, step: Float = 1e-2,
    tolerance: Float = 2e-3, op: @escaping @Sendable ([Tensor]) -> Tensor
  ) {
    description = name
    self.shapes = shapes
    self.scale = scale
    self.shift = shift
    self.step = step
    self.tolerance = tolerance
    self.op = op
  }

  /// Inputs, drawn anew for every case name.
  public func inputs(device: Device = .cpu) -> [NDArray] {
    shapes.enumerated().map { index, shape in
      let draws = Philox(seed: UInt64(index), stream: description).uniform(shape.reduce(1, *))
      return NDArray(draws.map { ($0 * 2 - 1) * scale + shift }, shape: shape, device: device)
    }
  }

  /// Σ op(inputs) · cotangent with a fixed random cotangent, and its gradients.
  public func evaluate(
    _ inputs: [NDArray]
  ) -> (output: NDArray, value: Float, gradients: [NDArray?]) {
    let output = op(inputs.map { Tensor($0) }).array
    let cotangent = cotangent(output.shape, device: inputs[0].device)
    let (value, gradients) = valueWithGradient(at: inputs) { (op($0) * cotangent).sum() }
    return (output, value, gradients)
  }

  /// The largest difference between the gradient and central differences, relative to the largest
  /// gradient entry of that input.
  public func worstRelativeError(device: Device = .cpu) -> Float {
    let inputs = inputs(device: device)
    let gradients = evaluate(inputs).gradients
    var worst: Float = 0
    for (index, input) in inputs.enumerated() {
      guard let gradient = gradients[index] else { return .infinity }
      let numeric = input.scalars.indices.map { element in
        Float(
          (value(inputs, index, element, +step) - value(inputs, index, element, -step))
            / Double(2 * step))
      }
      worst = max(worst, maxNormalizedError(gradient.scalars, numeric))
    }
    return worst
  }

  private func value(_ inputs: [NDArray], _ index: Int, _ element: Int, _ step: Float) -> Double {
    var moved = inputs
    var scalars = inputs[index].scalars
    scalars[element] += step
    moved[index] = NDArray(scalars, shape: inputs[index].shape, device: inputs[index].device)
    let output = op(moved.map { Tensor($0) }).array
    let weights = cotangent(output.shape, device: .cpu).array.scalars
    return zip(output.scalars, weights).reduce(0) { $0 + Double($1.0) * Double($1.1) }
  }

  private func cotangent(_ shape: [Int], device: Device) -> Tensor {
    let draws = Philox(seed: 99, stream: description).uniform(shape.reduce(1, *))
    return Tensor(draws.map { $0 * 2 - 1 }, shape: shape, device: device)
  }
}

/// max|a - b| / max|b|, the error that the golden files state their tolerances in. NaN counts as
/// infinite.
public func maxNormalizedError(_ a: [Float], _ b: [Float]) -> Float {
  guard a.count == b.count else { return .infinity }
  var difference: Float = 0
  var size: Float = 0
  for (x, y) in zip(a, b) {
    guard x.isFinite else { return .infinity }
    difference = max(difference, abs(x - y))
    size = max(size, abs(y))
  }
  return size == 0 ? difference : difference / size
}
