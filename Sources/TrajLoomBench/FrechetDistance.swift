/// A normal distribution of features. D features.
struct Gaussian: Sendable {
  let mean: [Double]  // [D]
  let spread: Spread

  enum Spread: Sendable {
    /// [D, D].
    case covariance([Double])
    /// F [rows, D], with the covariance FᵀF: what few samples give.
    case factor([Double], rows: Int)
  }

  /// The trace of the covariance.
  fileprivate var variance: Double {
    switch spread {
    case .covariance(let matrix):
      stride(from: 0, to: matrix.count, by: mean.count + 1).reduce(0) { $0 + matrix[$1] }
    case .factor(let factor, _): factor.reduce(0) { $0 + $1 * $1 }
    }
  }

  fileprivate var covariance: [Double] {
    switch spread {
    case .covariance(let matrix): return matrix
    case .factor(let factor, let rows):
      return gram(factor[...], rows: rows, columns: mean.count)
    }
  }
}

/// |μ₁ - μ₂|² + tr(Σ₁) + tr(Σ₂) - 2 tr √((Σ₁ + εI)(Σ₂ + εI)) of two distributions of D features.
///
/// ε = 1e-5 stands inside the root alone, as in the published script: a distribution is -2Dε from
/// itself, not 0.
///
/// O(D³); where both are known by fewer samples together than there are features, cubic in that
/// number instead: outside of what their samples span both covariances are εI.
func frechetDistance(_ a: Gaussian, _ b: Gaussian) -> Double {
  let (features, epsilon) = (a.mean.count, 1e-5)
  precondition(
    b.mean.count == features, "frechetDistance: \(features) and \(b.mean.count) features")
  let size: Int
  var (first, second): ([Double], [Double])
  if case .factor(let f, let rows) = a.spread, case .factor(let g, let others) = b.spread,
    rows + others < features
  {
    size = rows + others
    let places = SymmetricMatrix.coordinates(of: f + g, rows: size, columns: features)
    first = gram(places[..<(rows * size)], rows: rows, columns: size)
    second = gram(places[(rows * size)...], rows: others, columns: size)
  } else {
    size = features
    (first, second) = (a.covariance, b.covariance)
  }
  for i in 0..<size {
    first[i * size + i] += epsilon
    second[i * size + i] += epsilon
  }
  // √(Σ₁Σ₂) has the eigenvalues' roots of Lᵀ Σ₂ L, where Σ₁ = LLᵀ. Rounding can push the smallest
  // below zero.
  let eigenvalues = SymmetricMatrix.eigenvalues(ofProduct: first, second, size: size)
  let root =
    eigenvalues.reduce(0) { $0 + max($1, 0).squareRoot() } + epsilon * Double(features - size)
  let shift = zip(a.mean, b.mean).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  return shift + a.variance + b.variance - 2 * root
}

/// FᵀF [columns, columns] of F [rows, columns].
private func gram(_ factor: ArraySlice<Double>, rows: Int, columns: Int) -> [Double] {
  var product = [Double](repeating: 0, count: columns * columns)
  SymmetricMatrix.addProducts(of: Array(factor), rows: rows, to: &product, size: columns)
  for i in 0..<columns {
    for j in 0..<i { product[j * columns + i] = product[i * columns + j] }
  }
  return product
}
