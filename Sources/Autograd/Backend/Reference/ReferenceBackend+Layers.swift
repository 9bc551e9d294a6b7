import Foundation

extension ReferenceBackend {
  func rmsNorm(
    _ x: NDArray, gain: NDArray?, offset: NDArray?, epsilon: Float
  ) -> (y: NDArray, inverseRMS: NDArray) {
    let (width, rows, values) = (x.lastExtent, x.rowCount, x.doubles)
    let groups = (gain ?? offset).map { $0.count / width } ?? 1
    let (gains, offsets) = (gain?.doubles, offset?.doubles)
    var y = values
    var inverse = [Double](repeating: 0, count: rows)
    for row in 0..<rows {
      let elements = row * width..<(row + 1) * width
      let group = row / (rows / groups) * width
      let meanSquare = values[elements].reduce(0) { $0 + $1 * $1 } / Double(width)
      inverse[row] = 1 / (meanSquare + Double(epsilon)).squareRoot()
      for (i, element) in elements.enumerated() {
        y[element] =
          values[element] * inverse[row] * (gains?[group + i] ?? 1) + (offsets?[group + i] ?? 0)
      }
    }
    return (make(y, x.shape), make(inverse, [rows]))
  }

  func rmsNormGradient(
    _ x: NDArray, gain: NDArray?, hasOffset: Bool, inverseRMS: NDArray, _ dy: NDArray
  ) -> (dx: NDArray, dGain: NDArray?, dOffset: NDArray?) {
    let (width, rows) = (x.lastExtent, x.rowCount)
    let (values, upstream, inverse) = (x.doubles, dy.doubles, inverseRMS.doubles)
    let groups = gain.map { $0.count / width } ?? 1
    let gains = gain?.doubles
    var dx = values
    var dGain = [Double](repeating: 0, count: groups * width)
    var dOffset = dGain
    for row in 0..<rows {
      let elements = row * width..<(row + 1) * width
      let group = row / (rows / groups) * width
      var dot = 0.0
      for (i, element) in elements.enumerated() {
        dot += upstream[element] * (gains?[group + i] ?? 1) * values[element]
        dGain[group + i] += upstream[element] * values[element] * inverse[row]
        dOffset[group + i] += upstream[element]
      }
      for (i, element) in elements.enumerated() {
        let g = upstream[element] * (gains?[group + i] ?? 1)
        let projection = values[element] * dot * inverse[row] * inverse[row] / Double(width)
        dx[element] = inverse[row] * (g - projection)
      }
    }
    return (
      make(dx, x.shape), gain == nil ? nil : make(dGain, [groups, width]),
      hasOffset ? make(dOffset, [groups, width]) : nil
    )
  }

  func linearGradient(
    _ x: NDArray, _ weight: NDArray, _ dy: NDArray, wantsX: Bool
  ) -> (dx: NDArray?, dWeight: NDArray, dBias: NDArray) {
    let rows = x.count / weight.shape[1]
    let (flat, x2) = (dy.reshaped([rows, weight.shape[0]]), x.reshaped([rows, weight.shape[1]]))
    return (
      wantsX
        ? matmul(flat, weight, transposeA: false, transposeB: false).reshaped(x.shape) : nil,
      matmul(flat, x2, transposeA: true, transposeB: false),
      sum(flat, axes: [0]).reshaped([weight.shape[0]])
    )
  }

  func gatedLinear(
    _ x: NDArray, gate: NDArray, _ a: NDArray, _ layer: LinearArrays
  ) -> NDArray {
    gatedAdd(x, gate: gate, linear(a, layer.weight, layer.bias))
  }

  func gatedLinearGradient(
    gate: NDArray, _ a: NDArray, _ layer: LinearArrays, _ dOut: NDArray
  ) -> (dGate: NDArray, da: NDArray, dLayer: LinearArrays) {
    let (dGate, dy) = gatedAddGradient(gate: gate, linear(a, layer.weight, layer.bias), dOut)
    let gradient = linearGradient(a, layer.weight, dy, wantsX: true)
    return (
      dGate, gradient.dx!, LinearArrays(weight: gradient.dWeight, bias: gradient.dBias)
    )
  }

