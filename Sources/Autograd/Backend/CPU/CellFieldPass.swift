/// The grid field loss with hops of a cell. Neighbours have the same place in their cells, so
/// residuals stay in the order of the cells, and a hop is a step from one run of memory to another.
///
/// A few frames at a time: their residuals (from the layer's product, if the field is one), the loss
/// and its gradient, the products that the gradient goes into. Frames of a step and its two
/// neighbours in time are all that is ever held.
struct CellFieldPass<Cost: PairFunction> {
  private let field: GridField
  private let target: NDArray, mask: NDArray
  private let loss: GridFieldLoss
  private let weights: FieldWeights
  /// What a residual starts from: the ramp, and the layer's bias.
  private let base: NDArray  // [S]
  private let batch: Int, frames: Int
  private let cells: Int
  /// S: the components of a cell's samples.
  private let size: Int
  /// Frames per step: enough rows for efficient products.
  private let step: Int

  init(
    _ field: GridField, _ target: NDArray, _ ramp: NDArray, _ mask: NDArray, _ loss: GridFieldLoss,
    _ weights: FieldWeights
  ) {
    self.field = field
    self.target = target
    self.mask = mask
    self.loss = loss
    self.weights = weights
    (batch, frames) = (mask.shape[0], mask.shape[1])
    cells = loss.rows * loss.columns
    size = loss.patch * loss.patch * 2
    step = min(frames, max(1, 780 / cells))
    switch field {
    case .values: base = ramp
    case .linear(_, let layer):
      base = CPUBackend().binary(.add, ramp.reshaped([size]), layer.bias, shape: [size])
    }
  }

  /// The three numerators of each sample, and the gradient of the weighted total.
  func run(wantsGradient: Bool) -> (sums: [SIMD4<Double>], gradient: GridFieldGradient?) {
    var sums = [SIMD4<Double>](repeating: .zero, count: batch)
    let products = wantsGradient ? FieldGradientProducts(field, rows: batch * frames * cells) : nil
    let frame = cells * size
    // Residuals of `step` frames and of one before and one after; the gradient of `step` frames.
    withScratch((2 * step + 2) * frame) { scratch in
      let ring = Ring(base: scratch, frame: frame, slots: step + 2)
      for sample in 0..<batch {
        for start in stride(from: 0, to: frames, by: step) {
          let range = start..<min(frames, start + step)
          let first = start == 0 ? 0 : start + 1
          load(sample, first..<min(frames, range.upperBound + 1), ring)
          let row = (sample * frames + start) * cells
          let gradient = products?.target(row: row) ?? scratch + (step + 2) * frame
          sums[sample] += accumulate(
            sample, range, ring, gradient: wantsGradient ? gradient : nil)
          products?.multiply(gradient, rows: row..<row + range.count * cells)
        }
      }
    }
    return (sums, products?.gradient(like: field))
  }

  private struct Ring {
    let base: UnsafeMutablePointer<Float>
    let frame: Int
    let slots: Int
    func callAsFunction(_ time: Int) -> UnsafeMutablePointer<Float> {
      base + time % slots * frame
    }
  }

  /// e = prediction - (point - ramp) for some frames of a sample.
  private func load(_ sample: Int, _ range: Range<Int>, _ ring: Ring) {
    let width = max(64, (size / 8 + 31) / 32 * 32)
    let tiles = (size + width - 1) / width
    ThreadPool.run(range.count * tiles) { task in
      let time = range.lowerBound + task / tiles
      let start = task % tiles * width
      let count = min(width, size - start)
      let row = (sample * frames + time) * cells
      for cell in 0..<cells {
        let (x, y) = (target.base[2 * (row + cell)], target.base[2 * (row + cell) + 1])
        var point = Vector(repeating: x)
        point.oddHalf = SIMD8(repeating: y)
        let out = ring(time) + cell * size + start
        switch field {
        case .values(let prediction):
          mapVectors(
            prediction.base + (row + cell) * size + start, base.base + start, into: out,
            count: count
          ) { $0 - point + $1 }
        case .linear:
          mapVectors(base.base + start, into: out, count: count) { $0 - point }
        }
      }
      if case .linear(let tokens, let layer) = field {
        let inputs = layer.weight.shape[1]
        BLAS.sgemm(
          transposeB: true, m: cells, n: count, k: inputs, tokens.base + row * inputs, inputs,
          layer.weight.base + start * inputs, inputs, beta: 1, ring(time) + start, size)
      }
    }
  }

