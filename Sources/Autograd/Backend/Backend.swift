/// All computation on elements. Ops, layers and models hold no element loops and no raw pointers:
/// whatever they do to numbers goes through this protocol, so another device is another
/// implementation of it.
///
/// Arguments are checked by the ops that call; an implementation may rely on them. Results never
/// depend on the number of threads. Shapes are row-major; `R` rows are all axes but the last
/// flattened.
package protocol Backend: Sendable {
  // MARK: Elements
  func fill(_ value: Float, shape: [Int]) -> NDArray
  func unary(_ op: UnaryOperation, _ x: NDArray) -> NDArray
  /// `dy · f'(x)`.
  func unaryGradient(_ op: UnaryOperation, _ x: NDArray, _ dy: NDArray) -> NDArray
  /// Elementwise with NumPy broadcasting; `shape` is the broadcast shape.
  func binary(_ op: BinaryOperation, _ a: NDArray, _ b: NDArray, shape: [Int]) -> NDArray
  /// Sums over `axes`, which keep extent 1.
  func sum(_ x: NDArray, axes: [Int]) -> NDArray
  /// The largest elements over `axes`, which keep extent 1; NaN where one is among them.
  func maximum(_ x: NDArray, axes: [Int]) -> NDArray
  /// The place of the largest element along `axis`, the first of equals, for every index of the
  /// other axes in row-major order.
  func argMax(_ x: NDArray, axis: Int) -> [Int]
  /// `b` where `mask` is not 0, `a` elsewhere; all three broadcast to `shape`.
  func select(_ a: NDArray, _ b: NDArray, where mask: NDArray, shape: [Int]) -> NDArray

  // MARK: Layout
  /// The elements of `x` that `view` names, in the view's order.
  func gather(_ x: NDArray, _ view: StridedView) -> NDArray
  /// The adjoint of `gather`: zeros of `shape` with the elements of `x` added where `view` names
  /// them.
  func scatterAdd(_ x: NDArray, _ view: StridedView, shape: [Int]) -> NDArray
  func concatenate(_ arrays: [NDArray], axis: Int) -> NDArray
  /// Rows `indices` of a `[V, D]` table → [indices.count, D].
  func takeRows(_ table: NDArray, _ indices: [Int]) -> NDArray
  /// The adjoint of `takeRows`.
  func addRows(_ rows: NDArray, _ indices: [Int], tableRows: Int) -> NDArray

  // MARK: Products
  /// `op(a) · op(b)` for matrices; a transposed operand is read in place.
  func matmul(_ a: NDArray, _ b: NDArray, transposeA: Bool, transposeB: Bool) -> NDArray
  /// `op(a) · op(b)` for every matrix in the last two axes; the leading axes broadcast to `batch`.
  func batchedMatmul(
    _ a: NDArray, _ b: NDArray, transposeA: Bool, transposeB: Bool, batch: [Int]
  ) -> NDArray
  /// `x · wᵀ + bias`: `x` [..., I], `w` [O, I], `bias` [O] → [..., O].
  func linear(_ x: NDArray, _ weight: NDArray, _ bias: NDArray?) -> NDArray
  /// The same followed by exact GELU; the value before it is returned too, for the gradient.
  func linearGELU(
    _ x: NDArray, _ weight: NDArray, _ bias: NDArray
  ) -> (preactivation: NDArray, y: NDArray)
  /// `dx = dy · w`, `dw = dyᵀ · x` and the sum of the rows of `dy`; no `dx` if it is not wanted.
  func linearGradient(
    _ x: NDArray, _ weight: NDArray, _ dy: NDArray, wantsX: Bool
  ) -> (dx: NDArray?, dWeight: NDArray, dBias: NDArray)

  // MARK: Layers
  /// `y = x / rms(x) · gain + offset` over the last axis. `gain` and `offset` are [G, D]: each of
  /// the G equal groups of consecutive rows has its own. Also the reciprocal rms of every row [R].
  func rmsNorm(
    _ x: NDArray, gain: NDArray?, offset: NDArray?, epsilon: Float
  ) -> (y: NDArray, inverseRMS: NDArray)
  /// Gradients of `rmsNorm`; those of `gain` and `offset` when they were given.
  func rmsNormGradient(
    _ x: NDArray, gain: NDArray?, hasOffset: Bool, inverseRMS: NDArray, _ dy: NDArray
  ) -> (dx: NDArray, dGain: NDArray?, dOffset: NDArray?)
  /// `x + gate · (a · wᵀ + bias)`, the end of a residual branch, with `gate` [G, D] as in `rmsNorm`.
  func gatedLinear(
    _ x: NDArray, gate: NDArray, _ a: NDArray, _ layer: LinearArrays
  ) -> NDArray
  func gatedLinearGradient(
    gate: NDArray, _ a: NDArray, _ layer: LinearArrays, _ dOut: NDArray
  ) -> (dGate: NDArray, da: NDArray, dLayer: LinearArrays)
  /// `x + gate · (gelu(hidden) · w₂ᵀ + bias₂)` with `hidden = rmsNorm(x) · w₁ᵀ + bias₁`, which is
  /// returned for the gradient if it is to be kept. `modulation` has as many groups as `gate`.
  func residualMLP(
    _ x: NDArray, _ modulation: NormModulation, gate: NDArray, _ first: LinearArrays,
    _ second: LinearArrays, keepsHidden: Bool
  ) -> (y: NDArray, hidden: NDArray?)
  /// - Parameter hidden: what `residualMLP` kept; nil: it is computed again.
  func residualMLPGradient(
    _ x: NDArray, _ modulation: NormModulation, gate: NDArray, hidden: NDArray?,
    _ first: LinearArrays, _ second: LinearArrays, _ dOut: NDArray
  ) -> ResidualMLPGradient
  /// `y = (x - mean) / deviation · gain + offset` over the last axis, `gain` and `offset` [D]. Also
  /// the mean and the reciprocal deviation of every row [2, R].
  func layerNorm(
    _ x: NDArray, gain: NDArray?, offset: NDArray?, epsilon: Float
  ) -> (y: NDArray, statistics: NDArray)
  /// Gradients of `layerNorm`; that of `gain` when it was given.
  func layerNormGradient(
    _ x: NDArray, gain: NDArray?, statistics: NDArray, _ dy: NDArray
  ) -> (dx: NDArray, dGain: NDArray?)
  /// Softmax over the last axis.
  func softmax(_ x: NDArray) -> NDArray
  func softmaxGradient(y: NDArray, _ dy: NDArray) -> NDArray
  /// Scaled dot-product attention along one axis, all heads; see `AttentionGeometry`.
  /// `statistics` is what the gradient needs to form the softmax again, in a form of the backend's
  /// own: it is of no use to anyone else.
  func attention(
    _ query: NDArray, _ keyValue: NDArray, _ geometry: AttentionGeometry
  ) -> (y: NDArray, statistics: NDArray)
  /// Gradients with respect to `query` and `keyValue`; one array when the two are one packed array.
  /// `y` and `statistics` are what `attention` returned.
  func attentionGradient(
    _ query: NDArray, _ keyValue: NDArray, y: NDArray, statistics: NDArray, _ dOut: NDArray,
    _ geometry: AttentionGeometry
  ) -> (dQuery: NDArray, dKeyValue: NDArray?)
  /// Convolution along one axis, `weight` [out, in, kernel]; see `ConvolutionGeometry`.
  func convolution(_ x: NDArray, _ weight: NDArray, _ geometry: ConvolutionGeometry) -> NDArray
  func convolutionInputGradient(
    _ dy: NDArray, _ weight: NDArray, _ geometry: ConvolutionGeometry
  ) -> NDArray
  func convolutionWeightGradient(
    _ x: NDArray, _ dy: NDArray, _ geometry: ConvolutionGeometry
  ) -> NDArray
  /// Convolution of images, `weight` [out, in, kernel height, kernel width]; see
  /// `Convolution2DGeometry`.
  func convolution2D(_ x: NDArray, _ weight: NDArray, _ geometry: Convolution2DGeometry) -> NDArray
  func convolution2DInputGradient(
    _ dy: NDArray, _ weight: NDArray, _ geometry: Convolution2DGeometry
  ) -> NDArray
  func convolution2DWeightGradient(
    _ x: NDArray, _ dy: NDArray, _ geometry: Convolution2DGeometry
  ) -> NDArray
  /// Means over `block x block` cells of [M, H, W, D] → [M, ceil(H/block), ceil(W/block), D];
  /// blocks at the border average the cells that exist.
  func meanPool(_ x: NDArray, block: Int) -> NDArray
  func meanPoolGradient(_ dy: NDArray, block: Int, height: Int, width: Int) -> NDArray

  // MARK: Losses
  /// The terms of the grid field loss for each sample [3, B], and the gradient of the weighted,
  /// batch-averaged total if asked for; see `GridFieldLoss`.
  func gridFieldLoss(
    _ field: GridField, target: NDArray, ramp: NDArray, mask: NDArray, _ loss: GridFieldLoss,
    wantsGradient: Bool
  ) -> (terms: NDArray, gradient: GridFieldGradient?)

  // MARK: In place, for optimisers and gradient accumulation
  func add(_ x: NDArray, to total: inout NDArray)
  func scale(_ x: inout NDArray, by factor: Float)
  /// The sum of squares, accumulated in `Double`; NaN or infinite when an element is.
  func sumOfSquares(_ x: NDArray) -> Double
  func adamW(
    _ parameter: inout NDArray, _ moments: inout AdamW.Moments, gradient: NDArray,
    _ step: AdamW.Step)
  /// `velocity` is nil without momentum.
  func sgd(
    _ parameter: inout NDArray, _ velocity: inout NDArray?, gradient: NDArray, _ step: SGD.Step)
  /// `average = decay · average + (1 - decay) · x`.
  func movingAverage(_ average: inout NDArray, of x: NDArray, decay: Double)
}

