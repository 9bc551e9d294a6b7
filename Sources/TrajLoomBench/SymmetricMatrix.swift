import COpenBLAS

/// Dense linear algebra in double precision, by OpenBLAS and the LAPACK in it. Matrices are
/// row-major; where one is symmetric and only a triangle counts, it is said which.
///
/// On the calling thread: the distances of several sets of predictions run beside each other.
enum SymmetricMatrix {
  private static let singleThreaded: Void = openblas_set_num_threads(1)

  /// Adds FᵀF of F [`rows`, `size`] to the lower triangle (column ≤ row) of `sums` [`size`, `size`].
  static func addProducts(of factor: [Double], rows: Int, to sums: inout [Double], size: Int) {
    precondition(factor.count == rows * size && sums.count == size * size)
    _ = singleThreaded
    cblas_dsyrk(
      CblasRowMajor, CblasLower, CblasTrans, blasint(size), blasint(rows), 1, factor,
      blasint(size), 1, &sums, blasint(size))
  }

  /// The rows of J [`rows`, `columns`] in an orthonormal basis of what they span: C
  /// [`rows`, `rows`] with C·Cᵀ = J·Jᵀ.
  /// - Precondition: there are no more rows than columns.
  static func coordinates(of matrix: [Double], rows: Int, columns: Int) -> [Double] {
    precondition(matrix.count == rows * columns && rows <= columns)
    _ = singleThreaded
    // To LAPACK, which goes by columns, this is Jᵀ = QR: row i of J has column i of R.
    var transposed = matrix
    let (m, n, room) = (blasint(columns), blasint(rows), blasint(64 * max(rows, 1)))
    var scales = [Double](repeating: 0, count: rows)
    var work = [Double](repeating: 0, count: Int(room))
    var info: blasint = 0
    dgeqrf_([m], [n], &transposed, [m], &scales, &work, [room], &info)
    precondition(info == 0, "dgeqrf: argument \(-info)")
    var coordinates = [Double](repeating: 0, count: rows * rows)
    for row in 0..<rows {
      for k in 0...row { coordinates[row * rows + k] = transposed[row * columns + k] }
    }
    return coordinates
  }

  /// Eigenvalues of A·B, of two symmetric matrices [`size`, `size`], ascending.
  /// - Precondition: A is positive definite.
  static func eigenvalues(ofProduct a: [Double], _ b: [Double], size: Int) -> [Double] {
    precondition(a.count == size * size && b.count == size * size)
    _ = singleThreaded
    // Both are the same by rows and by columns. A = LLᵀ; A·B and LᵀBL have the same eigenvalues.
    var (factor, product) = (a, b)
    let n = blasint(size)
    var info: blasint = 0
    dpotrf_("L", [n], &factor, [n], &info, 1)
    precondition(info == 0, "dpotrf: the matrix is not positive definite (\(info))")
    for (side, transpose) in [(CblasRight, CblasNoTrans), (CblasLeft, CblasTrans)] {
      cblas_dtrmm(
        CblasColMajor, side, CblasLower, transpose, CblasNonUnit, n, n, 1, factor, n, &product, n)
    }
    var values = [Double](repeating: 0, count: size)
    // As much room as dsyevd's documentation asks for without vectors.
    var work = [Double](repeating: 0, count: 2 * size + 1)
    var integers: blasint = 0
    dsyevd_(
      "N", "L", [n], &product, [n], &values, &work, [2 * n + 1], &integers, [1], &info, 1, 1)
    precondition(info == 0, "dsyevd: no convergence (\(info))")
    return values
  }
}
