import COpenBLAS

/// OpenBLAS, called on one thread at a time per task: the rows are spread over our pool instead,
/// which measured as fast as or faster than OpenBLAS's own threads.
enum BLAS {
  private static let singleThreaded: Void = openblas_set_num_threads(1)

  /// The kernel family that OpenBLAS chose for this processor, such as `SkylakeX`.
  static var coreName: String { String(cString: openblas_get_corename()) }
  static var configuration: String { String(cString: openblas_get_config()) }

  /// `c = alpha · op(a) · op(b) + beta · c`, row-major, `op(a)` is m x k and `op(b)` is k x n.
  static func sgemm(
    transposeA: Bool = false, transposeB: Bool = false, m: Int, n: Int, k: Int, alpha: Float = 1,
    _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int, beta: Float = 0,
    _ c: UnsafeMutablePointer<Float>, _ ldc: Int
  ) {
    _ = singleThreaded
    cblas_sgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
      blasint(m), blasint(n), blasint(k), alpha, a, blasint(lda), b, blasint(ldb), beta, c,
      blasint(ldc))
  }
}
