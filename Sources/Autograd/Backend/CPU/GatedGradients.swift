/// The gradients of `gate · (a · wᵀ + bias)` with respect to gate, weight and bias, part by part.
///
/// Over the rows of a group let S = Σ dyᵀ a and s = Σ dy. Then dw = gate · S and dbias = gate · s,
/// and dgate = Σ_i w S + bias s: the layer's result is not needed.
struct GatedGradients {
  /// Weight, bias, and what the caller sums beside them.
  let sums: PartialSums
  private let parts: RowParts
  private let gate: NDArray
  private let layer: LinearArrays
  private let gateSums: PartialSums  // [groups, D]
  private let width: Int, inputs: Int, groups: Int

  init(_ parts: RowParts, _ gate: NDArray, _ layer: LinearArrays, extra: [Int]) {
    self.parts = parts
    self.gate = gate
    self.layer = layer
    (width, inputs) = (layer.weight.shape[0], layer.weight.shape[1])
    groups = gate.count / width
    sums = PartialSums(parts: parts.count, [width * inputs, width] + extra)
    gateSums = PartialSums(parts: parts.count, [groups * width])
  }

  /// Runs `body(block, gate · dy of its rows, accumulate)` for the blocks of a part; `body` calls
  /// `accumulate` with the block's rows of `a`.
  func run(
    _ part: Int, _ dy: UnsafePointer<Float>,
    _ body: (RowBlock, UnsafePointer<Float>, (UnsafePointer<Float>) -> Void) -> Void
  ) {
    let blocks = parts.blocks(part)
    gateSums[part, 0].update(repeating: 0, count: groups * width)
    withScratch(parts.longestBlock * width + width * inputs + width) { scratch in
      let gated = scratch
      let products = scratch + parts.longestBlock * width  // S of the present group
      let totals = products + width * inputs  // s of it
      for (i, block) in zip(blocks.indices, blocks) {
        let startsGroup = i == blocks.startIndex || blocks[i - 1].group != block.group
        let rows = dy + block.rows.lowerBound * width
        let gates = gate.base + block.group * width
        for row in 0..<block.rows.count {
          mapVectors(rows + row * width, gates, into: gated + row * width, count: width) { $0 * $1 }
        }
        body(block, UnsafePointer(gated)) { a in
          BLAS.sgemm(
            transposeA: true, m: width, n: inputs, k: block.rows.count, rows, width, a, inputs,
            beta: startsGroup ? 0 : 1, products, inputs)
        }
        CPUBackend().addRows(
          rows, rows: 0..<block.rows.count, width: width, into: totals, accumulates: !startsGroup)
        if i + 1 == blocks.endIndex || blocks[i + 1].group != block.group {
          finish(part, block.group, products, totals, isFirst: blocks.first!.group == block.group)
        }
      }
    }
  }

  /// Takes a group's S and s into the part's sums.
  private func finish(
    _ part: Int, _ group: Int, _ products: UnsafeMutablePointer<Float>,
    _ totals: UnsafeMutablePointer<Float>, isFirst: Bool
  ) {
    let (dWeight, dBias) = (sums[part, 0], sums[part, 1])
    for row in 0..<width {
      let (start, g) = (row * inputs, gate.base[group * width + row])
      let product = UnsafePointer(products + start)
      gateSums[part, 0][group * width + row] =
        sumVectors(layer.weight.base + start, product, count: inputs) { $0 * $1 }
        + layer.bias.base[row] * totals[row]
      let gates = Vector(repeating: g)
      if isFirst {
        mapVectors(product, into: dWeight + start, count: inputs) { $0 * gates }
        dBias[row] = g * totals[row]
      } else {
        mapVectors(UnsafePointer(dWeight + start), product, into: dWeight + start, count: inputs) {
          $0 + $1 * gates
        }
        dBias[row] += g * totals[row]
      }
    }
  }

  func totals() -> (dGate: NDArray, dLayer: LinearArrays) {
    (
      gateSums.total(0, shape: [groups, width]),
      LinearArrays(
        weight: sums.total(0, shape: layer.weight.shape),
        bias: sums.total(1, shape: layer.bias.shape))
    )
  }
}
