// Attention as single-threaded BLAS calls per sequence and head, blocked over queries, with a
// vector softmax between them. Scores are recomputed in the backward pass instead of kept: they are
// the largest array of the step.

extension CPUBackend {
  func attention(_ query: NDArray, _ keyValue: NDArray, _ g: AttentionGeometry) -> NDArray {
    var shape = query.shape
    shape[shape.count - 1] = g.width
    return make(shape) { out in
      forEachSequence(g) { sequence, scratch in
        for head in sequence.heads {
          let block = HeadBlock(query, keyValue, g, sequence: sequence, head: head)
          block.packKeys(into: scratch.keys, norms: scratch.keyNorms)
          for rows in g.queryBlocks {
            block.packQueries(rows, into: scratch.queries, norms: scratch.queryNorms)
            block.probabilities(rows.count, scratch)
            BLAS.sgemm(
              m: rows.count, n: g.headSize, k: g.keyLength, UnsafePointer(scratch.scores),
              g.keyLength, block.values, block.keyStride, out + block.outputStart(rows.lowerBound),
              block.outputStride)
          }
        }
      }
    }
  }

  func attentionGradient(
    _ query: NDArray, _ keyValue: NDArray, _ dOut: NDArray, _ g: AttentionGeometry
  ) -> (dQuery: NDArray, dKeyValue: NDArray?) {
    let dQuery = HostStorage(uninitialized: query.count)
    let dKeyValue = g.isPacked ? dQuery : HostStorage(uninitialized: keyValue.count)
    forEachSequence(g) { sequence, scratch in
      for head in sequence.heads {
        let block = HeadBlock(query, keyValue, g, sequence: sequence, head: head)
        block.packKeys(into: scratch.keys, norms: scratch.keyNorms)
        for (i, rows) in g.queryBlocks.enumerated() {
          let beta: Float = i == 0 ? 0 : 1
          block.packQueries(rows, into: scratch.queries, norms: scratch.queryNorms)
          block.probabilities(rows.count, scratch)
          let upstream = dOut.base + block.outputStart(rows.lowerBound)
          // dV += Pᵀ·dO,  dP = dO·Vᵀ,  dS = P ∘ (dP - rowsum(P ∘ dP))
          BLAS.sgemm(
            transposeA: true, m: g.keyLength, n: g.headSize, k: rows.count,
            UnsafePointer(scratch.scores), g.keyLength, upstream, block.outputStride, beta: beta,
            scratch.dValues, g.headSize)
          BLAS.sgemm(
            transposeB: true, m: rows.count, n: g.keyLength, k: g.headSize, upstream,
            block.outputStride, block.values, block.keyStride, scratch.dScores, g.keyLength)
          for row in 0..<rows.count {
            let p = UnsafePointer(scratch.scores + row * g.keyLength)
            let dp = scratch.dScores + row * g.keyLength
            let dot = Vector(
              repeating: sumVectors(p, UnsafePointer(dp), count: g.keyLength) { $0 * $1 })
            mapVectors(p, UnsafePointer(dp), into: dp, count: g.keyLength) { $0 * ($1 - dot) }
          }
          // dQ = dS·K · scale,  dK += dSᵀ·(Q · scale)
          BLAS.sgemm(
            m: rows.count, n: g.headSize, k: g.keyLength, alpha: g.scale,
            UnsafePointer(scratch.dScores), g.keyLength, UnsafePointer(scratch.keys), g.headSize,
            scratch.dQueries, g.headSize)
          BLAS.sgemm(
            transposeA: true, m: g.keyLength, n: g.headSize, k: rows.count,
            UnsafePointer(scratch.dScores), g.keyLength, UnsafePointer(scratch.queries), g.headSize,
            beta: beta, scratch.dKeys, g.headSize)
          block.storeQueryGradient(rows, scratch, into: dQuery.pointer)
        }
        block.storeKeyGradient(scratch, into: dKeyValue.pointer)
      }
    }
    return (
      NDArray(storage: dQuery, shape: query.shape, device: .cpu),
      g.isPacked ? nil : NDArray(storage: dKeyValue, shape: keyValue.shape, device: .cpu)
    )
  }

  /// Runs `body` for every (outer, inner) sequence, or for every group of its heads when there are
  /// few.
  private func forEachSequence(
    _ g: AttentionGeometry, _ body: (AttentionSequence, AttentionScratch) -> Void
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
          body(
            AttentionSequence(
              outer: sequence / g.inner, inner: sequence % g.inner,
              heads: headGroups == 1 ? 0..<g.heads : item % headGroups..<item % headGroups + 1),
            scratch)
        }
      }
    }
  }
}

extension AttentionGeometry {
  /// Queries that are worked on at once: their scores stay in the second-level cache.
  fileprivate var queryBlock: Int { min(queryLength, max(32, min(128, 32_768 / keyLength))) }

  fileprivate var queryBlocks: [Range<Int>] {
    stride(from: 0, to: queryLength, by: queryBlock).map {
      $0..<min(queryLength, $0 + queryBlock)
    }
  }
}

/// One sequence, and the heads of it that a task works on.
private struct AttentionSequence {
  let outer: Int, inner: Int
  let heads: Range<Int>
}

/// A task's working memory: packed operands of one head, scores of one query block.
private struct AttentionScratch {
  let queries, queryNorms, dQueries: UnsafeMutablePointer<Float>  // [block, headSize], [block]
  let keys, keyNorms, dKeys, dValues: UnsafeMutablePointer<Float>  // [Lk, headSize], [Lk]
  let scores, dScores: UnsafeMutablePointer<Float>  // [block, Lk]

