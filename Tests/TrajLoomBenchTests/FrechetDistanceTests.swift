import Testing

@testable import TrajLoomBench

@Suite struct FrechetDistanceTests {
  /// |Δμ|² + Σ(σ₁ - σ₂)², axis by axis.
  @Test func independentAxes() {
    let a = Gaussian(mean: [1, 2], spread: .covariance([4, 0, 0, 9]))
    let b = Gaussian(mean: [4, 6], spread: .covariance([1, 0, 0, 25]))
    expect(frechetDistance(a, b), 25 + 1 + 4)
    expect(frechetDistance(b, a), 30)
  }

  /// In two dimensions tr √M is √(tr M + 2√det M); here M has trace 10 and determinant 12.
  @Test func covariancesThatDoNotCommute() {
    let a = Gaussian(mean: [0, 0], spread: .covariance([2, 1, 1, 2]))
    let b = Gaussian(mean: [0, 0], spread: .covariance([4, 0, 0, 1]))
    let root = (10 + 2 * 12.0.squareRoot()).squareRoot()
    expect(frechetDistance(a, b), 4 + 5 - 2 * root)
  }

  /// Two features vary in each, one of them in both; seven stay.
  @Test func fewSamplesAreTheirCovariance() {
    let (size, mean) = (9, [Double](repeating: 1, count: 9))
    var (f, g) = ([Double](repeating: 0, count: 2 * size), [Double](repeating: 0, count: 2 * size))
    (f[0], f[1], f[size], f[size + 1]) = (3, 1, -1, 2)
    (g[1], g[2], g[size + 2]) = (2, 5, 1)
    func full(_ factor: [Double]) -> Gaussian {
      let covariance = (0..<size).flatMap { i in
        (0..<size).map { j in
          factor[i] * factor[j] + factor[size + i] * factor[size + j]
        }
      }
      return Gaussian(mean: mean, spread: .covariance(covariance))
    }
    let few = frechetDistance(
      Gaussian(mean: mean, spread: .factor(f, rows: 2)),
      Gaussian(mean: mean, spread: .factor(g, rows: 2)))
    expect(few, frechetDistance(full(f), full(g)), within: 1e-6)
    #expect(few > 1)
  }

  /// -2Dε: ε stands inside the root alone.
  @Test func aDistributionIsALittleLessThanNothingFromItself() {
    let whole = Gaussian(mean: [1, 2], spread: .covariance([4, 1, 1, 9]))
    expect(frechetDistance(whole, whole), -4e-5, within: 1e-9)
    let few = Gaussian(
      mean: [1, 2, 3, 4, 5], spread: .factor([1, 2, 3, 4, 5, 0, 1, 0, 2, 1], rows: 2))
    expect(frechetDistance(few, few), -1e-4, within: 1e-7)
  }

  private func expect(
    _ found: Double, _ expected: Double, within tolerance: Double = 1e-4,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(
      abs(found - expected) < tolerance, "\(found), expected \(expected)",
      sourceLocation: sourceLocation)
  }
}
