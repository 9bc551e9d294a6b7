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

/// log(1 + eˣ), without overflow.
public func softplus(_ x: Tensor) -> Tensor { x.unary(.softplus) }

/// max(x, 0)
public func relu(_ x: Tensor) -> Tensor { x.unary(.relu) }

/// x²/2 where |x| <= 1, |x| - 1/2 elsewhere.
public func huber(_ x: Tensor) -> Tensor { x.unary(.huber) }

extension Tensor {
  func unary(_ op: UnaryOperation) -> Tensor {
    .recorded(array.unary(op), from: [self]) { [x = array] dy in
      [x.device.backend.unaryGradient(op, x, dy)]
    }
  }
}

/// Softmax over the last axis.
public func softmax(_ x: Tensor) -> Tensor {
  let y = x.device.backend.softmax(x.array)
  return .recorded(y, from: [x]) { dy in [y.device.backend.softmaxGradient(y: y, dy)] }
}
