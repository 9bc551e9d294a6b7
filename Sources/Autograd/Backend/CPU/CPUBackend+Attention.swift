import Foundation

// Attention as single-threaded BLAS calls per sequence and head, blocked over queries so that the
// scores stay in the second-level cache, with one vector pass between them. The scores are formed
// again in the backward pass, from one saved number per query and head: they are the largest array
// of the step. Probabilities are powers of two of scores that BLAS has already multiplied by
// log2(e).

extension CPUBackend {
  func attention(
    _ query: NDArray, _ keyValue: NDArray, _ g: AttentionGeometry
  ) -> (y: NDArray, statistics: NDArray) {
    var shape = query.shape
    shape[shape.count - 1] = g.width
    // The base-2 logarithm of each query's sum of exponentials, in the order of the result's heads.
    let logSums = HostStorage(uninitialized: g.outer * g.queryLength * g.inner * g.heads)
    let y = make(shape) { out in
      forEachHead(query, keyValue, g) { head, scratch in
        head.prepareKeys(scratch)
        for rows in g.queryBlocks {
          let queries = head.queries(rows, scratch)
          head.scores(rows.count, queries, scratch)
          for (i, row) in rows.enumerated() {
            let (maximum, total) = exponentiate(
              scratch.scores + i * g.scoreStride, count: g.keyLength)
            scratch.totals[i] = total
            logSums.pointer[head.statistic(row)] = maximum + log2(total)
          }
          let target = out + head.outputStart(rows.lowerBound)
          BLAS.sgemm(
            m: rows.count, n: g.headSize, k: g.keyLength, UnsafePointer(scratch.scores),
            g.scoreStride, head.values, head.keyStride, target, head.outputStride)
          for i in 0..<rows.count {
            let row = target + i * head.outputStride
            let scale = Vector(repeating: 1 / scratch.totals[i])
            mapVectors(UnsafePointer(row), into: row, count: g.headSize) { $0 * scale }
          }
        }
      }
    }
    let statistics = NDArray(
      storage: logSums, shape: Array(shape.dropLast()) + [g.heads], device: .cpu)
    return (y, statistics)
  }

  func attentionGradient(
    _ query: NDArray, _ keyValue: NDArray, y: NDArray, statistics: NDArray, _ dOut: NDArray,
    _ g: AttentionGeometry
  ) -> (dQuery: NDArray, dKeyValue: NDArray?) {
    let dQuery = HostStorage(uninitialized: query.count)
    let dKeyValue = g.isPacked ? dQuery : HostStorage(uninitialized: keyValue.count)
    forEachHead(query, keyValue, g) { head, scratch in
      head.prepareKeys(scratch)
      let dKeys = head.keyTarget(dKeyValue.pointer, scratch)
      for (i, rows) in g.queryBlocks.enumerated() {
        let beta: Float = i == 0 ? 0 : 1
        let queries = head.queries(rows, scratch)
        head.scores(rows.count, queries, scratch)
        // dP = dO·Vᵀ,  dS = P ∘ (dP - rowsum(dO ∘ O))
        let upstream = dOut.base + head.outputStart(rows.lowerBound)
        let result = y.base + head.outputStart(rows.lowerBound)
        BLAS.sgemm(
          transposeB: true, m: rows.count, n: g.keyLength, k: g.headSize, upstream,
          head.outputStride, head.values, head.keyStride, scratch.dScores, g.scoreStride)
        for (i, row) in rows.enumerated() {
          let start = i * head.outputStride
          let dot = sumVectors(upstream + start, result + start, count: g.headSize) { $0 * $1 }
          probabilitiesAndGradient(
            scratch.scores + i * g.scoreStride, scratch.dScores + i * g.scoreStride,
            count: g.keyLength, logSum: statistics.base[head.statistic(row)], dot: dot)
        }
        // dV += Pᵀ·dO,  dQ = dS·K / √d,  dK += dSᵀ·Q / √d
        BLAS.sgemm(
          transposeA: true, m: g.keyLength, n: g.headSize, k: rows.count,
          UnsafePointer(scratch.scores), g.scoreStride, upstream, head.outputStride, beta: beta,
          dKeyValue.pointer + head.valueStart, head.keyStride)
        let dQueries = head.queryTarget(rows, dQuery.pointer, scratch)
        BLAS.sgemm(
          m: rows.count, n: g.headSize, k: g.keyLength, alpha: g.scale,
          UnsafePointer(scratch.dScores), g.scoreStride, head.keys(scratch).rows,
          head.keys(scratch).stride, dQueries.rows, dQueries.stride)
        BLAS.sgemm(
          transposeA: true, m: g.keyLength, n: g.headSize, k: rows.count, alpha: g.scale,
          UnsafePointer(scratch.dScores), g.scoreStride, queries.rows, queries.stride, beta: beta,
          dKeys.rows, dKeys.stride)
        head.finishQueries(rows, dQuery.pointer, scratch)
      }
      head.finishKeys(dKeyValue.pointer, scratch)
    }
    return (
      NDArray(storage: dQuery, shape: query.shape, device: .cpu),
      g.isPacked ? nil : NDArray(storage: dKeyValue, shape: keyValue.shape, device: .cpu)
    )
  }

