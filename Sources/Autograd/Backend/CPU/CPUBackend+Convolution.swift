// Convolution along one axis as a product per output position and tap: no patches are copied out.

extension CPUBackend {
  func convolution(_ x: NDArray, _ weight: NDArray, _ g: ConvolutionGeometry) -> NDArray {
    let taps = tapMatrices(weight)  // [K, out, in]
    var shape = x.shape
    shape[1] = g.outputLength
    shape[shape.count - 1] = g.outChannels
    return make(shape) { out in
      ThreadPool.run(g.outer * g.outputLength) { task in
        let (block, position) = (task / g.outputLength, task % g.outputLength)
        let target = out + task * g.inner * g.outChannels
        var beta: Float = 0
        for tap in 0..<g.kernel {
          guard let source = g.source(position, tap) else { continue }
          BLAS.sgemm(
            transposeB: true, m: g.inner, n: g.outChannels, k: g.inChannels,
            x.base + (block * g.length + source) * g.inner * g.inChannels, g.inChannels,
            taps.base + tap * g.outChannels * g.inChannels, g.inChannels, beta: beta, target,
            g.outChannels)
          beta = 1
        }
        if beta == 0 { target.update(repeating: 0, count: g.inner * g.outChannels) }
      }
    }
  }

  func convolutionInputGradient(
    _ dy: NDArray, _ weight: NDArray, _ g: ConvolutionGeometry
  ) -> NDArray {
    let taps = tapMatrices(weight)
    var readers = [[(position: Int, tap: Int)]](repeating: [], count: g.length)
    for position in 0..<g.outputLength {
      for tap in 0..<g.kernel {
        if let source = g.source(position, tap) { readers[source].append((position, tap)) }
      }
    }
    var shape = dy.shape
    shape[1] = g.length
    shape[shape.count - 1] = g.inChannels
    return make(shape) { dx in
      ThreadPool.run(g.outer * g.length) { task in
        let (block, source) = (task / g.length, task % g.length)
        let target = dx + task * g.inner * g.inChannels
        if readers[source].isEmpty {
          target.update(repeating: 0, count: g.inner * g.inChannels)
        }
        for (i, reader) in readers[source].enumerated() {
          BLAS.sgemm(
            m: g.inner, n: g.inChannels, k: g.outChannels,
            dy.base + (block * g.outputLength + reader.position) * g.inner * g.outChannels,
            g.outChannels, taps.base + reader.tap * g.outChannels * g.inChannels, g.inChannels,
            beta: i == 0 ? 0 : 1, target, g.inChannels)
        }
      }
    }
  }

  func convolutionWeightGradient(
    _ x: NDArray, _ dy: NDArray, _ g: ConvolutionGeometry
  ) -> NDArray {
    let taps = make([g.kernel, g.outChannels, g.inChannels]) { taps in
      ThreadPool.run(g.kernel) { tap in
        let target = taps + tap * g.outChannels * g.inChannels
        target.update(repeating: 0, count: g.outChannels * g.inChannels)
        for block in 0..<g.outer {
          for position in 0..<g.outputLength {
            guard let source = g.source(position, tap) else { continue }
            BLAS.sgemm(
              transposeA: true, m: g.outChannels, n: g.inChannels, k: g.inner,
              dy.base + (block * g.outputLength + position) * g.inner * g.outChannels,
              g.outChannels, x.base + (block * g.length + source) * g.inner * g.inChannels,
              g.inChannels, beta: 1, target, g.inChannels)
          }
        }
      }
    }
    return gather(taps, StridedView(permuting: taps.shape, [1, 2, 0]))
  }

  /// [out, in, K] → [K, out, in]
  private func tapMatrices(_ weight: NDArray) -> NDArray {
    gather(weight, StridedView(permuting: weight.shape, [2, 0, 1]))
  }

  func meanPool(_ x: NDArray, block: Int) -> NDArray {
    let (count, height, width, channels) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
    let rows = (height + block - 1) / block
    let columns = (width + block - 1) / block
    return make([count, rows, columns, channels]) { out in
      ThreadPool.run(count * rows) { task in
        let (image, row) = (task / rows, task % rows)
        let sourceRows = row * block..<min(height, (row + 1) * block)
        for column in 0..<columns {
          let sourceColumns = column * block..<min(width, (column + 1) * block)
          let target = out + (task * columns + column) * channels
          target.update(repeating: 0, count: channels)
          let share = Vector(repeating: 1 / Float(sourceRows.count * sourceColumns.count))
          for i in sourceRows {
            for j in sourceColumns {
              mapVectors(
                UnsafePointer(target), x.base + ((image * height + i) * width + j) * channels,
                into: target, count: channels
              ) { $0 + $1 * share }
            }
          }
        }
      }
    }
  }

  func meanPoolGradient(_ dy: NDArray, block: Int, height: Int, width: Int) -> NDArray {
    let (count, rows, columns, channels) = (dy.shape[0], dy.shape[1], dy.shape[2], dy.shape[3])
    return make([count, height, width, channels]) { dx in
      ThreadPool.run(count * height) { task in
        let (image, i) = (task / height, task % height)
        let row = i / block
        let rowCells = min(height, (row + 1) * block) - row * block
        for j in 0..<width {
          let column = j / block
          let cells = rowCells * (min(width, (column + 1) * block) - column * block)
          let share = Vector(repeating: 1 / Float(cells))
          mapVectors(
            dy.base + ((image * rows + row) * columns + column) * channels,
            into: dx + (task * width + j) * channels, count: channels
          ) { $0 * share }
        }
      }
    }
  }
}
