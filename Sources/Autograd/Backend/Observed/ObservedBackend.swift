/// A backend whose operations are recorded by an `Observation`: what they are called, how long they
/// take, how much they compute. It computes nothing itself.
struct ObservedBackend: Backend {
  let base: any Backend
  let observation: Observation

  // MARK: Elements
  func fill(_ value: Float, shape: [Int]) -> NDArray {
    one("fill", []) { base.fill(value, shape: shape) }
  }

  func unary(_ op: UnaryOperation, _ x: NDArray) -> NDArray {
    one(op.rawValue, [x]) { base.unary(op, x) }
  }

  func unaryGradient(_ op: UnaryOperation, _ x: NDArray, _ dy: NDArray) -> NDArray {
    one("\(op.rawValue) gradient", [x, dy]) { base.unaryGradient(op, x, dy) }
  }

  func binary(_ op: BinaryOperation, _ a: NDArray, _ b: NDArray, shape: [Int]) -> NDArray {
    one(op.rawValue, [a, b]) { base.binary(op, a, b, shape: shape) }
  }

  func sum(_ x: NDArray, axes: [Int]) -> NDArray { one("sum", [x]) { base.sum(x, axes: axes) } }

  func maximum(_ x: NDArray, axes: [Int]) -> NDArray {
    one("max", [x]) { base.maximum(x, axes: axes) }
  }

  func argMax(_ x: NDArray, axis: Int) -> [Int] {
    observation.observe(
      "argMax", flops: 0, operands: [x], results: { _ in [] },
      work: {
        base.argMax(x, axis: axis)
      })
  }

  func select(_ a: NDArray, _ b: NDArray, where mask: NDArray, shape: [Int]) -> NDArray {
    one("select", [a, b, mask]) { base.select(a, b, where: mask, shape: shape) }
  }

  // MARK: Layout
  func gather(_ x: NDArray, _ view: StridedView) -> NDArray {
    one("gather", []) { base.gather(x, view) }
  }

  func scatterAdd(_ x: NDArray, _ view: StridedView, shape: [Int]) -> NDArray {
    one("scatterAdd", [x]) { base.scatterAdd(x, view, shape: shape) }
  }

  func concatenate(_ arrays: [NDArray], axis: Int) -> NDArray {
    one("concatenate", arrays) { base.concatenate(arrays, axis: axis) }
  }

  func takeRows(_ table: NDArray, _ indices: [Int]) -> NDArray {
    one("takeRows", []) { base.takeRows(table, indices) }
  }

  func addRows(_ rows: NDArray, _ indices: [Int], tableRows: Int) -> NDArray {
    one("addRows", [rows]) { base.addRows(rows, indices, tableRows: tableRows) }
  }

  // MARK: Products
  func matmul(_ a: NDArray, _ b: NDArray, transposeA: Bool, transposeB: Bool) -> NDArray {
    let columns = transposeB ? b.shape[0] : b.shape[1]
    return one("matmul", flops: 2 * a.count * columns, [a, b]) {
      base.matmul(a, b, transposeA: transposeA, transposeB: transposeB)
    }
  }

  func batchedMatmul(
    _ a: NDArray, _ b: NDArray, transposeA: Bool, transposeB: Bool, batch: [Int]
  ) -> NDArray {
    let (rows, inner) = (a.shape[a.rank - 2], a.shape[a.rank - 1])
    let columns = b.shape[b.rank - (transposeB ? 2 : 1)]
    return one("batched matmul", flops: 2 * batch.product * rows * inner * columns, [a, b]) {
      base.batchedMatmul(a, b, transposeA: transposeA, transposeB: transposeB, batch: batch)
    }
  }

  func linear(_ x: NDArray, _ weight: NDArray, _ bias: NDArray?) -> NDArray {
    one("linear", flops: 2 * x.count * weight.shape[0], [x, weight]) {
      base.linear(x, weight, bias)
    }
  }

