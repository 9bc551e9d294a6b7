extension AttentionGeometry {
  /// From one row of scores to the next: whole vectors.
  var scoreStride: Int { (keyLength + 15) / 16 * 16 }

  /// Whether `ShortProduct` is the better way.
  var isShort: Bool {
    queryLength <= 96 && keyLength <= 96
      && ShortProduct.fits(rows: min(queryLength, keyLength), columns: min(headSize, scoreStride))
      && headSize % 16 == 0
  }

  /// Blocks of queries that are worked on at once: equal ones, whose scores and their gradient stay
  /// in the second-level cache.
  var queryBlock: Int {
    let most = max(32, min(160, 65_536 / scoreStride))
    let blocks = (queryLength + most - 1) / most
    return (queryLength + blocks - 1) / blocks
  }

  var queryBlocks: [Range<Int>] {
    stride(from: 0, to: queryLength, by: queryBlock).map {
      $0..<min(queryLength, $0 + queryBlock)
    }
  }
}

/// A task's working memory: scores of one query block, and packed operands of one head where it
/// normalises them.
struct AttentionScratch {
  let transposedKeys, transposedValues: UnsafeMutablePointer<Float>  // [headSize, scoreStride]
  let scores, dScores: UnsafeMutablePointer<Float>  // [block, scoreStride]
  let totals: UnsafeMutablePointer<Float>  // [block]
  let queries, queryNorms, dQueries: UnsafeMutablePointer<Float>  // [block, headSize], [block]
  let keys, keyNorms, dKeys: UnsafeMutablePointer<Float>  // [Lk, headSize], [Lk]
  let collected: UnsafeMutablePointer<Float>

  /// - Parameter collected: how many elements of operands are to be collected.
  static func withScratch(
    _ g: AttentionGeometry, collected: Int, _ body: (AttentionScratch) -> Void
  ) {
    let block = g.queryBlock
    let (s, q, k) = (block * g.scoreStride, block * g.headSize, g.keyLength * g.headSize)
    let t = g.isShort ? g.headSize * g.scoreStride : 0
    Autograd.withScratch(2 * s + 2 * t + 2 * block + 2 * q + 2 * k + g.keyLength + collected) {
      base in
      var next = base
      func take(_ count: Int) -> UnsafeMutablePointer<Float> {
        defer { next += count }
        return next
      }
      // The lanes past a row's end are computed with and never used; they must not be NaN, which
      // is slow on some processors.
      base.update(repeating: 0, count: 2 * s + 2 * t)
      body(
        AttentionScratch(
          transposedKeys: take(t), transposedValues: take(t), scores: take(s), dScores: take(s),
          totals: take(block), queries: take(q), queryNorms: take(block), dQueries: take(q),
          keys: take(k), keyNorms: take(g.keyLength), dKeys: take(k), collected: take(collected)))
    }
  }
}

/// One head of one sequence: where its rows stand in the operands.
struct AttentionHead {
  /// Rows of elements, `stride` apart.
  struct Rows {
    let rows: UnsafeMutablePointer<Float>
    let stride: Int

    func from(row: Int = 0, channel: Int) -> Rows {
      Rows(rows: rows + row * stride + channel, stride: stride)
    }
  }

  let g: AttentionGeometry
  /// The sequence's rows of each operand; keys and values are those of the queries when packed.
  let read, written: [Rows]
  private let channel: Int
  private let statisticBase: Int

  init(
    _ g: AttentionGeometry, outer: Int, inner: Int, head: Int, read: [Rows], written: [Rows]
  ) {
    self.g = g
    self.read = read
    self.written = written
    channel = head * g.headSize
    statisticBase = (outer * g.queryLength * g.inner + inner) * g.heads + head
  }

  var values: Rows { keyValues(read).from(channel: g.valueOffset + channel) }
  private var keyRows: Rows { keyValues(read).from(channel: g.keyOffset + channel) }
  private func keyValues(_ arrays: [Rows]) -> Rows { arrays[g.isPacked ? 0 : 1] }

  /// This head's part of result-shaped rows.
  func results(_ rows: Rows, from row: Int) -> Rows { rows.from(row: row, channel: channel) }

  func statistic(_ row: Int) -> Int { statisticBase + row * g.inner * g.heads }

  /// `scratch.scores = Q·Kᵀ · log2(e) / √d` for `count` rows of queries.
  func scores(
    _ count: Int, _ queries: Rows, _ scratch: AttentionScratch
  ) {
    productWithKeys(
      m: count, alpha: g.scale * 1.442_695_04, queries.rows, queries.stride, keys(scratch).rows,
      keys(scratch).stride, transposed: scratch.transposedKeys, scratch.scores)
  }

  // MARK: Products, by BLAS or, for short sequences, by `ShortProduct`

  /// `c = alpha · op(a) · b`, added to what is there when `accumulates`.
  func product(
    transposeA: Bool = false, m: Int, n: Int, k: Int, alpha: Float = 1,
    _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int,
    accumulates: Bool = false, _ c: UnsafeMutablePointer<Float>, _ ldc: Int
  ) {
    if g.isShort {
      ShortProduct.multiply(
        m: m, n: n, k: k, alpha: alpha, a, transposeA ? 1 : lda, transposeA ? lda : 1, b, ldb, c,
        ldc)
    } else {
      BLAS.sgemm(
        transposeA: transposeA, m: m, n: n, k: k, alpha: alpha, a, lda, b, ldb,
        beta: accumulates ? 1 : 0, c, ldc)
    }
  }