  static func withScratch(_ g: AttentionGeometry, _ body: (AttentionScratch) -> Void) {
    let block = g.queryBlock
    let (q, k, s) = (block * g.headSize, g.keyLength * g.headSize, block * g.keyLength)
    Autograd.withScratch(2 * q + block + 3 * k + g.keyLength + 2 * s) { base in
      var next = base
      func take(_ count: Int) -> UnsafeMutablePointer<Float> {
        defer { next += count }
        return next
      }
      body(
        AttentionScratch(
          queries: take(q), queryNorms: take(block), dQueries: take(q), keys: take(k),
          keyNorms: take(g.keyLength), dKeys: take(k), dValues: take(k), scores: take(s),
          dScores: take(s)))
    }
  }
}

/// Where the rows of one head of one sequence stand in the operands.
private struct HeadBlock {
  let g: AttentionGeometry
  let queries, keys, values: UnsafePointer<Float>
  let queryStart, keyStart, valueStart: Int
  let queryStride, keyStride, outputStride: Int
  private let outputBase: Int

  init(
    _ query: NDArray, _ keyValue: NDArray, _ g: AttentionGeometry, sequence: AttentionSequence,
    head: Int
  ) {
    self.g = g
    let channel = head * g.headSize
    queryStride = g.inner * g.queryChannels
    keyStride = g.inner * g.keyChannels
    outputStride = g.inner * g.width
    let queryRow = sequence.outer * g.queryLength * g.inner + sequence.inner
    let keyRow = sequence.outer * g.keyLength * g.inner + sequence.inner
    queryStart = queryRow * g.queryChannels + channel
    keyStart = keyRow * g.keyChannels + g.keyOffset + channel
    valueStart = keyRow * g.keyChannels + g.valueOffset + channel
    outputBase = queryRow * g.width + channel
    queries = query.base + queryStart
    keys = keyValue.base + keyStart
    values = keyValue.base + valueStart
  }

  func outputStart(_ row: Int) -> Int { outputBase + row * outputStride }

  /// Contiguous queries times the score scale, RMS-normalised first if asked for.
  func packQueries(
    _ rows: Range<Int>, into packed: UnsafeMutablePointer<Float>,
    norms: UnsafeMutablePointer<Float>
  ) {
    for (i, row) in rows.enumerated() {
      pack(queries + row * queryStride, scale: g.scale, into: packed + i * g.headSize, norms + i)
    }
  }

  func packKeys(
    into packed: UnsafeMutablePointer<Float>, norms: UnsafeMutablePointer<Float>
  ) {
    for row in 0..<g.keyLength {
      pack(keys + row * keyStride, scale: 1, into: packed + row * g.headSize, norms + row)
    }
  }

  private func pack(
    _ source: UnsafePointer<Float>, scale: Float, into target: UnsafeMutablePointer<Float>,
    _ norm: UnsafeMutablePointer<Float>
  ) {
    var factor = scale
    if g.normalizesQK {
      let meanSquare = sumVectors(source, source, count: g.headSize) { $0 * $1 } / Float(g.headSize)
      norm.pointee = 1 / (meanSquare + AttentionGeometry.normEpsilon).squareRoot()
      factor *= norm.pointee
    }
    let factors = Vector(repeating: factor)
    mapVectors(source, into: target, count: g.headSize) { $0 * factors }
  }

  /// softmax(Q·Kᵀ) of one query block into `scratch.scores`.
  func probabilities(_ count: Int, _ scratch: AttentionScratch) {
    BLAS.sgemm(
      transposeB: true, m: count, n: g.keyLength, k: g.headSize, UnsafePointer(scratch.queries),
      g.headSize, UnsafePointer(scratch.keys), g.headSize, scratch.scores, g.keyLength)
    for row in 0..<count { softmaxRow(scratch.scores + row * g.keyLength, count: g.keyLength) }
  }

  func storeQueryGradient(
    _ rows: Range<Int>, _ scratch: AttentionScratch, into gradient: UnsafeMutablePointer<Float>
  ) {
    for (i, row) in rows.enumerated() {
      let start = i * g.headSize
      store(
        UnsafePointer(scratch.dQueries + start), packed: UnsafePointer(scratch.queries + start),
        packedScale: g.scale, norm: scratch.queryNorms[i],
        into: gradient + queryStart + row * queryStride)
    }
  }

  func storeKeyGradient(_ scratch: AttentionScratch, into gradient: UnsafeMutablePointer<Float>) {
    for row in 0..<g.keyLength {
      let start = row * g.headSize
      store(
        UnsafePointer(scratch.dKeys + start), packed: UnsafePointer(scratch.keys + start),
        packedScale: 1, norm: scratch.keyNorms[row], into: gradient + keyStart + row * keyStride)
      (gradient + valueStart + row * keyStride)
        .update(from: scratch.dValues + start, count: g.headSize)
    }
  }

  /// Back through the RMS norm: with n the normalised row and s the reciprocal rms, dx = s (dn -
  /// n·mean(dn·n)).
  private func store(
    _ upstream: UnsafePointer<Float>, packed: UnsafePointer<Float>, packedScale: Float, norm: Float,
    into target: UnsafeMutablePointer<Float>
  ) {
    guard g.normalizesQK else { return target.update(from: upstream, count: g.headSize) }
    let dot = sumVectors(upstream, packed, count: g.headSize) { $0 * $1 }
    let mean = Vector(repeating: dot / (packedScale * packedScale * Float(g.headSize)))
    let norms = Vector(repeating: norm)
    mapVectors(upstream, packed, into: target, count: g.headSize) { dn, n in
      norms * (dn - n * mean)
    }
  }
}
