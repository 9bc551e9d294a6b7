// Comparisons, and what is chosen by them. Shapes broadcast.

extension Tensor {
  /// 1 where a < b, 0 elsewhere: a constant, through which no gradient flows. So are the other
  /// comparisons. With a NaN all but `.!=` are 0.
  public static func .< (a: Tensor, b: Tensor) -> Tensor { compare(.less, a, b) }
  /// 1 where a <= b, 0 elsewhere.
  public static func .<= (a: Tensor, b: Tensor) -> Tensor { compare(.lessOrEqual, a, b) }
  /// 1 where a > b, 0 elsewhere.
  public static func .> (a: Tensor, b: Tensor) -> Tensor { compare(.less, b, a) }
  /// 1 where a >= b, 0 elsewhere.
  public static func .>= (a: Tensor, b: Tensor) -> Tensor { compare(.lessOrEqual, b, a) }
  /// 1 where a = b, 0 elsewhere.
  public static func .== (a: Tensor, b: Tensor) -> Tensor { compare(.equal, a, b) }
  /// 1 where a ≠ b, 0 elsewhere.
  public static func .!= (a: Tensor, b: Tensor) -> Tensor { compare(.notEqual, a, b) }

  public static func .< (a: Tensor, b: Float) -> Tensor { a .< Tensor(b, like: a) }
  public static func .<= (a: Tensor, b: Float) -> Tensor { a .<= Tensor(b, like: a) }
  public static func .> (a: Tensor, b: Float) -> Tensor { a .> Tensor(b, like: a) }
  public static func .>= (a: Tensor, b: Float) -> Tensor { a .>= Tensor(b, like: a) }
  public static func .== (a: Tensor, b: Float) -> Tensor { a .== Tensor(b, like: a) }
  public static func .!= (a: Tensor, b: Float) -> Tensor { a .!= Tensor(b, like: a) }

  /// `other` where `mask` is not 0, this tensor elsewhere; all three broadcast. Each element's
  /// gradient goes to where it was taken from, and what was not taken may be NaN or infinite.
  public func replacing(with other: Tensor, where mask: Tensor) -> Tensor {
    let device = Device.common("replacing", array, other.array, mask.array)
    guard
      let both = broadcastShape(shape, other.shape),
      let target = broadcastShape(both, mask.shape)
    else {
      preconditionFailure(
        "replacing: shapes \(shape), other \(other.shape), mask \(mask.shape) do not broadcast")
    }
    let backend = device.backend
    let y = backend.select(array, other.array, where: mask.array, shape: target)
    return .recorded(y, from: [self, other]) {
      [own = shape, others = other.shape, mask = mask.array] dy in
      let zero = NDArray(0, device: device)
      return [
        backend.select(dy, zero, where: mask, shape: target).summed(to: own),
        backend.select(zero, dy, where: mask, shape: target).summed(to: others),
      ]
    }
  }

  /// The elements limited to `range`. The gradient is 0 outside and passes at both bounds.
  public func clamped(to range: ClosedRange<Float>) -> Tensor {
    let lower = NDArray(range.lowerBound, device: device)
    let upper = NDArray(range.upperBound, device: device)
    let y = array.binary(.maximum, lower).binary(.minimum, upper)
    return .recorded(y, from: [self]) { [x = array] dy in
      let inside = lower.binary(.lessOrEqual, x).binary(.multiply, x.binary(.lessOrEqual, upper))
      return [dy.binary(.multiply, inside)]
    }
  }

  private static func compare(_ op: BinaryOperation, _ a: Tensor, _ b: Tensor) -> Tensor {
    Tensor(a.array.binary(op, b.array))
  }

  private init(_ value: Float, like x: Tensor) {
    self.init(NDArray(value, device: x.device))
  }
}

/// The larger of a and b, elementwise; NaN where either is. Equal elements get half the gradient
/// each, as in PyTorch's `maximum`.
public func maximum(_ a: Tensor, _ b: Tensor) -> Tensor { extreme(.maximum, a, b) }

/// The smaller of a and b, elementwise; NaN where either is. Ties as in `maximum`.
public func minimum(_ a: Tensor, _ b: Tensor) -> Tensor { extreme(.minimum, a, b) }

private func extreme(_ op: BinaryOperation, _ a: Tensor, _ b: Tensor) -> Tensor {
  .recorded(a.array.binary(op, b.array), from: [a, b]) { [x = a.array, y = b.array] dy in
    // How much of dy is a's: 1 where a was chosen, 1/2 at ties.
    let (low, high) = op == .maximum ? (y, x) : (x, y)
    let share = low.binary(.less, high).binary(.add, low.binary(.lessOrEqual, high))
      .binary(.multiply, NDArray(0.5, device: x.device))
    let da = dy.binary(.multiply, share)
    return [da.summed(to: x.shape), dy.binary(.subtract, da).summed(to: y.shape)]
  }
}
