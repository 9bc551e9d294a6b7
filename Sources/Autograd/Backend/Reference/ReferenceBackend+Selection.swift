extension ReferenceBackend {
  func select(_ a: NDArray, _ b: NDArray, where mask: NDArray, shape: [Int]) -> NDArray {
    func elements(_ x: NDArray) -> [Double] {
      gather(x, StridedView(broadcasting: x.shape, to: shape)).doubles
    }
    let pairs = zip(elements(a), elements(b))
    return make(zip(elements(mask), pairs).map { $0 != 0 ? $1.1 : $1.0 }, shape)
  }

  func maximum(_ x: NDArray, axes: [Int]) -> NDArray {
    var shape = x.shape
    for axis in axes { shape[axis] = 1 }
    let places = StridedView(broadcasting: shape, to: x.shape).elements
    var largest = [Double](repeating: -.infinity, count: shape.product)
    for (place, value) in zip(places, x.doubles) where value > largest[place] || value.isNaN {
      largest[place] = value
    }
    return make(largest, shape)
  }

  func argMax(_ x: NDArray, axis: Int) -> [Int] {
    let inner = x.shape[(axis + 1)...].product
    let values = x.scalars
    let starts = StridedView(slicing: x.shape, axis: axis, 0..<1).elements
    return starts.map { start in
      let column = (0..<x.shape[axis]).map { values[start + $0 * inner] }
      return column.indices.reduce(0) { column[$1] > column[$0] ? $1 : $0 }
    }
  }

  func batchedMatmul(
    _ a: NDArray, _ b: NDArray, transposeA: Bool, transposeB: Bool, batch: [Int]
  ) -> NDArray {
    func matrices(_ x: NDArray) -> [NDArray] {
      let shape = Array(x.shape.suffix(2))
      let scalars = x.scalars
      return StridedView(broadcasting: x.shape.dropLast(2), to: batch).elements.map { index in
        let elements = scalars[index * shape.product..<(index + 1) * shape.product]
        return NDArray(Array(elements), shape: shape, device: .reference)
      }
    }
    let products = zip(matrices(a), matrices(b)).map {
      matmul($0, $1, transposeA: transposeA, transposeB: transposeB)
    }
    let m = a.shape[a.rank - (transposeA ? 1 : 2)]
    let n = b.shape[b.rank - (transposeB ? 2 : 1)]
    return make(products.flatMap(\.doubles), batch + [m, n])
  }

  func layerNorm(
    _ x: NDArray, gain: NDArray?, offset: NDArray?, epsilon: Float
  ) -> (y: NDArray, statistics: NDArray) {
    let (width, rows, values) = (x.lastExtent, x.rowCount, x.doubles)
    let (gains, offsets) = (gain?.doubles, offset?.doubles)
    var y = values
    var means = [Double](repeating: 0, count: rows)
    var scales = means
    for row in 0..<rows {
      let elements = row * width..<(row + 1) * width
      let mean = values[elements].reduce(0, +) / Double(width)
      let variance = values[elements].reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
      means[row] = mean
      scales[row] = 1 / (variance + Double(epsilon)).squareRoot()
      for (i, element) in elements.enumerated() {
        let normalized = (values[element] - mean) * scales[row]
        y[element] = normalized * (gains?[i] ?? 1) + (offsets?[i] ?? 0)
      }
    }
    return (make(y, x.shape), make(means + scales, [2, rows]))
  }

  func layerNormGradient(
    _ x: NDArray, gain: NDArray?, statistics: NDArray, _ dy: NDArray
  ) -> (dx: NDArray, dGain: NDArray?) {
    let (width, rows) = (x.lastExtent, x.rowCount)
    let (values, upstream, statistics) = (x.doubles, dy.doubles, statistics.doubles)
    let gains = gain?.doubles ?? [Double](repeating: 1, count: width)
    var dx = values
    var dGain = [Double](repeating: 0, count: width)
    for row in 0..<rows {
      let columns = 0..<width
      let scale = statistics[rows + row]
      let n = columns.map { (values[row * width + $0] - statistics[row]) * scale }
      let g = columns.map { upstream[row * width + $0] * gains[$0] }
      let meanG = g.reduce(0, +) / Double(width)
      let meanGN = zip(g, n).reduce(0) { $0 + $1.0 * $1.1 } / Double(width)
      for i in columns {
        dx[row * width + i] = scale * (g[i] - meanG - n[i] * meanGN)
        dGain[i] += upstream[row * width + i] * n[i]
      }
    }
    return (make(dx, x.shape), gain == nil ? nil : make(dGain, [width]))
  }
}