  /// Runs `body` for every head of every (outer, inner) sequence.
  private func forEachHead(
    _ query: NDArray, _ keyValue: NDArray, _ g: AttentionGeometry,
    _ body: (HeadBlock, AttentionScratch) -> Void
  ) {
    let sequences = g.outer * g.inner
    let headGroups = sequences >= 32 ? 1 : g.heads
    // Short sequences are grouped so that one task is worth starting.
    let work = g.queryLength * g.keyLength * g.heads / headGroups
    let perTask = max(1, 1 << 17 / max(1, work))
    ThreadPool.run(sequences * headGroups, by: perTask) { range in
      AttentionScratch.withScratch(g) { scratch in
        for item in range {
          let sequence = item / headGroups
          let heads = headGroups == 1 ? 0..<g.heads : item % headGroups..<item % headGroups + 1
          for head in heads {
            body(
              HeadBlock(
                query, keyValue, g, outer: sequence / g.inner, inner: sequence % g.inner,
                head: head), scratch)
          }
        }
      }
    }
  }
}

/// `row[j] = 2^(row[j] - maximum)` over `count` elements of a row that is padded to whole vectors.
@inline(__always)
private func exponentiate(
  _ row: UnsafeMutablePointer<Float>, count: Int
) -> (maximum: Float, total: Float) {
  let last = (count &- 1) / 16 &* 16
  let beyond = lanes .>= Int32(truncatingIfNeeded: count &- last)
  let lowest = Vector(repeating: -.infinity)
  var maxima = row.vector(at: last).replacing(with: lowest, where: beyond)
  var j = 0
  while j < last {
    let x = row.vector(at: j)
    maxima.replace(with: x, where: x .> maxima)
    j &+= 16
  }
  let maximum = maxima.largest
  let shift = Vector(repeating: maximum)
  let end = exponential2(row.vector(at: last) - shift).replacing(with: Vector(), where: beyond)
  row.store(end, at: last)
  var totals = end
  j = 0
  while j < last {
    let p = exponential2(row.vector(at: j) - shift)
    totals += p
    row.store(p, at: j)
    j &+= 16
  }
  return (maximum, totals.total)
}

/// `p = 2^(scores - logSum)` and `ds = p (dp - dot)`, in place of scores and dp. Both rows are
/// padded to whole vectors, whose lanes past `count` nobody reads.
@inline(__always)
private func probabilitiesAndGradient(
  _ scores: UnsafeMutablePointer<Float>, _ dScores: UnsafeMutablePointer<Float>, count: Int,
  logSum: Float, dot: Float
) {
  let shift = Vector(repeating: logSum)
  let dots = Vector(repeating: dot)
  var j = 0
  while j < count {
    let p = exponential2(scores.vector(at: j) - shift)
    scores.store(p, at: j)
    dScores.store(p * (dScores.vector(at: j) - dots), at: j)
    j &+= 16
  }
}

