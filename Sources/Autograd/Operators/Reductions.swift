extension Tensor {
  /// The sum over `axes` (all when nil), which disappear from the shape unless `keepingAxes`.
  public func sum(_ axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
    let reduction = Reduction("sum", of: shape, axes, keepingAxes: keepingAxes)
    let y = device.backend.sum(array, axes: reduction.axes).reshaped(reduction.result)
    return .recorded(y, from: [self]) { [shape] dy in
      let view = StridedView(broadcasting: reduction.kept, to: shape)
      return [dy.device.backend.gather(dy.reshaped(reduction.kept), view)]
    }
  }

  /// The mean over `axes` (all when nil).
  public func mean(_ axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
    let count = Reduction("mean", of: shape, axes, keepingAxes: keepingAxes).count
    return sum(axes, keepingAxes: keepingAxes) / Float(count)
  }

  /// Σ (x - mean)² / (n - correction) over `axes` (all when nil), n elements each.
  /// - Parameter correction: 1 for the unbiased estimate, 0 for the variance of the elements
  ///   themselves.
  /// - Precondition: n is greater than `correction`.
  public func variance(
    _ axes: [Int]? = nil, correction: Int = 1, keepingAxes: Bool = false
  ) -> Tensor {
    let count = Reduction("variance", of: shape, axes, keepingAxes: keepingAxes).count
    precondition(
      count > correction, "variance: \(count) elements with correction \(correction) of \(shape)")
    let deviations = self - mean(axes, keepingAxes: true)
    return square(deviations).sum(axes, keepingAxes: keepingAxes) / Float(count - correction)
  }

  /// The square root of `variance`. Its gradient is not defined where all elements are equal.
  public func standardDeviation(
    _ axes: [Int]? = nil, correction: Int = 1, keepingAxes: Bool = false
  ) -> Tensor {
    sqrt(variance(axes, correction: correction, keepingAxes: keepingAxes))
  }

  /// The largest element over `axes` (all when nil). Elements that tie for it share the gradient
  /// equally, as in PyTorch's `amax`.
  /// - Precondition: no axis of `axes` is empty.
  public func max(_ axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
    let reduction = Reduction("max", of: shape, axes, keepingAxes: keepingAxes)
    precondition(reduction.count > 0, "max: axes \(reduction.axes) of shape \(shape) are empty")
    let backend = device.backend
    let largest = backend.maximum(array, axes: reduction.axes)
    return .recorded(largest.reshaped(reduction.result), from: [self]) { [x = array] dy in
      let attained = x.binary(.equal, largest)
      let ties = backend.sum(attained, axes: reduction.axes)
      return [attained.binary(.multiply, dy.reshaped(reduction.kept).binary(.divide, ties))]
    }
  }

  /// The smallest element over `axes` (all when nil); ties as in `max`.
  /// - Precondition: no axis of `axes` is empty.
  public func min(_ axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
    -(-self).max(axes, keepingAxes: keepingAxes)
  }

  /// log Σ eˣ over `axes` (all when nil), without overflow.
  /// - Precondition: no axis of `axes` is empty.
  public func logSumExp(_ axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
    let reduction = Reduction("logSumExp", of: shape, axes, keepingAxes: keepingAxes)
    precondition(
      reduction.count > 0, "logSumExp: axes \(reduction.axes) of shape \(shape) are empty")
    let (largest, rest) = logSumExpParts(array, axes: reduction.axes)
    let y = largest.binary(.add, rest)
    return .recorded(y.reshaped(reduction.result), from: [self]) { [x = array] dy in
      let shares = x.binary(.subtract, y).unary(.exp)
      return [shares.binary(.multiply, dy.reshaped(reduction.kept))]
    }
  }

  /// The place of the largest element along `axis`, the first of equals, for every index of the
  /// other axes in row-major order. Integers carry no gradient.
  /// - Precondition: `axis` is not empty.
  public func argMax(axis: Int) -> [Int] {
    precondition(
      shape.indices.contains(axis) && shape[axis] > 0, "argMax: axis \(axis) of shape \(shape)")
    return device.backend.argMax(array, axis: axis)
  }
}

/// log Σ eˣ over `axes`, which keep extent 1, as the largest element and what is added to it: the
/// sum of the two, rounded, would lose the second where the first is large.
func logSumExpParts(_ x: NDArray, axes: [Int]) -> (largest: NDArray, rest: NDArray) {
  let backend = x.device.backend
  let largest = backend.maximum(x, axes: axes)
  // An infinite maximum is the result; subtracting it would make NaN of it.
  let isFinite = largest.unary(.abs).binary(.less, NDArray(.infinity, device: x.device))
  let shift = backend.select(
    NDArray(0, device: x.device), largest, where: isFinite, shape: largest.shape)
  let total = backend.sum(x.binary(.subtract, shift).unary(.exp), axes: axes)
  return (shift, total.unary(.log))
}

/// The shapes of a reduction.
private struct Reduction {
  let axes: [Int]
  /// How many elements make one of the result.
  let count: Int
  /// The shape with extent 1 along `axes`.
  let kept: [Int]
  let result: [Int]

  /// - Precondition: `axes` are different axes of `shape`.
  init(_ op: StaticString, of shape: [Int], _ axes: [Int]?, keepingAxes: Bool) {
    let axes = axes ?? Array(shape.indices)
    precondition(
      Set(axes).count == axes.count && axes.allSatisfy(shape.indices.contains),
      "\(op): axes \(axes) of shape \(shape)")
    self.axes = axes
    count = axes.reduce(1) { $0 * shape[$1] }
    kept = shape.indices.map { axes.contains($0) ? 1 : shape[$0] }
    result =
      keepingAxes ? kept : shape.indices.filter { !axes.contains($0) }.map { shape[$0] }
  }
}
