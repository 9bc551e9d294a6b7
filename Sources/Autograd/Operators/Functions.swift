// Elementwise functions. Value and derivative stand side by side in each backend's `unary` and
// `unaryGradient`; the argument is all that is saved.

public func abs(_ x: Tensor) -> Tensor { x.unary(.abs) }
public func square(_ x: Tensor) -> Tensor { x.unary(.square) }
public func sqrt(_ x: Tensor) -> Tensor { x.unary(.sqrt) }
public func exp(_ x: Tensor) -> Tensor { x.unary(.exp) }
public func log(_ x: Tensor) -> Tensor { x.unary(.log) }
public func sin(_ x: Tensor) -> Tensor { x.unary(.sin) }
public func cos(_ x: Tensor) -> Tensor { x.unary(.cos) }
public func tanh(_ x: Tensor) -> Tensor { x.unary(.tanh) }

/// 1 / (1 + e⁻ˣ)
public func sigmoid(_ x: Tensor) -> Tensor { x.unary(.sigmoid) }

/// x · sigmoid(x)
public func silu(_ x: Tensor) -> Tensor { x.unary(.silu) }

/// x Φ(x), exact, with erf (Hendrycks and Gimpel, arXiv 1606.08415).
public func gelu(_ x: Tensor) -> Tensor { x.unary(.gelu) }

/// The tanh approximation of `gelu`, x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2.
public func geluTanh(_ x: Tensor) -> Tensor { x.unary(.geluTanh) }

/// log(1 + eˣ), without overflow.
public func softplus(_ x: Tensor) -> Tensor { x.unary(.softplus) }

/// max(x, 0)
public func relu(_ x: Tensor) -> Tensor { x.unary(.relu) }

/// x²/2 where |x| <= δ, δ (|x| - δ/2) elsewhere.
/// - Precondition: `delta` is positive.
public func huber(_ x: Tensor, delta: Float = 1) -> Tensor {
  precondition(delta > 0, "huber: delta \(delta) for x \(x.shape)")
  return delta == 1 ? x.unary(.huber) : (x / delta).unary(.huber) * (delta * delta)
}

/// xⁿ for a constant n. The gradient is n xⁿ⁻¹: NaN where x is negative and n is not an integer,
/// infinite at 0 for n below 1 other than 0.
public func pow(_ x: Tensor, _ exponent: Float) -> Tensor {
  let device = x.device
  let y = x.array.binary(.power, NDArray(exponent, device: device))
  return .recorded(y, from: [x]) { [x = x.array] dy in
    guard exponent != 0 else { return [.zeros(x.shape, device: device)] }
    let slope = x.binary(.power, NDArray(exponent - 1, device: device))
      .binary(.multiply, NDArray(exponent, device: device))
    return [dy.binary(.multiply, slope)]
  }
}

extension Tensor {
  func unary(_ op: UnaryOperation) -> Tensor {
    .recorded(array.unary(op), from: [self]) { [x = array] dy in
      [x.device.backend.unaryGradient(op, x, dy)]
    }
  }
}

/// Softmax over `axis`, the last when nil.
public func softmax(_ x: Tensor, axis: Int? = nil) -> Tensor {
  let axis = checkedAxis("softmax", x, axis)
  guard axis == x.rank - 1 else {
    let order = swappedWithLast(axis, rank: x.rank)
    return softmax(x.permuted(order)).permuted(order)
  }
  let y = x.device.backend.softmax(x.array)
  return .recorded(y, from: [x]) { dy in [y.device.backend.softmaxGradient(y: y, dy)] }
}

/// log(softmax(x)) over `axis`, the last when nil, without overflow.
public func logSoftmax(_ x: Tensor, axis: Int? = nil) -> Tensor {
  let axis = checkedAxis("logSoftmax", x, axis)
  let backend = x.device.backend
  let (largest, rest) = logSumExpParts(x.array, axes: [axis])
  let y = x.array.binary(.subtract, largest).binary(.subtract, rest)
  return .recorded(y, from: [x]) { dy in
    let total = backend.sum(dy, axes: [axis])
    return [dy.binary(.subtract, y.unary(.exp).binary(.multiply, total))]
  }
}

private func checkedAxis(_ op: StaticString, _ x: Tensor, _ axis: Int?) -> Int {
  let axis = axis ?? x.rank - 1
  precondition(x.shape.indices.contains(axis), "\(op): axis \(axis) of shape \(x.shape)")
  return axis
}

/// The order of axes that exchanges `axis` and the last; its own inverse.
private func swappedWithLast(_ axis: Int, rank: Int) -> [Int] {
  var order = Array(0..<rank)
  order.swapAt(axis, rank - 1)
  return order
}
