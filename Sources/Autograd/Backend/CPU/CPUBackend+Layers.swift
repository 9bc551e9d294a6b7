// Linear layers, residual branches and their gradients in blocks of rows. A block's intermediate
// results stay in cache and are used for everything at once; weight gradients are summed over parts
// of the rows, and the parts added in order, so that nothing depends on the number of threads.

extension CPUBackend {
  func linearGradient(
    _ x: NDArray, _ weight: NDArray, _ dy: NDArray, wantsX: Bool
  ) -> (dx: NDArray?, dWeight: NDArray, dBias: NDArray) {
    let (outputs, inputs) = (weight.shape[0], weight.shape[1])
    let rows = x.count / inputs
    guard rows >= RowParts.smallest else {
      // Too few rows to divide: the products are divided instead.
      let (flat, x2) = (dy.reshaped([rows, outputs]), x.reshaped([rows, inputs]))
      let dx = wantsX ? matmul(flat, weight, transposeA: false, transposeB: false) : nil
      return (
        dx?.reshaped(x.shape), matmul(flat, x2, transposeA: true, transposeB: false),
        sum(flat, axes: [0]).reshaped([outputs])
      )
    }
    let parts = RowParts(rows: rows, groups: 1)
    let dx = wantsX ? HostStorage(uninitialized: x.count) : nil
    let gradients = PartialSums(parts: parts.count, [outputs * inputs, outputs])
    ThreadPool.run(parts.count) { part in
      let (dWeight, dBias) = (gradients[part, 0], gradients[part, 1])
      for (i, block) in parts.blocks(part).enumerated() {
        let upstream = dy.base + block.rows.lowerBound * outputs
        if let dx {
          BLAS.sgemm(
            m: block.rows.count, n: inputs, k: outputs, upstream, outputs, weight.base, inputs,
            dx.pointer + block.rows.lowerBound * inputs, inputs)
        }
        BLAS.sgemm(
          transposeA: true, m: outputs, n: inputs, k: block.rows.count, upstream, outputs,
          x.base + block.rows.lowerBound * inputs, inputs, beta: i == 0 ? 0 : 1, dWeight, inputs)
        addRows(
          upstream, rows: 0..<block.rows.count, width: outputs, into: dBias, accumulates: i > 0)
      }
    }
    return (
      dx.map { NDArray(storage: $0, shape: x.shape, device: .cpu) },
      gradients.total(0, shape: weight.shape), gradients.total(1, shape: [outputs])
    )
  }

  // MARK: Residual branches

  func gatedLinear(
    _ x: NDArray, gate: NDArray, _ a: NDArray, _ layer: LinearArrays
  ) -> NDArray {
    let inputs = layer.weight.shape[1]
    return make(x.shape) { out in
      let parts = RowParts(rows: x.rowCount, groups: gate.count / x.lastExtent)
      ThreadPool.run(parts.allBlocks.count) { index in
        let block = parts.allBlocks[index]
        gatedProduct(
          x, gate, block, a.base + block.rows.lowerBound * inputs, layer, into: out)
      }
    }
  }

  func residualMLP(
    _ x: NDArray, _ modulation: NormModulation, gate: NDArray, _ first: LinearArrays,
    _ second: LinearArrays, keepsHidden: Bool
  ) -> (y: NDArray, hidden: NDArray?) {
    let (hiddenWidth, width) = (first.weight.shape[0], x.lastExtent)
    let kept = keepsHidden ? HostStorage(uninitialized: x.rowCount * hiddenWidth) : nil
    let y = make(x.shape) { out in
      let parts = RowParts(rows: x.rowCount, groups: gate.count / width)
      ThreadPool.run(parts.allBlocks.count) { index in
        let block = parts.allBlocks[index]
        let (rows, count) = (block.rows.count, block.rows.count * hiddenWidth)
        withScratch(count + rows * width) { scratch in
          let normalized = scratch + count
          let norm = modulation.norm(block.group, width: width)
          for row in 0..<rows {
            _ = norm.apply(
              x.base + (block.rows.lowerBound + row) * width, into: normalized + row * width)
          }
          let hidden = kept.map { $0.pointer + block.rows.lowerBound * hiddenWidth } ?? scratch
          product(UnsafePointer(normalized), rows: rows, first, into: hidden)
          mapVectors(UnsafePointer(hidden), into: scratch, count: count) { gelu($0) }
          gatedProduct(x, gate, block, UnsafePointer(scratch), second, into: out)
        }
      }
    }
    return (
      y,
      kept.map { NDArray(storage: $0, shape: x.shape.dropLast() + [hiddenWidth], device: .cpu) }
    )
  }

