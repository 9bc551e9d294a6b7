extension CPUBackend {
  func batchedMatmul(
    _ a: NDArray, _ b: NDArray, transposeA: Bool, transposeB: Bool, batch: [Int]
  ) -> NDArray {
    let (aRows, aColumns) = (a.shape[a.rank - 2], a.lastExtent)
    let (bRows, bColumns) = (b.shape[b.rank - 2], b.lastExtent)
    let (m, k) = transposeA ? (aColumns, aRows) : (aRows, aColumns)
    let n = transposeB ? bRows : bColumns
    guard batch.product > 1 else {  // the rows of a single product are spread over the pool
      return matmul(
        a.reshaped([aRows, aColumns]), b.reshaped([bRows, bColumns]), transposeA: transposeA,
        transposeB: transposeB
      ).reshaped(batch + [m, n])
    }
    // Which matrix of each operand a matrix of the result is made of.
    let left = StridedView(broadcasting: a.shape.dropLast(2), to: batch).elements
    let right = StridedView(broadcasting: b.shape.dropLast(2), to: batch).elements
    return make(batch + [m, n]) { out in
      ThreadPool.run(batch.product) { i in
        BLAS.sgemm(
          transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k,
          a.base + left[i] * m * k, aColumns, b.base + right[i] * k * n, bColumns,
          out + i * m * n, n)
      }
    }
  }
}
