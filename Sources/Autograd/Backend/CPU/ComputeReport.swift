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

  /// The rate of single-precision matrix products, spread over `threads`, in GFLOP/s: the best of
  /// `sgemmTimes`.
  public static func sgemmRate(rows: Int, inner: Int, columns: Int, threads: Int) -> Double {
    let times = sgemmTimes(
      rows: rows, inner: inner, columns: columns, threads: threads, repetitions: 5)
    return 2e-9 * Double(rows * inner * columns) / times.min()!
  }

  /// Seconds of each of `repetitions` products [rows, inner] · [inner, columns], after one that is
  /// not counted.
  public static func sgemmTimes(
    rows: Int, inner: Int, columns: Int, threads: Int, repetitions: Int
  ) -> [Double] {
    withScratch(rows * inner + inner * columns + rows * columns) { base in
      base.update(repeating: 1, count: rows * inner + inner * columns + rows * columns)
      let (a, b) = (base, base + rows * inner)
      let c = b + inner * columns
      // Pieces as the layers split theirs: even work for any number of threads.
      let block = min(512, (rows + threads - 1) / threads)
      let times = (0...repetitions).map { _ in
        let start = DispatchTime.now().uptimeNanoseconds
        ThreadPool.$limit.withValue(threads) {
          ThreadPool.run(rows, by: block) { range in
            BLAS.sgemm(
              m: range.count, n: columns, k: inner, UnsafePointer(a + range.lowerBound * inner),
              inner, UnsafePointer(b), columns, c + range.lowerBound * columns, columns)
          }
        }
        return Double(DispatchTime.now().uptimeNanoseconds - start) * 1e-9
      }
      return Array(times.dropFirst())
    }
  }
}
