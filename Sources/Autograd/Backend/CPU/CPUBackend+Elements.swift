import Foundation

extension CPUBackend {
  func fill(_ value: Float, shape: [Int]) -> NDArray {
    make(shape) { out in out.update(repeating: value, count: shape.product) }
  }

  func unary(_ op: UnaryOperation, _ x: NDArray) -> NDArray {
    switch op {
    case .negate: map(x) { -$0 }
    case .abs: map(x) { absolute($0) }
    case .square: map(x) { $0 * $0 }
    case .sqrt: map(x) { $0.squareRoot() }
    case .exp: map(x) { exponential($0) }
    case .log: mapScalars(x) { Foundation.log($0) }
    case .sin: mapScalars(x) { Foundation.sin($0) }
    case .cos: mapScalars(x) { Foundation.cos($0) }
    case .tanh: mapScalars(x) { Foundation.tanh($0) }
    case .sigmoid: map(x) { sigmoid($0) }
    case .silu: map(x) { $0 * sigmoid($0) }
    case .gelu: map(x) { gelu($0) }
    case .geluTanh: map(x) { $0 * sigmoid(geluTanhArgument($0)) }
    case .softplus: mapScalars(x) { max($0, 0) + log1p(Foundation.exp(-Swift.abs($0))) }
    case .relu: map(x) { Vector().replacing(with: $0, where: $0 .> 0) }
    case .huber:
      map(x) { x in
        let size = absolute(x)
        return (0.5 * x * x).replacing(with: size - 0.5, where: size .> 1)
      }
    }
  }

  func unaryGradient(_ op: UnaryOperation, _ x: NDArray, _ dy: NDArray) -> NDArray {
    switch op {
    case .negate: map(dy) { -$0 }
    case .abs: map(x, dy) { x, dy in dy * sign(x) }
    case .square: map(x, dy) { x, dy in 2 * x * dy }
    case .sqrt: map(x, dy) { x, dy in 0.5 * dy / x.squareRoot() }
    case .exp: map(x, dy) { x, dy in dy * exponential(x) }
    case .log: map(x, dy) { x, dy in dy / x }
    case .sin: mapScalars(x, dy) { x, dy in dy * Foundation.cos(x) }
    case .cos: mapScalars(x, dy) { x, dy in -dy * Foundation.sin(x) }
    case .tanh:
      mapScalars(x, dy) { x, dy in
        let y = Foundation.tanh(x)
        return dy * (1 - y * y)
      }
    case .sigmoid:
      map(x, dy) { x, dy in
        let y = Autograd.sigmoid(x)
        return dy * y * (1 - y)
      }
    case .silu:
      map(x, dy) { x, dy in
        let y = Autograd.sigmoid(x)
        return dy * y * (1 + x * (1 - y))
      }
    case .gelu: map(x, dy) { x, dy in dy * geluDerivative(x) }
    case .geluTanh:
      map(x, dy) { x, dy in
        let y = Autograd.sigmoid(geluTanhArgument(x))
        return dy * y * (1 + (1 - y) * geluTanhArgumentSlope(x))
      }
    case .softplus: map(x, dy) { x, dy in dy * Autograd.sigmoid(x) }
    case .relu: map(x, dy) { x, dy in Vector().replacing(with: dy, where: x .> 0) }
    case .huber:
      map(x, dy) { x, dy in
        dy * x.replacing(with: sign(x), where: absolute(x) .> 1)
      }
    }
  }

  func binary(_ op: BinaryOperation, _ a: NDArray, _ b: NDArray, shape: [Int]) -> NDArray {
    switch op {
    case .add: broadcast(a, b, shape) { $0 + $1 }
    case .subtract: broadcast(a, b, shape) { $0 - $1 }
    case .multiply: broadcast(a, b, shape) { $0 * $1 }
    case .divide: broadcast(a, b, shape) { $0 / $1 }
    case .power: broadcast(a, b, shape) { power($0, $1) }
    case .maximum: broadcast(a, b, shape) { larger($0, $1) }
    case .minimum: broadcast(a, b, shape) { -larger(-$0, -$1) }
    case .less: broadcast(a, b, shape) { indicator($0 .< $1) }
    case .lessOrEqual: broadcast(a, b, shape) { indicator($0 .<= $1) }
    case .equal: broadcast(a, b, shape) { indicator($0 .== $1) }
    case .notEqual: broadcast(a, b, shape) { indicator($0 .!= $1) }
    }
  }

  @inline(__always)
  private func map(_ x: NDArray, _ f: (Vector) -> Vector) -> NDArray {
    make(x.shape) { out in
      ThreadPool.run(x.count, by: Self.elementChunk) { range in
        mapVectors(
          x.base + range.lowerBound, into: out + range.lowerBound, count: range.count, f)
      }
    }
  }

  @inline(__always)
  private func map(_ x: NDArray, _ y: NDArray, _ f: (Vector, Vector) -> Vector) -> NDArray {
    make(x.shape) { out in
      ThreadPool.run(x.count, by: Self.elementChunk) { range in
        let start = range.lowerBound
        mapVectors(x.base + start, y.base + start, into: out + start, count: range.count, f)
      }
    }
  }

  @inline(__always)
  private func mapScalars(_ x: NDArray, _ f: (Float) -> Float) -> NDArray {
    make(x.shape) { out in
      ThreadPool.run(x.count, by: Self.elementChunk) { range in
        for i in range { out[i] = f(x.base[i]) }
      }
    }
  }

  @inline(__always)
  private func mapScalars(_ x: NDArray, _ y: NDArray, _ f: (Float, Float) -> Float) -> NDArray {
    make(x.shape) { out in
      ThreadPool.run(x.count, by: Self.elementChunk) { range in
        for i in range { out[i] = f(x.base[i], y.base[i]) }
      }
    }
  }

  /// Broadcasting in three cases: equal shapes; one operand whose elements repeat in a simple
  /// pattern (a scalar, or a trailing block); anything else by materialising the broadcast operand.
  @inline(__always)
  private func broadcast(
    _ a: NDArray, _ b: NDArray, _ shape: [Int], _ f: (Vector, Vector) -> Vector
  ) -> NDArray {
    if a.shape == shape, b.shape == shape { return map(a, b, f) }
    if b.count == 1, a.shape == shape {
      let scalar = Vector(repeating: b.base[0])
      return map(a) { f($0, scalar) }
    }
    if a.count == 1, b.shape == shape {
      let scalar = Vector(repeating: a.base[0])
      return map(b) { f(scalar, $0) }
    }
    if a.shape == shape, let block = trailingBlock(b.shape, in: shape) {
      return make(shape) { out in
        ThreadPool.run(shape.product / block) { row in
          mapVectors(a.base + row * block, b.base, into: out + row * block, count: block, f)
        }
      }
    }
    return map(materialized(a, shape), materialized(b, shape), f)
  }

  /// The size of the block that repeats when `shape` is broadcast to `target` over leading axes
  /// only.
  private func trailingBlock(_ shape: [Int], in target: [Int]) -> Int? {
    let significant = Array(shape.drop { $0 == 1 })
    let block = significant.product
    guard Array(target.suffix(significant.count)) == significant, block >= 16 else { return nil }
    return block
  }

  func materialized(_ x: NDArray, _ shape: [Int]) -> NDArray {
    x.shape == shape ? x : gather(x, StridedView(broadcasting: x.shape, to: shape))
  }
}
