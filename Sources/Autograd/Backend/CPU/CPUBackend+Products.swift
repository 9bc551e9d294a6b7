extension CPUBackend {
  /// Rows of the result that one task computes: many, because BLAS rearranges the other operand anew
  /// in every call. The split depends on the shapes alone.
  private static let rowBlock = 1024

  /// Equal blocks of at most `rowBlock` rows, an even number of them.
  private func rowBlock(for rows: Int) -> Int {
    let pairs = max(1, (rows + 2 * Self.rowBlock - 1) / (2 * Self.rowBlock))
    return max(32, (rows + 2 * pairs - 1) / (2 * pairs))
  }

  func matmul(_ a: NDArray, _ b: NDArray, transposeA: Bool, transposeB: Bool) -> NDArray {
    let m = transposeA ? a.shape[1] : a.shape[0]
    let k = transposeA ? a.shape[0] : a.shape[1]
    let n = transposeB ? b.shape[0] : b.shape[1]
    let splits = innerSplits(m: m, n: n, k: k)
    guard splits > 1 else {
      return make([m, n]) { out in
        product(a, b, transposeA, transposeB, m: m, n: n, inner: 0..<k, into: out)
      }
    }
    // A small result over a long inner dimension: split that.
    let parts = PartialSums(parts: splits, [m * n])
    let length = (k + splits - 1) / splits
    ThreadPool.run(splits) { part in
      product(
        a, b, transposeA, transposeB, m: m, n: n,
        inner: part * length..<min(k, (part + 1) * length), into: parts[part, 0])
    }
    return parts.total(0, shape: [m, n])
  }

  private func innerSplits(m: Int, n: Int, k: Int) -> Int {
    guard m * n <= 1 << 18, k >= 4096 else { return 1 }
    return min(16, k / 4096 * 2)
  }

  /// Tiles of the result, each one BLAS call.
  private func product(
    _ a: NDArray, _ b: NDArray, _ transposeA: Bool, _ transposeB: Bool, m: Int, n: Int,
    inner: Range<Int>, into out: UnsafeMutablePointer<Float>
  ) {
    let lda = a.shape[1]
    let ldb = b.shape[1]
    let a = a.base + inner.lowerBound * (transposeA ? lda : 1)
    let b = b.base + inner.lowerBound * (transposeB ? 1 : ldb)
    let rows = rowBlock(for: m)
    let columns = m >= n ? n : max(256, (n + 3) / 4)
    let columnTiles = (n + columns - 1) / columns
    ThreadPool.run((m + rows - 1) / rows * columnTiles) { tile in
      let row = tile / columnTiles * rows
      let column = tile % columnTiles * columns
      BLAS.sgemm(
        transposeA: transposeA, transposeB: transposeB, m: min(rows, m - row),
        n: min(columns, n - column), k: inner.count,
        a + row * (transposeA ? 1 : lda), lda, b + column * (transposeB ? ldb : 1), ldb,
        out + row * n + column, n)
    }
  }

  func linear(_ x: NDArray, _ weight: NDArray, _ bias: NDArray?) -> NDArray {
    make(x.shape.dropLast() + [weight.shape[0]]) { out in
      forEachLinearBlock(x, weight, bias, into: out) { _, _ in }
    }
  }

  func linearGELU(
    _ x: NDArray, _ weight: NDArray, _ bias: NDArray
  ) -> (preactivation: NDArray, y: NDArray) {
    let shape = Array(x.shape.dropLast()) + [weight.shape[0]]
    let y = HostStorage(uninitialized: shape.product)
    let preactivation = make(shape) { out in
      forEachLinearBlock(x, weight, bias, into: out) { start, count in
        mapVectors(UnsafePointer(out + start), into: y.pointer + start, count: count) { gelu($0) }
      }
    }
    return (preactivation, NDArray(storage: y, shape: shape, device: .cpu))
  }

  /// `out = x · wᵀ + bias` in blocks of rows small enough to stay in cache for what `finish(start,
  /// count)` does to a block's elements.
  private func forEachLinearBlock(
    _ x: NDArray, _ weight: NDArray, _ bias: NDArray?, into out: UnsafeMutablePointer<Float>,
    finish: (Int, Int) -> Void
  ) {
    let rows = x.rowCount
    guard rows > 0 else { return }
    let (outputs, inputs) = (weight.shape[0], weight.shape[1])
    // A few rows through a wide layer (modulation vectors): the columns are split instead.
    let columns = rows >= 32 ? outputs : max(64, (outputs + 7) / 8)
    let columnTiles = (outputs + columns - 1) / columns
    let block = rows >= 32 ? rowBlock(for: rows) : rows
    let rowTiles = (rows + block - 1) / max(1, block)
    ThreadPool.run(rowTiles * columnTiles) { tile in
      let row = tile / columnTiles * block
      let column = tile % columnTiles * columns
      let height = min(block, rows - row)
      let width = min(columns, outputs - column)
      let target = out + row * outputs + column
      if let bias {
        for r in 0..<height {
          (target + r * outputs).update(from: bias.base + column, count: width)
        }
      }
      BLAS.sgemm(
        transposeB: true, m: height, n: width, k: inputs, x.base + row * inputs, inputs,
        weight.base + column * inputs, inputs, beta: bias == nil ? 0 : 1, target, outputs)
      if columnTiles == 1 {
        finish(row * outputs, height * outputs)
      } else {
        for r in 0..<height { finish((row + r) * outputs + column, width) }
      }
    }
  }
}