  func residualMLP(
    _ x: NDArray, _ modulation: NormModulation, gate: NDArray, _ first: LinearArrays,
    _ second: LinearArrays, keepsHidden: Bool
  ) -> (y: NDArray, hidden: NDArray?) {
    let hidden = linear(normalized(x, modulation).y, first.weight, first.bias)
    return (gatedLinear(x, gate: gate, unary(.gelu, hidden), second), keepsHidden ? hidden : nil)
  }

  func residualMLPGradient(
    _ x: NDArray, _ modulation: NormModulation, gate: NDArray, hidden: NDArray?,
    _ first: LinearArrays, _ second: LinearArrays, _ dOut: NDArray
  ) -> ResidualMLPGradient {
    let (n, inverseRMS) = normalized(x, modulation)
    let hidden = hidden ?? linear(n, first.weight, first.bias)
    let outer = gatedLinearGradient(gate: gate, unary(.gelu, hidden), second, dOut)
    let inner = linearGradient(
      n, first.weight, unaryGradient(.gelu, hidden, outer.da), wantsX: true)
    let norm = rmsNormGradient(
      x, gain: modulation.gain, hasOffset: modulation.offset != nil, inverseRMS: inverseRMS,
      inner.dx!)
    return ResidualMLPGradient(
      dx: binary(.add, norm.dx, dOut, shape: x.shape), dGain: norm.dGain!, dOffset: norm.dOffset,
      dGate: outer.dGate, dFirst: LinearArrays(weight: inner.dWeight, bias: inner.dBias),
      dSecond: outer.dLayer)
  }

  private func normalized(
    _ x: NDArray, _ modulation: NormModulation
  ) -> (y: NDArray, inverseRMS: NDArray) {
    rmsNorm(x, gain: modulation.gain, offset: modulation.offset, epsilon: modulation.epsilon)
  }

  private func gatedAdd(_ x: NDArray, gate: NDArray, _ y: NDArray) -> NDArray {
    let product = binary(.multiply, grouped(y, gate), perGroup(gate), shape: groupedShape(y, gate))
    return binary(.add, x, product.reshaped(x.shape), shape: x.shape)
  }

  private func gatedAddGradient(
    gate: NDArray, _ y: NDArray, _ dOut: NDArray
  ) -> (dGate: NDArray, dy: NDArray) {
    let shape = groupedShape(y, gate)
    let upstream = grouped(dOut, gate)
    let dGate = sum(binary(.multiply, upstream, grouped(y, gate), shape: shape), axes: [1])
    let dy = binary(.multiply, upstream, perGroup(gate), shape: shape)
    return (dGate.reshaped([shape[0], shape[2]]), dy.reshaped(y.shape))
  }

  /// [groups, rows per group, width]
  private func groupedShape(_ x: NDArray, _ gate: NDArray) -> [Int] {
    let groups = gate.count / x.lastExtent
    return [groups, x.rowCount / groups, x.lastExtent]
  }

  private func grouped(_ x: NDArray, _ gate: NDArray) -> NDArray {
    x.reshaped(groupedShape(x, gate))
  }

  private func perGroup(_ gate: NDArray) -> NDArray {
    gate.reshaped([gate.count / gate.lastExtent, 1, gate.lastExtent])
  }

  func softmax(_ x: NDArray) -> NDArray {
    var y = x.doubles
    for row in 0..<x.rowCount {
      let elements = row * x.lastExtent..<(row + 1) * x.lastExtent
      let maximum = y[elements].max() ?? 0
      for i in elements { y[i] = exp(y[i] - maximum) }
      let total = y[elements].reduce(0, +)
      for i in elements { y[i] /= total }
    }
    return make(y, x.shape)
  }

  func softmaxGradient(y: NDArray, _ dy: NDArray) -> NDArray {
    let (values, upstream) = (y.doubles, dy.doubles)
    var dx = values
    for row in 0..<y.rowCount {
      let elements = row * y.lastExtent..<(row + 1) * y.lastExtent
      let dot = elements.reduce(0) { $0 + values[$1] * upstream[$1] }
      for i in elements { dx[i] = values[i] * (upstream[i] - dot) }
    }
    return make(dx, y.shape)
  }

