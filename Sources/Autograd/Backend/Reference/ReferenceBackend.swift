import Foundation

/// The definition of every backend method as plain loops over arrays, accumulating in `Double`.
/// Slow on purpose: it is what the fast kernels are tested against, and the proof that nothing
/// above the seam assumes a CPU kernel.
struct ReferenceBackend: Backend {
  func make(_ values: [Double], _ shape: [Int]) -> NDArray {
    NDArray(values.map { Float($0) }, shape: shape, device: .reference)
  }

  func fill(_ value: Float, shape: [Int]) -> NDArray {
    NDArray([Float](repeating: value, count: shape.product), shape: shape, device: .reference)
  }

  // MARK: Elements

  func unary(_ op: UnaryOperation, _ x: NDArray) -> NDArray {
    make(x.doubles.map { valueAndDerivative(op, $0).value }, x.shape)
  }

  func unaryGradient(_ op: UnaryOperation, _ x: NDArray, _ dy: NDArray) -> NDArray {
    make(zip(x.doubles, dy.doubles).map { valueAndDerivative(op, $0).derivative * $1 }, x.shape)
  }

  private func valueAndDerivative(
    _ op: UnaryOperation, _ x: Double
  ) -> (value: Double, derivative: Double) {
    let sign: Double = x > 0 ? 1 : x < 0 ? -1 : 0
    let sigmoid = 1 / (1 + Foundation.exp(-x))
    switch op {
    case .negate: return (-x, -1)
    case .abs: return (Swift.abs(x), sign)
    case .square: return (x * x, 2 * x)
    case .sqrt: return (x.squareRoot(), 0.5 / x.squareRoot())
    case .exp: return (Foundation.exp(x), Foundation.exp(x))
    case .log: return (Foundation.log(x), 1 / x)
    case .sin: return (Foundation.sin(x), Foundation.cos(x))
    case .cos: return (Foundation.cos(x), -Foundation.sin(x))
    case .tanh: return (Foundation.tanh(x), 1 - Foundation.tanh(x) * Foundation.tanh(x))
    case .sigmoid: return (sigmoid, sigmoid * (1 - sigmoid))
    case .silu: return (x * sigmoid, sigmoid * (1 + x * (1 - sigmoid)))
    case .gelu:
      let cumulative = 0.5 * (1 + erf(x / 2.squareRoot()))
      let density = Foundation.exp(-x * x / 2) / (2 * Double.pi).squareRoot()
      return (x * cumulative, cumulative + x * density)
    case .geluTanh:
      let scale = (2 / Double.pi).squareRoot()
      let tangent = Foundation.tanh(scale * (x + 0.044715 * x * x * x))
      let slope = (1 - tangent * tangent) * scale * (1 + 3 * 0.044715 * x * x)
      return (0.5 * x * (1 + tangent), 0.5 * (1 + tangent) + 0.5 * x * slope)
    case .softplus: return (max(x, 0) + log1p(Foundation.exp(-Swift.abs(x))), sigmoid)
    case .relu: return (max(x, 0), x > 0 ? 1 : 0)
    case .huber: return huber(x)
    }
  }

  func binary(_ op: BinaryOperation, _ a: NDArray, _ b: NDArray, shape: [Int]) -> NDArray {
    let a = gather(a, StridedView(broadcasting: a.shape, to: shape)).doubles
    let b = gather(b, StridedView(broadcasting: b.shape, to: shape)).doubles
    return make(
      zip(a, b).map { a, b in
        switch op {
        case .add: a + b
        case .subtract: a - b
        case .multiply: a * b
        case .divide: a / b
        case .power: Foundation.pow(a, b)
        case .maximum: a.isNaN || a > b ? a : b
        case .minimum: a.isNaN || a < b ? a : b
        case .less: a < b ? 1 : 0
        case .lessOrEqual: a <= b ? 1 : 0
        case .equal: a == b ? 1 : 0
        case .notEqual: a != b ? 1 : 0
        }
      }, shape)
  }

  func sum(_ x: NDArray, axes: [Int]) -> NDArray {
    var shape = x.shape
    for axis in axes { shape[axis] = 1 }
    // Every element is added at the place it broadcasts from.
    let places = StridedView(broadcasting: shape, to: x.shape).elements
    var sums = [Double](repeating: 0, count: shape.product)
    for (place, value) in zip(places, x.doubles) { sums[place] += value }
    return make(sums, shape)
  }

  func gather(_ x: NDArray, _ view: StridedView) -> NDArray {
    let scalars = x.scalars
    return NDArray(view.elements.map { scalars[$0] }, shape: view.shape, device: .reference)
  }

  func scatterAdd(_ x: NDArray, _ view: StridedView, shape: [Int]) -> NDArray {
    var result = [Double](repeating: 0, count: shape.product)
    for (place, value) in zip(view.elements, x.doubles) { result[place] += value }
    return make(result, shape)
  }

  func concatenate(_ arrays: [NDArray], axis: Int) -> NDArray {
    var shape = arrays[0].shape
    shape[axis] = arrays.reduce(0) { $0 + $1.shape[axis] }
    var result = [Double](repeating: 0, count: shape.product)
    var start = 0
    for array in arrays {
      let view = StridedView(slicing: shape, axis: axis, start..<start + array.shape[axis])
      for (place, value) in zip(view.elements, array.doubles) { result[place] = value }
      start += array.shape[axis]
    }
    return make(result, shape)
  }

