/// Means and covariances of features that are small whole numbers, gathered row by row.
///
/// Few rows are kept as they are; as soon as there are as many as features, they are folded into
/// sums of products, so that memory does not grow with the number of clips. All sums are of whole
/// numbers, exact in double precision, and so the same in whatever order clips come.
///
/// D features, n rows.
struct FeatureMoments: Sendable {
  private let features: Int  // D
  private let unit: Double
  private var rows = 0  // n
  private var pending: [UInt16] = []  // [at most D, D]
  private var sums: [Double]  // [D], over the folded rows
  private var products: [Double] = []  // [D, D], over the folded rows; empty before there are any

  /// - Parameter unit: what the number 1 stands for.
  init(features: Int, unit: Double) {
    (self.features, self.unit) = (features, unit)
    sums = Array(repeating: 0, count: features)
  }

  /// Shape: [any, D].
  mutating func add(_ rows: [UInt16]) {
    precondition(
      rows.count.isMultiple(of: features),
      "FeatureMoments.add: \(rows.count) numbers are no rows of \(features)")
    self.rows += rows.count / features
    for start in stride(from: 0, to: rows.count, by: features) {
      pending += rows[start..<start + features]
      if pending.count == features * features { fold() }
    }
  }

  /// The Gaussians of some of the features each; nil from fewer than two rows.
  func gaussians(of parts: [Range<Int>]) -> [Gaussian]? {
    guard rows >= 2 else { return nil }
    guard !products.isEmpty else { return parts.map(fewRows) }
    var all = self
    all.fold()
    return parts.map(all.folded)
  }

  private mutating func fold() {
    guard !pending.isEmpty else { return }
    let values = pending.map(Double.init)
    for (index, value) in values.enumerated() { sums[index % features] += value }
    if products.isEmpty { products = Array(repeating: 0, count: features * features) }
    SymmetricMatrix.addProducts(
      of: values, rows: values.count / features, to: &products, size: features)
    pending.removeAll(keepingCapacity: true)
  }

  /// From rows that have not been folded.
  private func fewRows(_ part: Range<Int>) -> Gaussian {
    let mean = part.map { column in
      let sum = (0..<rows).reduce(0) { $0 + Int(pending[$1 * features + column]) }
      return Double(sum) * unit / Double(rows)
    }
    let scale = 1 / Double(rows - 1).squareRoot()
    let deviations = (0..<rows).flatMap { row in
      zip(part, mean).map { (Double(pending[row * features + $0]) * unit - $1) * scale }
    }
    return Gaussian(mean: mean, spread: .factor(deviations, rows: rows))
  }

  /// From products: n·Σxy - Σx·Σy is a whole number, so that nothing is lost in the difference.
  private func folded(_ part: Range<Int>) -> Gaussian {
    let n = Double(rows)
    let scale = unit * unit / (n * (n - 1))
    var covariance: [Double] = []
    covariance.reserveCapacity(part.count * part.count)
    for i in part {
      for j in part {
        // Only one triangle of the products is kept.
        let product = products[max(i, j) * features + min(i, j)]
        covariance.append((n * product - sums[i] * sums[j]) * scale)
      }
    }
    return Gaussian(mean: part.map { sums[$0] * unit / n }, spread: .covariance(covariance))
  }
}