  func linearGELU(
    _ x: NDArray, _ weight: NDArray, _ bias: NDArray
  ) -> (preactivation: NDArray, y: NDArray) {
    observation.observe(
      "linearGELU", flops: 2 * x.count * weight.shape[0], operands: [x, weight],
      results: { [$0.preactivation, $0.y] },
      work: { base.linearGELU(x, weight, bias) })
  }

  func linearGradient(
    _ x: NDArray, _ weight: NDArray, _ dy: NDArray, wantsX: Bool
  ) -> (dx: NDArray?, dWeight: NDArray, dBias: NDArray) {
    observation.observe(
      "linear gradient", flops: (wantsX ? 4 : 2) * x.count * weight.shape[0], operands: [x, dy],
      results: { [$0.dWeight, $0.dBias] + ($0.dx.map { [$0] } ?? []) },
      work: { base.linearGradient(x, weight, dy, wantsX: wantsX) })
  }

  // MARK: Layers
  func rmsNorm(
    _ x: NDArray, gain: NDArray?, offset: NDArray?, epsilon: Float
  ) -> (y: NDArray, inverseRMS: NDArray) {
    observation.observe(
      "rmsNorm", flops: 0, operands: [x], results: { [$0.y, $0.inverseRMS] },
      work: { base.rmsNorm(x, gain: gain, offset: offset, epsilon: epsilon) })
  }

  func rmsNormGradient(
    _ x: NDArray, gain: NDArray?, hasOffset: Bool, inverseRMS: NDArray, _ dy: NDArray
  ) -> (dx: NDArray, dGain: NDArray?, dOffset: NDArray?) {
    observation.observe(
      "rmsNorm gradient", flops: 0, operands: [x, dy],
      results: { [$0.dx] + [$0.dGain, $0.dOffset].compactMap { $0 } },
      work: {
        base.rmsNormGradient(x, gain: gain, hasOffset: hasOffset, inverseRMS: inverseRMS, dy)
      })
  }

  func gatedLinear(
    _ x: NDArray, gate: NDArray, _ a: NDArray, _ layer: LinearArrays
  ) -> NDArray {
    one("gatedLinear", flops: layer.flops(a), [x, a]) {
      base.gatedLinear(x, gate: gate, a, layer)
    }
  }

  func gatedLinearGradient(
    gate: NDArray, _ a: NDArray, _ layer: LinearArrays, _ dOut: NDArray
  ) -> (dGate: NDArray, da: NDArray, dLayer: LinearArrays) {
    observation.observe(
      "gatedLinear gradient", flops: 2 * layer.flops(a), operands: [a, dOut],
      results: { [$0.dGate, $0.da, $0.dLayer.weight, $0.dLayer.bias] },
      work: { base.gatedLinearGradient(gate: gate, a, layer, dOut) })
  }

  func residualMLP(
    _ x: NDArray, _ modulation: NormModulation, gate: NDArray, _ first: LinearArrays,
    _ second: LinearArrays, keepsHidden: Bool
  ) -> (y: NDArray, hidden: NDArray?) {
    observation.observe(
      "residualMLP", flops: first.flops(x) + second.flops(x), operands: [x],
      results: { [$0.y] + ($0.hidden.map { [$0] } ?? []) },
      work: { base.residualMLP(x, modulation, gate: gate, first, second, keepsHidden: keepsHidden) }
    )
  }

  func residualMLPGradient(
    _ x: NDArray, _ modulation: NormModulation, gate: NDArray, hidden: NDArray?,
    _ first: LinearArrays, _ second: LinearArrays, _ dOut: NDArray
  ) -> ResidualMLPGradient {
    // Computing the hidden layer again is not counted: the result does not need it.
    observation.observe(
      hidden == nil ? "residualMLP gradient, recomputing" : "residualMLP gradient",
      flops: 2 * (first.flops(x) + second.flops(x)), operands: [x, dOut],
      results: { [$0.dx, $0.dGain, $0.dGate, $0.dFirst.weight, $0.dSecond.weight] },
      work: {
        base.residualMLPGradient(x, modulation, gate: gate, hidden: hidden, first, second, dOut)
      })
  }