  func takeRows(_ table: NDArray, _ indices: [Int]) -> NDArray {
    let (width, scalars) = (table.lastExtent, table.scalars)
    return NDArray(
      indices.flatMap { scalars[$0 * width..<($0 + 1) * width] }, shape: [indices.count, width],
      device: .reference)
  }

  func addRows(_ rows: NDArray, _ indices: [Int], tableRows: Int) -> NDArray {
    let (width, values) = (rows.lastExtent, rows.doubles)
    var result = [Double](repeating: 0, count: tableRows * width)
    for (row, index) in indices.enumerated() {
      for column in 0..<width { result[index * width + column] += values[row * width + column] }
    }
    return make(result, [tableRows, width])
  }

  // MARK: Products

  func matmul(_ a: NDArray, _ b: NDArray, transposeA: Bool, transposeB: Bool) -> NDArray {
    let m = a.shape[transposeA ? 1 : 0]
    let k = a.shape[transposeA ? 0 : 1]
    let n = b.shape[transposeB ? 0 : 1]
    let (x, y) = (a.doubles, b.doubles)
    var result = [Double](repeating: 0, count: m * n)
    for i in 0..<m {
      for l in 0..<k {
        let left = transposeA ? x[l * m + i] : x[i * k + l]
        for j in 0..<n { result[i * n + j] += left * (transposeB ? y[j * k + l] : y[l * n + j]) }
      }
    }
    return make(result, [m, n])
  }

  func linear(_ x: NDArray, _ weight: NDArray, _ bias: NDArray?) -> NDArray {
    let rows = x.reshaped([x.rowCount, x.lastExtent])
    let product = matmul(rows, weight, transposeA: false, transposeB: true)
    let y = bias.map { binary(.add, product, $0, shape: product.shape) } ?? product
    return y.reshaped(x.shape.dropLast() + [weight.shape[0]])
  }

  func linearGELU(
    _ x: NDArray, _ weight: NDArray, _ bias: NDArray
  ) -> (preactivation: NDArray, y: NDArray) {
    let preactivation = linear(x, weight, bias)
    return (preactivation, unary(.gelu, preactivation))
  }

  // MARK: In place

  func add(_ x: NDArray, to total: inout NDArray) {
    total = binary(.add, total, x, shape: total.shape)
  }

  func scale(_ x: inout NDArray, by factor: Float) {
    x = make(x.doubles.map { $0 * Double(factor) }, x.shape)
  }

  func sumOfSquares(_ x: NDArray) -> Double { x.doubles.reduce(0) { $0 + $1 * $1 } }

  func adamW(
    _ parameter: inout NDArray, _ moments: inout AdamW.Moments, gradient: NDArray,
    _ step: AdamW.Step
  ) {
    let gradients = gradient.doubles
    let first = zip(moments.first.doubles, gradients).map {
      $0 * step.beta1 + (1 - step.beta1) * $1
    }
    let second = zip(moments.second.doubles, gradients).map {
      $0 * step.beta2 + (1 - step.beta2) * $1 * $1
    }
    let updated = zip(parameter.doubles, zip(first, second)).map { p, moments in
      let root = (moments.1 / step.correction2).squareRoot() + step.epsilon
      return p * (1 - step.learningRate * step.weightDecay)
        - step.learningRate / step.correction1 * moments.0 / root
    }
    moments.first = make(first, gradient.shape)
    moments.second = make(second, gradient.shape)
    parameter = make(updated, gradient.shape)
  }

  func sgd(
    _ parameter: inout NDArray, _ velocity: inout NDArray?, gradient: NDArray, _ step: SGD.Step
  ) {
    let values = parameter.doubles
    let gradients = zip(gradient.doubles, values).map { $0 + step.weightDecay * $1 }
    var direction = gradients
    if let previous = velocity?.doubles {
      let updated = zip(previous, gradients).map { step.momentum * $0 + $1 }
      velocity = make(updated, gradient.shape)
      direction =
        step.nesterov ? zip(gradients, updated).map { $0 + step.momentum * $1 } : updated
    }
    parameter = make(
      zip(values, direction).map { $0 - step.learningRate * $1 }, gradient.shape)
  }

  func movingAverage(_ average: inout NDArray, of x: NDArray, decay: Double) {
    average = make(
      zip(average.doubles, x.doubles).map { $0 * decay + $1 * (1 - decay) }, x.shape)
  }
}

extension NDArray {
  var doubles: [Double] { scalars.map { Double($0) } }
}

extension StridedView {
  /// The array elements that the view names, in its order.
  var elements: [Int] {
    zip(shape, strides).reduce([offset]) { starts, axis in
      let (extent, stride) = axis
      return starts.flatMap { start in (0..<extent).map { start + $0 * stride } }
    }
  }
}

/// Huber with delta 1, and its derivative.
func huber(_ x: Double) -> (value: Double, derivative: Double) {
  abs(x) <= 1 ? (0.5 * x * x, x) : (abs(x) - 0.5, x > 0 ? 1 : -1)
}
