import Foundation

extension ReferenceBackend {
  func attention(
    _ query: NDArray, _ keyValue: NDArray, _ g: AttentionGeometry
  ) -> (y: NDArray, statistics: NDArray) {
    var shape = query.shape
    shape[shape.count - 1] = g.width
    var out = [Double](repeating: 0, count: shape.product)
    forEachHead(query, keyValue, g) { head in
      for (i, weights) in head.probabilities().enumerated() {
        for c in 0..<g.headSize {
          out[head.outputRow(i) + c] = weights.indices.reduce(0) {
            $0 + weights[$1] * head.values[$1][c]
          }
        }
      }
    }
    return (make(out, shape), make([], [0]))  // the gradient starts from the operands alone
  }

  func attentionGradient(
    _ query: NDArray, _ keyValue: NDArray, y: NDArray, statistics: NDArray, _ dOut: NDArray,
    _ g: AttentionGeometry
  ) -> (dQuery: NDArray, dKeyValue: NDArray?) {
    let upstream = dOut.doubles
    var dQuery = [Double](repeating: 0, count: query.count)
    var dKeyValue = [Double](repeating: 0, count: keyValue.count)
    forEachHead(query, keyValue, g) { head in
      let probabilities = head.probabilities()
      var dq = head.queries.map { $0.map { _ in 0.0 } }
      var dk = head.keys.map { $0.map { _ in 0.0 } }
      for i in 0..<g.queryLength {
        let dy = (0..<g.headSize).map { upstream[head.outputRow(i) + $0] }
        let dp = head.values.map { zip($0, dy).reduce(0) { $0 + $1.0 * $1.1 } }
        let dot = zip(dp, probabilities[i]).reduce(0) { $0 + $1.0 * $1.1 }
        for j in 0..<g.keyLength {
          let ds = probabilities[i][j] * (dp[j] - dot) * Double(g.scale)
          for c in 0..<g.headSize {
            dq[i][c] += ds * head.keys[j][c]
            dk[j][c] += ds * head.queries[i][c]
            dKeyValue[head.valueRow(j) + c] += probabilities[i][j] * dy[c]
          }
        }
      }
      for i in 0..<g.queryLength {
        let row = head.throughNorm(dq[i], normalized: head.queries[i], head.queryNorms[i])
        for c in 0..<g.headSize { dQuery[head.queryRow(i) + c] += row[c] }
      }
      for j in 0..<g.keyLength {
        let row = head.throughNorm(dk[j], normalized: head.keys[j], head.keyNorms[j])
        for c in 0..<g.headSize { dKeyValue[head.keyRow(j) + c] += row[c] }
      }
    }
    guard g.isPacked else { return (make(dQuery, query.shape), make(dKeyValue, keyValue.shape)) }
    return (make(zip(dQuery, dKeyValue).map { $0 + $1 }, query.shape), nil)
  }

  private func forEachHead(
    _ query: NDArray, _ keyValue: NDArray, _ g: AttentionGeometry, _ body: (ReferenceHead) -> Void
  ) {
    let (queries, keyValues) = (query.doubles, keyValue.doubles)
    for outer in 0..<g.outer {
      for inner in 0..<g.inner {
        for head in 0..<g.heads {
          body(
            ReferenceHead(queries, keyValues, g, outer: outer, inner: inner, head: head))
        }
      }
    }
  }
}

/// The operands of one head of one sequence, normalised if asked for, and where they came from.
private struct ReferenceHead {
  let g: AttentionGeometry
  let outer: Int, inner: Int, channel: Int
  private(set) var queries: [[Double]] = [], keys: [[Double]] = [], values: [[Double]] = []
  private(set) var queryNorms: [Double] = [], keyNorms: [Double] = []

  init(
    _ query: [Double], _ keyValue: [Double], _ g: AttentionGeometry, outer: Int, inner: Int,
    head: Int
  ) {
    self.g = g
    self.outer = outer
    self.inner = inner
    channel = head * g.headSize
    (queries, queryNorms) = normalized(
      (0..<g.queryLength).map { row in Array(query[queryRow(row)..<queryRow(row) + g.headSize]) })
    (keys, keyNorms) = normalized(
      (0..<g.keyLength).map { row in Array(keyValue[keyRow(row)..<keyRow(row) + g.headSize]) })
    values = (0..<g.keyLength).map { row in
      Array(keyValue[valueRow(row)..<valueRow(row) + g.headSize])
    }
  }

  func queryRow(_ i: Int) -> Int {
    ((outer * g.queryLength + i) * g.inner + inner) * g.queryChannels + channel
  }
  func outputRow(_ i: Int) -> Int {
    ((outer * g.queryLength + i) * g.inner + inner) * g.width + channel
  }
  func keyRow(_ j: Int) -> Int {
    ((outer * g.keyLength + j) * g.inner + inner) * g.keyChannels + g.keyOffset + channel
  }
  func valueRow(_ j: Int) -> Int { keyRow(j) - g.keyOffset + g.valueOffset }

  private func normalized(_ rows: [[Double]]) -> ([[Double]], [Double]) {
    guard g.normalizesQK else { return (rows, rows.map { _ in 1 }) }
    let norms = rows.map { row in
      let meanSquare = row.reduce(0) { $0 + $1 * $1 } / Double(g.headSize)
      return 1 / (meanSquare + Double(AttentionGeometry.normEpsilon)).squareRoot()
    }
    return (zip(rows, norms).map { row, norm in row.map { $0 * norm } }, norms)
  }

  /// softmax(Q·Kᵀ / √d), a row per query.
  func probabilities() -> [[Double]] {
    queries.map { query in
      let scores = keys.map { key in
        zip(query, key).reduce(0) { $0 + $1.0 * $1.1 } * Double(g.scale)
      }
      let weights = scores.map { exp($0 - scores.max()!) }
      let total = weights.reduce(0, +)
      return weights.map { $0 / total }
    }
  }

  /// dx = s (dn - n · mean(dn · n)) for the normalised row n and reciprocal rms s.
  func throughNorm(_ dn: [Double], normalized n: [Double], _ norm: Double) -> [Double] {
    guard g.normalizesQK else { return dn }
    let mean = zip(dn, n).reduce(0) { $0 + $1.0 * $1.1 } / Double(g.headSize)
    return zip(dn, n).map { norm * ($0 - $1 * mean) }
  }
}