  /// The numerators over `range`, each pair counted at its later frame or forward neighbour, and
  /// the finished gradient of those frames.
  private func accumulate(
    _ sample: Int, _ range: Range<Int>, _ ring: Ring, gradient: UnsafeMutablePointer<Float>?
  ) -> SIMD4<Double> {
    let scales = weights.gradientScales(sample)
    var sums = [SIMD4<Double>](repeating: .zero, count: range.count * loss.rows)
    sums.withUnsafeMutableBufferPointer { sums in
      let sums = sums.baseAddress!
      ThreadPool.run(range.count * loss.rows) { task in
        let (frame, row) = (task / loss.rows, task % loss.rows)
        NeighborList.withList(hops: loss.hops.count) { list in
          var total = SIMD4<Double>.zero
          for column in 0..<loss.columns {
            let cell = row * loss.columns + column
            collect(&list, sample, range.lowerBound + frame, row, column, ring, scales)
            total += self.cell(
              ring(range.lowerBound + frame) + cell * size, list,
              mask: maskFrame(sample, range.lowerBound + frame)[cell], scale: scales.x,
              gradient: gradient.map { $0 + (frame * cells + cell) * size })
          }
          sums[task] = total
        }
      }
    }
    return sums.reduce(.zero, +)
  }

  private func maskFrame(_ sample: Int, _ time: Int) -> UnsafePointer<Float> {
    mask.base + (sample * frames + time) * cells
  }

  /// The visible neighbours of a cell in time and space.
  @inline(__always)
  private func collect(
    _ list: inout NeighborList, _ sample: Int, _ time: Int, _ row: Int, _ column: Int,
    _ ring: Ring, _ scales: SIMD4<Float>
  ) {
    let cell = row * loss.columns + column
    let here = maskFrame(sample, time)
    list.removeAll()
    guard here[cell] != 0 else { return }
    if time > 0 {
      let m = here[cell] * maskFrame(sample, time - 1)[cell]
      list.addEarlier(ring(time - 1) + cell * size, value: m, gradient: m * scales.y)
    }
    for hop in loss.hops {
      func add(_ other: Int, isForward: Bool) {
        let m = here[cell] * here[other] * hop.weight
        list.add(
          ring(time) + other * size, value: isForward ? m : 0, gradient: m * scales.z)
      }
      let d = hop.distance
      if column + d < loss.columns { add(cell + d, isForward: true) }
      if row + d < loss.rows { add(cell + d * loss.columns, isForward: true) }
      if column >= d { add(cell - d, isForward: false) }
      if row >= d { add(cell - d * loss.columns, isForward: false) }
    }
    if time + 1 < frames {
      let m = here[cell] * maskFrame(sample, time + 1)[cell]
      list.add(ring(time + 1) + cell * size, value: 0, gradient: m * scales.y)
    }
  }

  /// One cell: its numerators, and its gradient.
  @inline(__always)
  private func cell(
    _ e: UnsafeMutablePointer<Float>, _ list: NeighborList, mask: Float, scale: Float,
    gradient: UnsafeMutablePointer<Float>?
  ) -> SIMD4<Double> {
    guard mask != 0 else {
      gradient?.update(repeating: 0, count: size)
      return .zero
    }
    let whole = size / 16 * 16
    var sums = (Vector(), Vector(), Vector())
    let scales = Vector(repeating: scale * mask)
    var k = 0
    while k < whole {
      let g = derivative(e.vector(at: k), list, scales, &sums) { $0.vector(at: k) }
      gradient?.store(g, at: k)
      k &+= 16
    }
    if k < size {
      let rest = size - k
      let g = derivative(UnsafePointer(e).vector(at: k, count: rest), list, scales, &sums) {
        $0.vector(at: k, count: rest)
      }
      gradient?.store(g, at: k, count: rest)
    }
    return SIMD4(
      Double(mask * sums.0.total), Double(sums.1.total), Double(sums.2.total), 0)
  }

  /// The derivative at sixteen residuals `x`, whose counterparts in a neighbour `other` reads; the
  /// values are added to `sums`. Padding lanes are zero in all of them and add nothing.
  @inline(__always)
  private func derivative(
    _ x: Vector, _ list: NeighborList, _ scale: Vector, _ sums: inout (Vector, Vector, Vector),
    _ other: (UnsafePointer<Float>) -> Vector
  ) -> Vector {
    sums.0 += HuberCost.value(x)
    var g = scale * HuberCost.derivative(x)
    for i in 0..<list.count {
      let neighbor = list[i]
      let d = x - other(neighbor.residuals)
      g.addProduct(Vector(repeating: neighbor.gradient), Cost.derivative(d))
      guard neighbor.value != 0 else { continue }
      let value = Cost.value(d) * Vector(repeating: neighbor.value)
      if i < list.earlierCount { sums.1 += value } else { sums.2 += value }
    }
    return g
  }
}

/// The neighbours of one cell: at most one in the frame before, then all others.
private struct NeighborList {
  struct Neighbor {
    let residuals: UnsafePointer<Float>
    /// What its pair's cost counts in the value, and what the derivative counts in the gradient.
    let value: Float
    let gradient: Float
  }