  func gatedLinearGradient(
    gate: NDArray, _ a: NDArray, _ layer: LinearArrays, _ dOut: NDArray
  ) -> (dGate: NDArray, da: NDArray, dLayer: LinearArrays) {
    let inputs = layer.weight.shape[1]
    let parts = RowParts(rows: dOut.rowCount, groups: gate.count / dOut.lastExtent)
    let gradients = GatedGradients(parts, gate, layer, extra: [])
    let da = make(a.shape) { da in
      ThreadPool.run(parts.count) { part in
        gradients.run(part, dOut.base) { block, gated, accumulate in
          let start = block.rows.lowerBound * inputs
          BLAS.sgemm(
            m: block.rows.count, n: inputs, k: dOut.lastExtent, gated, dOut.lastExtent,
            layer.weight.base, inputs, da + start, inputs)
          accumulate(a.base + start)
        }
      }
    }
    let (dGate, dLayer) = gradients.totals()
    return (dGate, da, dLayer)
  }

  func residualMLPGradient(
    _ x: NDArray, _ modulation: NormModulation, gate: NDArray, hidden: NDArray?,
    _ first: LinearArrays, _ second: LinearArrays, _ dOut: NDArray
  ) -> ResidualMLPGradient {
    let (hiddenWidth, width) = (first.weight.shape[0], x.lastExtent)
    let groups = gate.count / width
    let parts = RowParts(rows: x.rowCount, groups: groups)
    let gradients = GatedGradients(
      parts, gate, second,
      extra: [hiddenWidth * width, hiddenWidth, groups * width, groups * width])
    let dx = make(x.shape) { dx in
      ThreadPool.run(parts.count) { part in
        let sums = gradients.sums
        let (dWeight, dBias) = (sums[part, 2], sums[part, 3])
        let (dGain, dOffset) = (sums[part, 4], sums[part, 5])
        dGain.update(repeating: 0, count: groups * width)
        dOffset.update(repeating: 0, count: groups * width)
        let (wide, narrow) = (parts.longestBlock * hiddenWidth, parts.longestBlock * width)
        withScratch(2 * wide + narrow + parts.longestBlock) { scratch in
          let (activation, dHidden) = (scratch, scratch + wide)
          let normalized = scratch + 2 * wide
          let inverses = normalized + narrow
          var isFirst = true
          gradients.run(part, dOut.base) { block, gated, accumulate in
            let (start, rows) = (block.rows.lowerBound, block.rows.count)
            let norm = modulation.norm(block.group, width: width)
            for row in 0..<rows {
              inverses[row] = norm.apply(
                x.base + (start + row) * width, into: normalized + row * width)
            }
            if hidden == nil {
              product(UnsafePointer(normalized), rows: rows, first, into: activation)
            }
            BLAS.sgemm(
              m: rows, n: hiddenWidth, k: width, gated, width, second.weight.base, hiddenWidth,
              dHidden, hiddenWidth)
            throughGELU(
              hidden.map { $0.base + start * hiddenWidth } ?? UnsafePointer(activation),
              activation: activation, gradient: dHidden, count: rows * hiddenWidth)
            accumulate(UnsafePointer(activation))
            BLAS.sgemm(
              transposeA: true, m: hiddenWidth, n: width, k: rows, UnsafePointer(dHidden),
              hiddenWidth, UnsafePointer(normalized), width, beta: isFirst ? 0 : 1, dWeight, width)
            addRows(
              UnsafePointer(dHidden), rows: 0..<rows, width: hiddenWidth, into: dBias,
              accumulates: !isFirst)
            // The gradient of the normalised rows takes their place.
            BLAS.sgemm(
              m: rows, n: width, k: hiddenWidth, UnsafePointer(dHidden), hiddenWidth,
              first.weight.base, width, normalized, width)
            let group = block.group * width
            if modulation.offset != nil {
              addRows(
                UnsafePointer(normalized), rows: 0..<rows, width: width, into: dOffset + group,
                accumulates: true)
            }
            for row in 0..<rows {
              let element = (start + row) * width
              norm.gradient(
                x.base + element, inverse: inverses[row], UnsafePointer(normalized + row * width),
                into: dx + element, addedTo: dOut.base + element, gainSums: dGain + group)
            }
            isFirst = false
          }
        }
      }
    }
    let (dGate, dSecond) = gradients.totals()
    return ResidualMLPGradient(
      dx: dx, dGain: gradients.sums.total(4, shape: [groups, width]),
      dOffset: modulation.offset.map { _ in gradients.sums.total(5, shape: [groups, width]) },
      dGate: dGate,
      dFirst: LinearArrays(
        weight: gradients.sums.total(2, shape: first.weight.shape),
        bias: gradients.sums.total(3, shape: first.bias.shape)), dSecond: dSecond)
  }

