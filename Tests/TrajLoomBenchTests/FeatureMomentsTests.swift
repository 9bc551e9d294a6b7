import Testing

@testable import TrajLoomBench

/// Rows of five features, more of them than features, fewer, and in another order.
@Suite struct FeatureMomentsTests {
  private let rows: [[UInt16]] = {
    var random = Scatter(state: 5)
    return (0..<23).map { _ in (0..<5).map { _ in UInt16(random.next() * 800) } }
  }()

  @Test(arguments: [2, 4, 5, 6, 10, 23])
  func meanAndCovarianceAreThoseOfTheRows(count: Int) throws {
    let rows = Array(rows.prefix(count))
    var moments = FeatureMoments(features: 5, unit: 0.125)
    moments.add(Array(rows.prefix(2).joined()))
    for row in rows.dropFirst(2) { moments.add(row) }
    let part = 1..<4
    let found = try #require(moments.gaussians(of: [0..<5, part]))
    for (range, gaussian) in zip([0..<5, part], found) {
      let expected = covariance(rows, range)
      let meanError = zip(gaussian.mean, expected.mean).map { abs($0 - $1) }.max() ?? 0
      #expect(meanError < 1e-12)
      let matrix: [Double]
      switch gaussian.spread {
      case .covariance(let values):
        #expect(count >= 5)
        matrix = values
      case .factor(let factor, let rows):
        #expect(count < 5 && rows == count)
        matrix = range.flatMap { i in
          range.map { j in
            (0..<rows).reduce(0) {
              $0 + factor[$1 * range.count + i - range.lowerBound]
                * factor[$1 * range.count + j - range.lowerBound]
            }
          }
        }
      }
      let error = zip(matrix, expected.covariance).map { abs($0 - $1) }.max() ?? 0
      #expect(matrix.count == expected.covariance.count && error < 1e-9, "\(error)")
    }
  }

  @Test func oneRowHasNoCovariance() {
    var moments = FeatureMoments(features: 5, unit: 1)
    moments.add(rows[0])
    #expect(moments.gaussians(of: [0..<5]) == nil)
  }

  /// Exact sums: not nearly the same, the same.
  @Test func theOrderOfRowsDoesNotMatter() throws {
    func gaussian(_ rows: [[UInt16]]) throws -> [Double] {
      var moments = FeatureMoments(features: 5, unit: 0.125)
      for row in rows { moments.add(row) }
      let found = try #require(moments.gaussians(of: [0..<5])).first
      guard case .covariance(let matrix) = found?.spread else { return [] }
      return matrix
    }
    let (forward, backward) = (try gaussian(rows), try gaussian(rows.reversed()))
    #expect(forward == backward && forward.count == 25)
  }

  private func covariance(
    _ rows: [[UInt16]], _ part: Range<Int>
  ) -> (mean: [Double], covariance: [Double]) {
    let values = rows.map { row in part.map { Double(row[$0]) / 8 } }
    let n = Double(values.count)
    let mean = part.indices.map { column in
      values.reduce(0) { $0 + $1[column - part.lowerBound] } / n
    }
    let matrix = mean.indices.flatMap { i in
      mean.indices.map { j in
        values.reduce(0) { $0 + ($1[i] - mean[i]) * ($1[j] - mean[j]) } / (n - 1)
      }
    }
    return (mean, matrix)
  }
}