private let lanes = SIMD16<Int32>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)

extension AttentionGeometry {
  /// From one row of scores to the next: whole vectors.
  fileprivate var scoreStride: Int { (keyLength + 15) / 16 * 16 }

  /// Blocks of queries that are worked on at once: equal ones, whose scores and their gradient stay
  /// in the second-level cache.
  fileprivate var queryBlock: Int {
    let most = max(32, min(160, 65_536 / scoreStride))
    let blocks = (queryLength + most - 1) / most
    return (queryLength + blocks - 1) / blocks
  }

  fileprivate var queryBlocks: [Range<Int>] {
    stride(from: 0, to: queryLength, by: queryBlock).map {
      $0..<min(queryLength, $0 + queryBlock)
    }
  }
}

/// A task's working memory: scores of one query block, and packed operands of one head where it
/// normalises them.
private struct AttentionScratch {
  let scores, dScores: UnsafeMutablePointer<Float>  // [block, scoreStride]
  let totals: UnsafeMutablePointer<Float>  // [block]
  let queries, queryNorms, dQueries: UnsafeMutablePointer<Float>  // [block, headSize], [block]
  let keys, keyNorms, dKeys: UnsafeMutablePointer<Float>  // [Lk, headSize], [Lk]

  static func withScratch(_ g: AttentionGeometry, _ body: (AttentionScratch) -> Void) {
    let block = g.queryBlock
    let (s, q, k) = (block * g.scoreStride, block * g.headSize, g.keyLength * g.headSize)
    Autograd.withScratch(2 * s + 2 * block + 2 * q + 2 * k + g.keyLength) { base in
      var next = base
      func take(_ count: Int) -> UnsafeMutablePointer<Float> {
        defer { next += count }
        return next
      }
      // The lanes past a row's end are computed with and never used; they must not be NaN, which
      // is slow on some processors.
      base.update(repeating: 0, count: 2 * s)
      body(
        AttentionScratch(
          scores: take(s), dScores: take(s), totals: take(block), queries: take(q),
          queryNorms: take(block), dQueries: take(q), keys: take(k), keyNorms: take(g.keyLength),
          dKeys: take(k)))
    }
  }
}

/// One head of one sequence: where its rows stand in the operands.
private struct HeadBlock {
  /// Rows of `headSize` elements, `stride` apart.
  struct Rows<Pointer> {
    let rows: Pointer
    let stride: Int
  }

  let g: AttentionGeometry
  let values: UnsafePointer<Float>
  let valueStart: Int
  let keyStride, outputStride: Int
  private let queryBase, keyBase: UnsafePointer<Float>
  private let queryStart, queryStride, keyStart, outputBase, statisticBase: Int

  init(
    _ query: NDArray, _ keyValue: NDArray, _ g: AttentionGeometry, outer: Int, inner: Int,
    head: Int
  ) {
    self.g = g
    let channel = head * g.headSize
    queryStride = g.inner * g.queryChannels
    keyStride = g.inner * g.keyChannels
    outputStride = g.inner * g.width
    let queryRow = outer * g.queryLength * g.inner + inner
    let keyRow = outer * g.keyLength * g.inner + inner
    queryStart = queryRow * g.queryChannels + channel
    keyStart = keyRow * g.keyChannels + g.keyOffset + channel
    valueStart = keyRow * g.keyChannels + g.valueOffset + channel
    outputBase = queryRow * g.width + channel
    statisticBase = queryRow * g.heads + head
    queryBase = query.base + queryStart
    keyBase = keyValue.base + keyStart
    values = keyValue.base + valueStart
  }

  func outputStart(_ row: Int) -> Int { outputBase + row * outputStride }
  func statistic(_ row: Int) -> Int { statisticBase + row * g.inner * g.heads }