  /// `out = x · wᵀ + bias` for `rows` rows.
  private func product(
    _ x: UnsafePointer<Float>, rows: Int, _ layer: LinearArrays,
    into out: UnsafeMutablePointer<Float>
  ) {
    let (outputs, inputs) = (layer.weight.shape[0], layer.weight.shape[1])
    for row in 0..<rows { (out + row * outputs).update(from: layer.bias.base, count: outputs) }
    BLAS.sgemm(
      transposeB: true, m: rows, n: outputs, k: inputs, x, inputs, layer.weight.base, inputs,
      beta: 1, out, outputs)
  }

  /// `out = x + gate · (a · wᵀ + bias)` for a block's rows; `a` points at the first of them.
  private func gatedProduct(
    _ x: NDArray, _ gate: NDArray, _ block: RowBlock, _ a: UnsafePointer<Float>,
    _ layer: LinearArrays, into out: UnsafeMutablePointer<Float>
  ) {
    let (width, inputs) = (layer.weight.shape[0], layer.weight.shape[1])
    let gate = gate.base + block.group * width
    let target = out + block.rows.lowerBound * width
    BLAS.sgemm(
      transposeB: true, m: block.rows.count, n: width, k: inputs, a, inputs, layer.weight.base,
      inputs, target, width)
    for row in 0..<block.rows.count {
      let y = target + row * width
      let residual = x.base + (block.rows.lowerBound + row) * width
      mapVectors(UnsafePointer(y), layer.bias.base, into: y, count: width) { $0 + $1 }
      mapVectors(UnsafePointer(y), gate, into: y, count: width) { $0 * $1 }
      mapVectors(UnsafePointer(y), residual, into: y, count: width) { $0 + $1 }
    }
  }

  /// `activation = gelu(hidden)` and `gradient *= gelu'(hidden)`; `activation` may be `hidden`.
  private func throughGELU(
    _ hidden: UnsafePointer<Float>, activation: UnsafeMutablePointer<Float>,
    gradient: UnsafeMutablePointer<Float>, count: Int
  ) {
    var i = 0
    while i < count {
      let lanes = Swift.min(16, count &- i)
      let x = lanes == 16 ? hidden.vector(at: i) : hidden.vector(at: i, count: lanes)
      let (value, derivative) = geluAndDerivative(x)
      if lanes == 16 {
        activation.store(value, at: i)
        gradient.store(gradient.vector(at: i) * derivative, at: i)
      } else {
        activation.store(value, at: i, count: lanes)
        let upstream = UnsafePointer(gradient).vector(at: i, count: lanes)
        gradient.store(upstream * derivative, at: i, count: lanes)
      }
      i &+= 16
    }
  }
}

extension NormModulation {
  fileprivate func norm(_ group: Int, width: Int) -> RowNorm {
    RowNorm(
      gain: gain.base + group * width, offset: offset.map { $0.base + group * width },
      width: width, epsilon: epsilon)
  }
}