  func layerNorm(
    _ x: NDArray, gain: NDArray?, offset: NDArray?, epsilon: Float
  ) -> (y: NDArray, statistics: NDArray) {
    observation.observe(
      "layerNorm", flops: 0, operands: [x], results: { [$0.y, $0.statistics] },
      work: { base.layerNorm(x, gain: gain, offset: offset, epsilon: epsilon) })
  }

  func layerNormGradient(
    _ x: NDArray, gain: NDArray?, statistics: NDArray, _ dy: NDArray
  ) -> (dx: NDArray, dGain: NDArray?) {
    observation.observe(
      "layerNorm gradient", flops: 0, operands: [x, dy],
      results: { [$0.dx] + ($0.dGain.map { [$0] } ?? []) },
      work: { base.layerNormGradient(x, gain: gain, statistics: statistics, dy) })
  }

  func softmax(_ x: NDArray) -> NDArray { one("softmax", [x]) { base.softmax(x) } }

  func softmaxGradient(y: NDArray, _ dy: NDArray) -> NDArray {
    one("softmax gradient", [y, dy]) { base.softmaxGradient(y: y, dy) }
  }

  func attention(
    _ query: NDArray, _ keyValue: NDArray, _ geometry: AttentionGeometry
  ) -> (y: NDArray, statistics: NDArray) {
    observation.observe(
      "attention \(geometry.queryLength)x\(geometry.keyLength)", flops: 2 * geometry.productFlops,
      operands: [query, keyValue],
      results: { [$0.y] },
      work: { base.attention(query, keyValue, geometry) })
  }

  func attentionGradient(
    _ query: NDArray, _ keyValue: NDArray, y: NDArray, statistics: NDArray, _ dOut: NDArray,
    _ geometry: AttentionGeometry
  ) -> (dQuery: NDArray, dKeyValue: NDArray?) {
    // Four products are needed; the scores' second evaluation is a fifth that is not counted.
    observation.observe(
      "attention gradient \(geometry.queryLength)x\(geometry.keyLength)",
      flops: 4 * geometry.productFlops, operands: [query, keyValue, y, dOut],
      results: { [$0.dQuery] + ($0.dKeyValue.map { [$0] } ?? []) },
      work: {
        base.attentionGradient(query, keyValue, y: y, statistics: statistics, dOut, geometry)
      })
  }

  func convolution(_ x: NDArray, _ weight: NDArray, _ geometry: ConvolutionGeometry) -> NDArray {
    one("convolution", flops: geometry.flops, [x, weight]) {
      base.convolution(x, weight, geometry)
    }
  }

  func convolutionInputGradient(
    _ dy: NDArray, _ weight: NDArray, _ geometry: ConvolutionGeometry
  ) -> NDArray {
    one("convolution, transposed", flops: geometry.flops, [dy, weight]) {
      base.convolutionInputGradient(dy, weight, geometry)
    }
  }

  func convolutionWeightGradient(
    _ x: NDArray, _ dy: NDArray, _ geometry: ConvolutionGeometry
  ) -> NDArray {
    one("convolution weight gradient", flops: geometry.flops, [x, dy]) {
      base.convolutionWeightGradient(x, dy, geometry)
    }
  }

  func convolution2D(
    _ x: NDArray, _ weight: NDArray, _ geometry: Convolution2DGeometry
  ) -> NDArray {
    one("convolution2D", flops: geometry.flops, [x, weight]) {
      base.convolution2D(x, weight, geometry)
    }
  }

  func convolution2DInputGradient(
    _ dy: NDArray, _ weight: NDArray, _ geometry: Convolution2DGeometry
  ) -> NDArray {
    one("convolution2D input gradient", flops: geometry.flops, [dy, weight]) {
      base.convolution2DInputGradient(dy, weight, geometry)
    }
  }

  func convolution2DWeightGradient(
    _ x: NDArray, _ dy: NDArray, _ geometry: Convolution2DGeometry
  ) -> NDArray {
    one("convolution2D weight gradient", flops: geometry.flops, [x, dy]) {
      base.convolution2DWeightGradient(x, dy, geometry)
    }
  }