/// A linear layer's arrays, or their gradients: `weight` [O, I], `bias` [O].
package struct LinearArrays: Sendable {
  let weight: NDArray
  let bias: NDArray
}

/// What follows a normalisation: `· gain + offset`, both [G, D] or [D].
package struct NormModulation: Sendable {
  let gain: NDArray
  let offset: NDArray?
  let epsilon: Float
}

package struct ResidualMLPGradient: Sendable {
  let dx: NDArray
  let dGain: NDArray
  let dOffset: NDArray?
  let dGate: NDArray
  let dFirst: LinearArrays
  let dSecond: LinearArrays
}

package enum UnaryOperation: String, Sendable, CaseIterable {
  case negate, abs, square, sqrt, exp, log, sin, cos, tanh, sigmoid, silu, gelu, geluTanh, softplus,
    relu, huber
}

package enum BinaryOperation: String, Sendable, CaseIterable {
  case add, subtract, multiply, divide, power
  /// NaN where either operand is.
  case maximum, minimum
  /// 1 where it holds, 0 elsewhere.
  case less, lessOrEqual, equal, notEqual
}

/// How attention reads its operands. Queries are rows of [outer, Lq, inner, queryChannels], keys
/// and values rows of [outer, Lk, inner, keyChannels]; every (outer, inner) pair is one sequence,
/// and the result is [outer, Lq, inner, heads · headSize]. Nothing is transposed: an axis in the
/// middle is read with strides.
package struct AttentionGeometry: Sendable {
  let outer: Int, inner: Int
  let queryLength: Int, keyLength: Int
  let heads: Int, headSize: Int
  let queryChannels: Int, keyChannels: Int
  /// The channel at which keys and values start in a row of the key-value operand.
  let keyOffset: Int, valueOffset: Int
  /// RMS-normalises every head's query and key first (no weight).
  let normalizesQK: Bool
  static let normEpsilon: Float = 1e-6

  var width: Int { heads * headSize }
  var scale: Float { 1 / Float(headSize).squareRoot() }
  /// Queries, keys and values come from one array.
  var isPacked: Bool { keyOffset > 0 }
}