  private let entries: UnsafeMutablePointer<Neighbor>
  private(set) var count = 0
  private(set) var earlierCount = 0

  static func withList(hops: Int, _ body: (inout NeighborList) -> Void) {
    withUnsafeTemporaryAllocation(of: Neighbor.self, capacity: 4 * hops + 2) { buffer in
      var list = NeighborList(entries: buffer.baseAddress!)
      body(&list)
    }
  }

  private init(entries: UnsafeMutablePointer<Neighbor>) { self.entries = entries }

  subscript(index: Int) -> Neighbor { entries[index] }

  mutating func removeAll() { (count, earlierCount) = (0, 0) }

  /// Adds a pair that counts; one of an invisible cell does not.
  mutating func add(_ residuals: UnsafeMutablePointer<Float>, value: Float, gradient: Float) {
    guard gradient != 0 || value != 0 else { return }
    entries[count] = Neighbor(
      residuals: UnsafePointer(residuals), value: value, gradient: gradient)
    count += 1
  }

  /// Adds the frame before; first of all.
  mutating func addEarlier(
    _ residuals: UnsafeMutablePointer<Float>, value: Float, gradient: Float
  ) {
    add(residuals, value: value, gradient: gradient)
    earlierCount = count
  }
}

/// Where the field's gradient goes: out, or into the products of the layer that made the field.
private struct FieldGradientProducts {
  private enum Target {
    case values(HostStorage, size: Int)
    case linear(LinearTarget)
  }

  private struct LinearTarget {
    let tokens: NDArray
    let layer: LinearArrays
    let dTokens: HostStorage, dWeight: HostStorage, dBias: HostStorage
  }

  private let target: Target

  init(_ field: GridField, rows: Int) {
    switch field {
    case .values(let prediction):
      target = .values(
        HostStorage(uninitialized: prediction.count), size: prediction.lastExtent)
    case .linear(let tokens, let layer):
      let linear = LinearTarget(
        tokens: tokens, layer: layer, dTokens: HostStorage(uninitialized: tokens.count),
        dWeight: HostStorage(uninitialized: layer.weight.count),
        dBias: HostStorage(uninitialized: layer.bias.count))
      linear.dBias.pointer.update(repeating: 0, count: layer.bias.count)
      target = .linear(linear)
    }
  }

  /// Where the gradient from `row` on is to be written; nil where the caller holds it.
  func target(row: Int) -> UnsafeMutablePointer<Float>? {
    guard case .values(let storage, let size) = target else { return nil }
    return storage.pointer + row * size
  }

  /// `dTokens = G · w` for `rows`; `dw += Gᵀ · tokens` and `dbias += ΣG`. Called for one range of
  /// rows after another, from 0 on.
  func multiply(_ gradient: UnsafeMutablePointer<Float>, rows: Range<Int>) {
    guard case .linear(let to) = target else { return }
    let (outputs, inputs) = (to.layer.weight.shape[0], to.layer.weight.shape[1])
    let g = UnsafePointer(gradient)
    let tokens = to.tokens.base + rows.lowerBound * inputs
    let height = max(64, (rows.count + 3) / 4)
    let width = max(64, (outputs + 7) / 8)
    let rowTiles = (rows.count + height - 1) / height
    let columnTiles = (outputs + width - 1) / width
    ThreadPool.run(rowTiles + columnTiles) { task in
      if task < rowTiles {
        let start = task * height
        BLAS.sgemm(
          m: min(height, rows.count - start), n: inputs, k: outputs, g + start * outputs, outputs,
          to.layer.weight.base, inputs, to.dTokens.pointer + (rows.lowerBound + start) * inputs,
          inputs)
      } else {
        let start = (task - rowTiles) * width
        let count = min(width, outputs - start)
        BLAS.sgemm(
          transposeA: true, m: count, n: inputs, k: rows.count, g + start, outputs, tokens, inputs,
          beta: rows.lowerBound == 0 ? 0 : 1, to.dWeight.pointer + start * inputs, inputs)
        let bias = to.dBias.pointer + start
        for row in 0..<rows.count {
          mapVectors(UnsafePointer(bias), g + row * outputs + start, into: bias, count: count) {
            $0 + $1
          }
        }
      }
    }
  }

  func gradient(like field: GridField) -> GridFieldGradient {
    func array(_ storage: HostStorage, _ like: NDArray) -> NDArray {
      NDArray(storage: storage, shape: like.shape, device: .cpu)
    }
    switch (target, field) {
    case (.values(let storage, _), .values(let prediction)):
      return .values(array(storage, prediction))
    case (.linear(let to), _):
      return .linear(
        dTokens: array(to.dTokens, to.tokens),
        LinearArrays(
          weight: array(to.dWeight, to.layer.weight), bias: array(to.dBias, to.layer.bias)))
    case (.values, .linear):
      preconditionFailure("a field's gradient is of the field's kind")
    }
  }
}