  func meanPool(_ x: NDArray, block: Int) -> NDArray {
    one("meanPool", [x]) { base.meanPool(x, block: block) }
  }

  func meanPoolGradient(_ dy: NDArray, block: Int, height: Int, width: Int) -> NDArray {
    one("meanPool gradient", [dy]) {
      base.meanPoolGradient(dy, block: block, height: height, width: width)
    }
  }

  // MARK: Losses
  func gridFieldLoss(
    _ field: GridField, target: NDArray, ramp: NDArray, mask: NDArray, _ loss: GridFieldLoss,
    wantsGradient: Bool
  ) -> (terms: NDArray, gradient: GridFieldGradient?) {
    var operands = [target, mask]
    var flops = 0
    switch field {
    case .values(let prediction): operands.append(prediction)
    case .linear(let tokens, let layer):
      operands.append(tokens)
      flops = (wantsGradient ? 3 : 1) * layer.flops(tokens)
    }
    return observation.observe(
      "gridFieldLoss", flops: flops, operands: operands,
      results: { [$0.terms] + ($0.gradient?.arrays ?? []) },
      work: {
        base.gridFieldLoss(
          field, target: target, ramp: ramp, mask: mask, loss, wantsGradient: wantsGradient)
      })
  }

  // MARK: In place
  func add(_ x: NDArray, to total: inout NDArray) {
    inPlace("add in place", [x], &total) { base.add(x, to: &$0) }
  }

  func scale(_ x: inout NDArray, by factor: Float) {
    inPlace("scale in place", [], &x) { base.scale(&$0, by: factor) }
  }

  func sumOfSquares(_ x: NDArray) -> Double {
    observation.observe(
      "sumOfSquares", flops: 0, operands: [x], results: { _ in [] },
      work: {
        base.sumOfSquares(x)
      })
  }

  func adamW(
    _ parameter: inout NDArray, _ moments: inout AdamW.Moments, gradient: NDArray,
    _ step: AdamW.Step
  ) {
    inPlace("adamW", [gradient], &parameter) {
      base.adamW(&$0, &moments, gradient: gradient, step)
    }
  }

  func sgd(
    _ parameter: inout NDArray, _ velocity: inout NDArray?, gradient: NDArray, _ step: SGD.Step
  ) {
    inPlace("sgd", [gradient], &parameter) {
      base.sgd(&$0, &velocity, gradient: gradient, step)
    }
  }

  func movingAverage(_ average: inout NDArray, of x: NDArray, decay: Double) {
    inPlace("movingAverage", [x], &average) { base.movingAverage(&$0, of: x, decay: decay) }
  }

  // MARK: Recording

  private func one(
    _ operation: String, flops: Int = 0, _ operands: [NDArray], _ body: () -> NDArray
  ) -> NDArray {
    observation.observe(operation, flops: flops, operands: operands, results: { [$0] }, work: body)
  }

  /// `array` is handed to `body` unshared, so that it is still changed in place.
  private func inPlace(
    _ operation: String, _ operands: [NDArray], _ array: inout NDArray,
    _ body: (inout NDArray) -> Void
  ) {
    observation.observe(
      operation, flops: 0, operands: operands, results: { _ in [] },
      work: {
        body(&array)
      })
  }
}

extension LinearArrays {
  /// Of the product with as many rows as `x` has.
  fileprivate func flops(_ x: NDArray) -> Int { 2 * x.rowCount * weight.count }
}

extension AttentionGeometry {
  /// Of one product of queries and keys.
  fileprivate var productFlops: Int { 2 * outer * inner * queryLength * keyLength * width }
}

extension ConvolutionGeometry {
  fileprivate var flops: Int {
    2 * outer * outputLength * inner * kernel * inChannels * outChannels
  }
}

extension Convolution2DGeometry {
  fileprivate var flops: Int { 2 * outputShape.product * inChannels * kernelHeight * kernelWidth }
}
