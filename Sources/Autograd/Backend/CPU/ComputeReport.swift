import COpenBLAS
import Dispatch

/// What the CPU backend computes with, for people who wonder why it is slow.
public enum ComputeReport {
  /// The BLAS library's build and the kernel family that it chose for this processor.
  public static var blas: (configuration: String, kernel: String) {
    (BLAS.configuration, BLAS.coreName)
  }

  public static var threads: Int { ThreadPool.threads }

  /// The width of the vectors that the kernels were compiled to, in bits.
  public static var compiledVectorWidth: Int { Int(trajloom_compiled_vector_bits()) }

  /// The best of five single-precision matrix products, spread over `threads`, in GFLOP/s.
  public static func sgemmRate(rows: Int, inner: Int, columns: Int, threads: Int) -> Double {
    withScratch(rows * inner + inner * columns + rows * columns) { base in
      base.update(repeating: 1, count: rows * inner + inner * columns + rows * columns)
      let (a, b) = (base, base + rows * inner)
      let c = b + inner * columns
      let block = (rows + threads - 1) / threads
      let times = (0..<6).map { _ in
        let start = DispatchTime.now().uptimeNanoseconds
        ThreadPool.run(rows, by: block) { range in
          BLAS.sgemm(
            m: range.count, n: columns, k: inner, UnsafePointer(a + range.lowerBound * inner),
            inner,
            UnsafePointer(b), columns, c + range.lowerBound * columns, columns)
        }
        return Double(DispatchTime.now().uptimeNanoseconds - start) * 1e-9
      }
      return 2e-9 * Double(rows * inner * columns) / times.dropFirst().min()!
    }
  }
}
