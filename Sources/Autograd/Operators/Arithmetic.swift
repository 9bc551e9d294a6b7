// Elementwise arithmetic with NumPy broadcasting. Broadcasting is undone in one place,
// `summed(to:)`.

extension Tensor {
  /// The sum; shapes broadcast.
  public static func + (a: Tensor, b: Tensor) -> Tensor {
    binary(.add, a, b) { dy in (dy, dy) }
  }

  /// The difference; shapes broadcast.
  public static func - (a: Tensor, b: Tensor) -> Tensor {
    binary(.subtract, a, b) { dy in (dy, dy.unary(.negate)) }
  }

  /// The elementwise product; shapes broadcast.
  public static func * (a: Tensor, b: Tensor) -> Tensor {
    binary(.multiply, a, b) {
      [x = a.array, y = b.array, wantsA = a.isTracked, wantsB = b.isTracked] dy in
      (wantsA ? dy.binary(.multiply, y) : nil, wantsB ? dy.binary(.multiply, x) : nil)
    }
  }

  /// The elementwise quotient; shapes broadcast.
  public static func / (a: Tensor, b: Tensor) -> Tensor {
    binary(.divide, a, b) { [x = a.array, y = b.array] dy in
      let da = dy.binary(.divide, y)
      return (da, da.binary(.multiply, x).binary(.divide, y).unary(.negate))
    }
  }

  public static func + (a: Tensor, b: Float) -> Tensor { a + scalar(b, like: a) }
  public static func - (a: Tensor, b: Float) -> Tensor { a - scalar(b, like: a) }
  public static func * (a: Tensor, b: Float) -> Tensor { a * scalar(b, like: a) }
  public static func / (a: Tensor, b: Float) -> Tensor { a * (1 / b) }
  public static func + (a: Float, b: Tensor) -> Tensor { scalar(a, like: b) + b }
  public static func - (a: Float, b: Tensor) -> Tensor { scalar(a, like: b) - b }
  public static func * (a: Float, b: Tensor) -> Tensor { scalar(a, like: b) * b }
  public static func / (a: Float, b: Tensor) -> Tensor { scalar(a, like: b) / b }
  public static prefix func - (x: Tensor) -> Tensor { x.unary(.negate) }

  private static func scalar(_ value: Float, like x: Tensor) -> Tensor {
    Tensor(NDArray(value, device: x.device))
  }

  private static func binary(
    _ op: BinaryOperation, _ a: Tensor, _ b: Tensor,
    gradients: @escaping (NDArray) -> (NDArray?, NDArray?)
  ) -> Tensor {
    .recorded(a.array.binary(op, b.array), from: [a, b]) { [sa = a.shape, sb = b.shape] dy in
      let (da, db) = gradients(dy)
      return [da?.summed(to: sa), db?.summed(to: sb)]
    }
  }
}

extension NDArray {
  /// Elementwise with broadcasting.
  /// - Precondition: aligned from the last axis, extents are equal or 1.
  func binary(_ op: BinaryOperation, _ other: NDArray) -> NDArray {
    let device = Device.common("elementwise arithmetic", self, other)
    guard let shape = broadcastShape(shape, other.shape) else {
      preconditionFailure("\(op): shapes \(shape) and \(other.shape) do not broadcast")
    }
    return device.backend.binary(op, self, other, shape: shape)
  }

  func unary(_ op: UnaryOperation) -> NDArray { device.backend.unary(op, self) }

  /// The adjoint of broadcasting from `target`: sums over the repeated axes.
  func summed(to target: [Int]) -> NDArray {
    guard shape != target else { return self }
    let missing = rank - target.count
    let axes = shape.indices.filter {
      $0 < missing || (target[$0 - missing] == 1 && shape[$0] != 1)
    }
    return device.backend.sum(self, axes: Array(axes)).reshaped(target)
  }
}

/// The shape that two shapes broadcast to, nil if they do not.
func broadcastShape(_ a: [Int], _ b: [Int]) -> [Int]? {
  var result: [Int] = []
  for i in 0..<max(a.count, b.count) {
    let x = i < a.count ? a[a.count - 1 - i] : 1
    let y = i < b.count ? b[b.count - 1 - i] : 1
    guard x == y || x == 1 || y == 1 else { return nil }
    result.append(x == 1 ? y : x)
  }
  return result.reversed()
}