  /// `scratch.scores = Q·Kᵀ · log2(e) / √d` for `count` rows of queries.
  func scores(
    _ count: Int, _ queries: Rows<UnsafePointer<Float>>, _ scratch: AttentionScratch
  ) {
    BLAS.sgemm(
      transposeB: true, m: count, n: g.keyLength, k: g.headSize, alpha: g.scale * 1.442_695_04,
      queries.rows, queries.stride, keys(scratch).rows, keys(scratch).stride, scratch.scores,
      g.scoreStride)
  }

  // MARK: Queries and keys, as they are or RMS-normalised into scratch

  func prepareKeys(_ scratch: AttentionScratch) {
    guard g.normalizesQK else { return }
    normalize(keyBase, keyStride, 0..<g.keyLength, into: scratch.keys, scratch.keyNorms)
  }

  func keys(_ scratch: AttentionScratch) -> Rows<UnsafePointer<Float>> {
    g.normalizesQK
      ? Rows(rows: UnsafePointer(scratch.keys), stride: g.headSize)
      : Rows(rows: keyBase, stride: keyStride)
  }

  func queries(_ rows: Range<Int>, _ scratch: AttentionScratch) -> Rows<UnsafePointer<Float>> {
    guard g.normalizesQK else {
      return Rows(rows: queryBase + rows.lowerBound * queryStride, stride: queryStride)
    }
    normalize(queryBase, queryStride, rows, into: scratch.queries, scratch.queryNorms)
    return Rows(rows: UnsafePointer(scratch.queries), stride: g.headSize)
  }

  private func normalize(
    _ source: UnsafePointer<Float>, _ stride: Int, _ rows: Range<Int>,
    into packed: UnsafeMutablePointer<Float>, _ norms: UnsafeMutablePointer<Float>
  ) {
    for (i, row) in rows.enumerated() {
      let x = source + row * stride
      let meanSquare = sumVectors(x, x, count: g.headSize) { $0 * $1 } / Float(g.headSize)
      let scale = 1 / (meanSquare + AttentionGeometry.normEpsilon).squareRoot()
      norms[i] = scale
      let scales = Vector(repeating: scale)
      mapVectors(x, into: packed + i * g.headSize, count: g.headSize) { $0 * scales }
    }
  }

  // MARK: Their gradients, written in place or taken back through the norm

  func queryTarget(
    _ rows: Range<Int>, _ gradient: UnsafeMutablePointer<Float>, _ scratch: AttentionScratch
  ) -> Rows<UnsafeMutablePointer<Float>> {
    g.normalizesQK
      ? Rows(rows: scratch.dQueries, stride: g.headSize)
      : Rows(rows: gradient + queryStart + rows.lowerBound * queryStride, stride: queryStride)
  }

  func keyTarget(
    _ gradient: UnsafeMutablePointer<Float>, _ scratch: AttentionScratch
  ) -> Rows<UnsafeMutablePointer<Float>> {
    g.normalizesQK
      ? Rows(rows: scratch.dKeys, stride: g.headSize)
      : Rows(rows: gradient + keyStart, stride: keyStride)
  }

  func finishQueries(
    _ rows: Range<Int>, _ gradient: UnsafeMutablePointer<Float>, _ scratch: AttentionScratch
  ) {
    guard g.normalizesQK else { return }
    for (i, row) in rows.enumerated() {
      throughNorm(
        scratch.dQueries + i * g.headSize, scratch.queries + i * g.headSize, scratch.queryNorms[i],
        into: gradient + queryStart + row * queryStride)
    }
  }

  func finishKeys(_ gradient: UnsafeMutablePointer<Float>, _ scratch: AttentionScratch) {
    guard g.normalizesQK else { return }
    for row in 0..<g.keyLength {
      throughNorm(
        scratch.dKeys + row * g.headSize, scratch.keys + row * g.headSize, scratch.keyNorms[row],
        into: gradient + keyStart + row * keyStride)
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