  /// `scores = alpha · a · bᵀ` with rows `b` of keys or values, which for short sequences stand
  /// `transposed` too.
  func productWithKeys(
    m: Int, alpha: Float = 1, _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>,
    _ ldb: Int, transposed: UnsafeMutablePointer<Float>, _ scores: UnsafeMutablePointer<Float>
  ) {
    if g.isShort {
      ShortProduct.multiply(
        m: m, n: g.scoreStride, k: g.headSize, alpha: alpha, a, lda, 1, transposed, g.scoreStride,
        scores, g.scoreStride)
    } else {
      BLAS.sgemm(
        transposeB: true, m: m, n: g.keyLength, k: g.headSize, alpha: alpha, a, lda, b, ldb, scores,
        g.scoreStride)
    }
  }

  private func transpose(
    _ rows: UnsafePointer<Float>, _ stride: Int, into target: UnsafeMutablePointer<Float>
  ) {
    for j in 0..<g.keyLength {
      let row = rows + j &* stride
      for c in 0..<g.headSize { target[c &* g.scoreStride &+ j] = row[c] }
    }
  }

  func transposeValues(_ scratch: AttentionScratch) {
    if g.isShort { transpose(values.rows, values.stride, into: scratch.transposedValues) }
  }

  // MARK: Queries and keys, as they are or RMS-normalised into scratch

  func prepareKeys(_ scratch: AttentionScratch) {
    if g.normalizesQK {
      normalize(keyRows, 0..<g.keyLength, into: scratch.keys, scratch.keyNorms)
    }
    if g.isShort {
      transpose(keys(scratch).rows, keys(scratch).stride, into: scratch.transposedKeys)
    }
  }

  func keys(_ scratch: AttentionScratch) -> Rows {
    g.normalizesQK ? Rows(rows: scratch.keys, stride: g.headSize) : keyRows
  }

  func queries(_ rows: Range<Int>, _ scratch: AttentionScratch) -> Rows {
    let own = read[0].from(channel: channel)
    guard g.normalizesQK else { return own.from(row: rows.lowerBound, channel: 0) }
    normalize(own, rows, into: scratch.queries, scratch.queryNorms)
    return Rows(rows: scratch.queries, stride: g.headSize)
  }

  private func normalize(
    _ source: Rows, _ rows: Range<Int>,
    into packed: UnsafeMutablePointer<Float>, _ norms: UnsafeMutablePointer<Float>
  ) {
    for (i, row) in rows.enumerated() {
      let x = UnsafePointer(source.rows + row * source.stride)
      let meanSquare = sumVectors(x, x, count: g.headSize) { $0 * $1 } / Float(g.headSize)
      let scale = 1 / (meanSquare + AttentionGeometry.normEpsilon).squareRoot()
      norms[i] = scale
      let scales = Vector(repeating: scale)
      mapVectors(x, into: packed + i * g.headSize, count: g.headSize) { $0 * scales }
    }
  }

  // MARK: Their gradients, written in place or taken back through the norm

  func queryTarget(_ rows: Range<Int>, _ scratch: AttentionScratch) -> Rows {
    g.normalizesQK
      ? Rows(rows: scratch.dQueries, stride: g.headSize)
      : written[0].from(row: rows.lowerBound, channel: channel)
  }

  func keyTarget(_ scratch: AttentionScratch) -> Rows {
    g.normalizesQK
      ? Rows(rows: scratch.dKeys, stride: g.headSize)
      : keyValues(written).from(channel: g.keyOffset + channel)
  }

  var valueTarget: Rows { keyValues(written).from(channel: g.valueOffset + channel) }

  func finishQueries(_ rows: Range<Int>, _ scratch: AttentionScratch) {
    guard g.normalizesQK else { return }
    for (i, row) in rows.enumerated() {
      throughNorm(
        scratch.dQueries + i * g.headSize, scratch.queries + i * g.headSize, scratch.queryNorms[i],
        into: written[0].from(row: row, channel: channel).rows)
    }
  }

  func finishKeys(_ scratch: AttentionScratch) {
    guard g.normalizesQK else { return }
    for row in 0..<g.keyLength {
      throughNorm(
        scratch.dKeys + row * g.headSize, scratch.keys + row * g.headSize, scratch.keyNorms[row],
        into: keyValues(written).from(row: row, channel: g.keyOffset + channel).rows)
    }
  }

  /// With n the normalised row and s the reciprocal rms, dx = s (dn - n·mean(dn·n)).
  private func throughNorm(
    _ dn: UnsafeMutablePointer<Float>, _ n: UnsafeMutablePointer<Float>, _ norm: Float,
    into target: UnsafeMutablePointer<Float>
  ) {
    let (dn, n) = (UnsafePointer(dn), UnsafePointer(n))
    let dot = sumVectors(dn, n, count: g.headSize) { $0 * $1 }
    let mean = Vector(repeating: dot / Float(g.headSize))
    let norms = Vector(repeating: norm)
    mapVectors(dn, n, into: target, count: g.headSize) { norms * ($0 - $1 * mean) }
  }
}
