import Foundation

// Attention as single-threaded products per sequence and head, blocked over queries so that the
// scores stay in the second-level cache, with one vector pass between them. The scores are formed
// again in the backward pass, from one saved number per query and head: they are the largest array
// of the step. Probabilities are powers of two of scores that come already multiplied by
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
      let operands = [g.queries(query.storage.pointer)] + g.keyValues(keyValue.storage.pointer)
      forEachHead(g, reading: operands, writing: [g.results(out)]) { head, scratch in
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
          let target = head.results(head.written[0], from: rows.lowerBound)
          head.product(
            m: rows.count, n: g.headSize, k: g.keyLength, scratch.scores, g.scoreStride,
            head.values.rows, head.values.stride, target.rows, target.stride)
          for i in 0..<rows.count {
            let row = target.rows + i * target.stride
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
    let dKeyValue = g.isPacked ? nil : HostStorage(uninitialized: keyValue.count)
    let operands = [g.queries(query.storage.pointer)] + g.keyValues(keyValue.storage.pointer)
    let results = [g.results(y.storage.pointer), g.results(dOut.storage.pointer)]
    forEachHead(
      g, reading: operands + results,
      writing: [g.queries(dQuery.pointer)] + (dKeyValue.map { g.keyValues($0.pointer) } ?? [])
    ) { head, scratch in
      head.prepareKeys(scratch)
      head.transposeValues(scratch)
      let (dKeys, dValues) = (head.keyTarget(scratch), head.valueTarget)
      for (block, rows) in g.queryBlocks.enumerated() {
        let queries = head.queries(rows, scratch)
        head.scores(rows.count, queries, scratch)
        // dP = dO·Vᵀ,  dS = P ∘ (dP - rowsum(dO ∘ O))
        let result = head.results(head.read[operands.count], from: rows.lowerBound)
        let upstream = head.results(head.read[operands.count + 1], from: rows.lowerBound)
        head.productWithKeys(
          m: rows.count, upstream.rows, upstream.stride, head.values.rows, head.values.stride,
          transposed: scratch.transposedValues, scratch.dScores)
        for (i, row) in rows.enumerated() {
          let dot = sumVectors(
            upstream.rows + i * upstream.stride, result.rows + i * result.stride,
            count: g.headSize
          ) { $0 * $1 }
          probabilitiesAndGradient(
            scratch.scores + i * g.scoreStride, scratch.dScores + i * g.scoreStride,
            count: g.keyLength, logSum: statistics.base[head.statistic(row)], dot: dot)
        }
        // dV += Pᵀ·dO,  dQ = dS·K / √d,  dK += dSᵀ·Q / √d
        head.product(
          transposeA: true, m: g.keyLength, n: g.headSize, k: rows.count, scratch.scores,
          g.scoreStride, upstream.rows, upstream.stride, accumulates: block > 0, dValues.rows,
          dValues.stride)
        let dQueries = head.queryTarget(rows, scratch)
        let keys = head.keys(scratch)
        head.product(
          m: rows.count, n: g.headSize, k: g.keyLength, alpha: g.scale, scratch.dScores,
          g.scoreStride, keys.rows, keys.stride, dQueries.rows, dQueries.stride)
        head.product(
          transposeA: true, m: g.keyLength, n: g.headSize, k: rows.count, alpha: g.scale,
          scratch.dScores, g.scoreStride, queries.rows, queries.stride, accumulates: block > 0,
          dKeys.rows, dKeys.stride)
        head.finishQueries(rows, scratch)
      }
      head.finishKeys(scratch)
    }
    return (
      NDArray(storage: dQuery, shape: query.shape, device: .cpu),
      dKeyValue.map { NDArray(storage: $0, shape: keyValue.shape, device: .cpu) }
    )
  }

  /// Runs `body` for every head of every (outer, inner) sequence of the operands, whose rows it
  /// finds in `read` and `written`.
  private func forEachHead(
    _ g: AttentionGeometry, reading: [SequenceArray], writing: [SequenceArray],
    _ body: (AttentionHead, AttentionScratch) -> Void
  ) {
    let sequences = g.outer * g.inner
    let headGroups = sequences >= 32 ? 1 : g.heads
    // Short sequences are grouped so that one task is worth starting.
    let work = g.queryLength * g.keyLength * g.heads / headGroups
    let perTask = max(1, 1 << 17 / max(1, work))
    // Rows that lie far apart are collected first: each head would wait for memory anew.
    let collects = g.inner > 1 && headGroups == 1 && g.isShort
    let collected = collects ? (reading + writing).reduce(0) { $0 + $1.elements } : 0
    ThreadPool.run(sequences * headGroups, by: perTask) { range in
      AttentionScratch.withScratch(g, collected: collected) { scratch in
        for item in range {
          let sequence = item / headGroups
          let (outer, inner) = (sequence / g.inner, sequence % g.inner)
          func rows(_ arrays: [SequenceArray]) -> [AttentionHead.Rows] {
            arrays.map { $0.rows(outer: outer, inner: inner, of: g.inner) }
          }
          var (read, written) = (rows(reading), rows(writing))
          if collects {
            var next = scratch.collected
            for (index, array) in reading.enumerated() {
              read[index] = array.collect(read[index], into: next)
              next += array.elements
            }
            for (index, array) in writing.enumerated() {
              written[index] = AttentionHead.Rows(rows: next, stride: array.channels)
              next += array.elements
            }
          }
          let heads = headGroups == 1 ? 0..<g.heads : item % headGroups..<item % headGroups + 1
          for head in heads {
            body(
              AttentionHead(
                g, outer: outer, inner: inner, head: head, read: read, written: written), scratch)
          }
          guard collects else { continue }
          for (array, (own, target)) in zip(writing, zip(written, rows(writing))) {
            array.distribute(own, to: target)
          }
        }
      }
    }
  }
}

/// An operand of attention: `length` rows of `channels` per sequence.
private struct SequenceArray {
  let base: UnsafeMutablePointer<Float>
  let length: Int
  let channels: Int

  var elements: Int { length * channels }

  /// One sequence's rows, where they are: `inner` sequences lie side by side.
  func rows(outer: Int, inner: Int, of count: Int) -> AttentionHead.Rows {
    AttentionHead.Rows(
      rows: base + (outer * length * count + inner) * channels, stride: count * channels)
  }

  func collect(
    _ rows: AttentionHead.Rows, into target: UnsafeMutablePointer<Float>
  ) -> AttentionHead.Rows {
    let own = AttentionHead.Rows(rows: target, stride: channels)
    copy(rows, to: own)
    return own
  }

  func distribute(_ own: AttentionHead.Rows, to rows: AttentionHead.Rows) { copy(own, to: rows) }

  private func copy(_ source: AttentionHead.Rows, to target: AttentionHead.Rows) {
    for row in 0..<length {
      (target.rows + row * target.stride)
        .update(from: source.rows + row * source.stride, count: channels)
    }
  }
}

extension AttentionGeometry {
  fileprivate func queries(_ base: UnsafeMutablePointer<Float>) -> SequenceArray {
    SequenceArray(base: base, length: queryLength, channels: queryChannels)
  }

  /// Empty when keys and values stand in the rows of the queries.
  fileprivate func keyValues(_ base: UnsafeMutablePointer<Float>) -> [SequenceArray] {
    isPacked ? [] : [SequenceArray(base: base, length: keyLength, channels: keyChannels)]
  }

  fileprivate func results(_ base: UnsafeMutablePointer<Float>) -> SequenceArray {
    SequenceArray(base: base, length: queryLength, channels: width)
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