  func convolution(_ x: NDArray, _ weight: NDArray, _ g: ConvolutionGeometry) -> NDArray {
    var shape = x.shape
    shape[1] = g.outputLength
    shape[shape.count - 1] = g.outChannels
    let (values, weights) = (x.doubles, weight.doubles)
    var y = [Double](repeating: 0, count: shape.product)
    forEachConnection(g) { input, output, weight in y[output] += values[input] * weights[weight] }
    return make(y, shape)
  }

  func convolutionInputGradient(
    _ dy: NDArray, _ weight: NDArray, _ g: ConvolutionGeometry
  ) -> NDArray {
    var shape = dy.shape
    shape[1] = g.length
    shape[shape.count - 1] = g.inChannels
    let (upstream, weights) = (dy.doubles, weight.doubles)
    var dx = [Double](repeating: 0, count: shape.product)
    forEachConnection(g) { input, output, weight in
      dx[input] += upstream[output] * weights[weight]
    }
    return make(dx, shape)
  }

  func convolutionWeightGradient(
    _ x: NDArray, _ dy: NDArray, _ g: ConvolutionGeometry
  ) -> NDArray {
    let (values, upstream) = (x.doubles, dy.doubles)
    var dw = [Double](repeating: 0, count: g.outChannels * g.inChannels * g.kernel)
    forEachConnection(g) { input, output, weight in dw[weight] += values[input] * upstream[output] }
    return make(dw, [g.outChannels, g.inChannels, g.kernel])
  }

  /// Every (input element, output element, weight element) that the convolution multiplies.
  private func forEachConnection(_ g: ConvolutionGeometry, _ body: (Int, Int, Int) -> Void) {
    for outer in 0..<g.outer {
      for position in 0..<g.outputLength {
        for tap in 0..<g.kernel {
          guard let source = g.source(position, tap) else { continue }
          for inner in 0..<g.inner {
            let input = ((outer * g.length + source) * g.inner + inner) * g.inChannels
            let output = ((outer * g.outputLength + position) * g.inner + inner) * g.outChannels
            for o in 0..<g.outChannels {
              for i in 0..<g.inChannels {
                body(input + i, output + o, (o * g.inChannels + i) * g.kernel + tap)
              }
            }
          }
        }
      }
    }
  }

  func meanPool(_ x: NDArray, block: Int) -> NDArray {
    let shape = [
      x.shape[0], (x.shape[1] + block - 1) / block, (x.shape[2] + block - 1) / block, x.shape[3],
    ]
    var y = [Double](repeating: 0, count: shape.product)
    let values = x.doubles
    forEachPooled(shape, block, x.shape[1], x.shape[2]) { input, output, cells in
      y[output] += values[input] / Double(cells)
    }
    return make(y, shape)
  }

  func meanPoolGradient(_ dy: NDArray, block: Int, height: Int, width: Int) -> NDArray {
    let shape = [dy.shape[0], height, width, dy.shape[3]]
    var dx = [Double](repeating: 0, count: shape.product)
    let upstream = dy.doubles
    forEachPooled(dy.shape, block, height, width) { input, output, cells in
      dx[input] += upstream[output] / Double(cells)
    }
    return make(dx, shape)
  }

  private func forEachPooled(
    _ pooled: [Int], _ block: Int, _ height: Int, _ width: Int, _ body: (Int, Int, Int) -> Void
  ) {
    for image in 0..<pooled[0] {
      for i in 0..<height {
        for j in 0..<width {
          let (row, column) = (i / block, j / block)
          let cells =
            (min(height, (row + 1) * block) - row * block)
            * (min(width, (column + 1) * block) - column * block)
          for channel in 0..<pooled[3] {
            body(
              ((image * height + i) * width + j) * pooled[3] + channel,
              ((image * pooled[1] + row) * pooled[2] + column) * pooled[3] + channel, cells)
          }
        }
      }
    }
  }
}
