/// Products of the small matrices of short attention sequences, where a BLAS call spends most of its
/// time on getting started: several times as fast there, and slower from a few hundred rows on.
enum ShortProduct {
  /// Rows and vectors of the result that are kept in registers.
  private static let rows = 6
  private static let columns = 32

  static func fits(rows m: Int, columns n: Int) -> Bool { m >= rows && n >= columns && n % 16 == 0 }

  /// `c = alpha · a · b` with `a` [m, k], whose rows are `aRow` and columns `aColumn` apart, `b` [k,
  /// n] and `c` [m, n].
  /// - Precondition: `fits(rows: m, columns: n)`.
  static func multiply(
    m: Int, n: Int, k: Int, alpha: Float, _ a: UnsafePointer<Float>, _ aRow: Int, _ aColumn: Int,
    _ b: UnsafePointer<Float>, _ ldb: Int, _ c: UnsafeMutablePointer<Float>, _ ldc: Int
  ) {
    // The last tile in each direction overlaps the one before; what both compute is the same.
    var column = 0
    while column < n {
      let start = min(column, n &- columns)
      var row = 0
      while row < m {
        let first = min(row, m &- rows)
        tile(
          k: k, alpha: alpha, a + first &* aRow, aRow, aColumn, b + start, ldb,
          c + (first &* ldc &+ start), ldc)
        row &+= rows
      }
      column &+= columns
    }
  }

  /// Six rows of 32 columns.
  @inline(__always)
  private static func tile(
    k: Int, alpha: Float, _ a: UnsafePointer<Float>, _ aRow: Int, _ aColumn: Int,
    _ b: UnsafePointer<Float>, _ ldb: Int, _ c: UnsafeMutablePointer<Float>, _ ldc: Int
  ) {
    var (c00, c01, c10, c11) = (Vector(), Vector(), Vector(), Vector())
    var (c20, c21, c30, c31) = (Vector(), Vector(), Vector(), Vector())
    var (c40, c41, c50, c51) = (Vector(), Vector(), Vector(), Vector())
    var left = a
    var right = b
    for _ in 0..<k {
      let (b0, b1) = (right.vector(at: 0), right.vector(at: 16))
      let a0 = Vector(repeating: left[0])
      c00.addProduct(a0, b0)
      c01.addProduct(a0, b1)
      let a1 = Vector(repeating: left[aRow])
      c10.addProduct(a1, b0)
      c11.addProduct(a1, b1)
      let a2 = Vector(repeating: left[2 &* aRow])
      c20.addProduct(a2, b0)
      c21.addProduct(a2, b1)
      let a3 = Vector(repeating: left[3 &* aRow])
      c30.addProduct(a3, b0)
      c31.addProduct(a3, b1)
      let a4 = Vector(repeating: left[4 &* aRow])
      c40.addProduct(a4, b0)
      c41.addProduct(a4, b1)
      let a5 = Vector(repeating: left[5 &* aRow])
      c50.addProduct(a5, b0)
      c51.addProduct(a5, b1)
      left += aColumn
      right += ldb
    }
    let scale = Vector(repeating: alpha)
    c.store(c00 * scale, at: 0)
    c.store(c01 * scale, at: 16)
    c.store(c10 * scale, at: ldc)
    c.store(c11 * scale, at: ldc &+ 16)
    c.store(c20 * scale, at: 2 &* ldc)
    c.store(c21 * scale, at: 2 &* ldc &+ 16)
    c.store(c30 * scale, at: 3 &* ldc)
    c.store(c31 * scale, at: 3 &* ldc &+ 16)
    c.store(c40 * scale, at: 4 &* ldc)
    c.store(c41 * scale, at: 4 &* ldc &+ 16)
    c.store(c50 * scale, at: 5 &* ldc)
    c.store(c51 * scale, at: 5 &* ldc &+ 16)
  }
}