/// A convolution along the second axis of [outer, length, inner, channels].
package struct ConvolutionGeometry: Sendable {
  let outer: Int, length: Int, inner: Int
  let inChannels: Int, outChannels: Int
  let kernel: Int, stride: Int, padding: Int
  /// Positions before the start and past the end read the first and last element instead of zero.
  let replicates: Bool

  var outputLength: Int { (length + 2 * padding - kernel) / stride + 1 }

  /// The input position that tap `tap` of output `position` reads; nil where it reads a zero.
  func source(_ position: Int, _ tap: Int) -> Int? {
    let index = position * stride + tap - padding
    if (0..<length).contains(index) { return index }
    return replicates ? min(max(index, 0), length - 1) : nil
  }
}

/// A convolution of [images, height, width, inChannels], with zeros beyond the border.
package struct Convolution2DGeometry: Sendable {
  let images: Int, height: Int, width: Int
  let inChannels: Int, outChannels: Int
  let kernelHeight: Int, kernelWidth: Int
  let stride: Int, padding: Int

  var outputHeight: Int { (height + 2 * padding - kernelHeight) / stride + 1 }
  var outputWidth: Int { (width + 2 * padding - kernelWidth) / stride + 1 }
  var inputShape: [Int] { [images, height, width, inChannels] }
  var outputShape: [Int] { [images, outputHeight, outputWidth, outChannels] }
  var weightShape: [Int] { [outChannels, inChannels, kernelHeight, kernelWidth] }
}
