extension MetricsTable {
  /// The table of several predictors of the same clips: the rows that all evaluations share (the
  /// truth, the baselines), and between them each predictor's row, or the mean over its trainings.
  ///
  /// - Parameter predictors: per row, its name and the evaluations of its trainings, each a table
  ///   with a row `predictions`.
  /// - Returns: nil when the tables have other columns or the shared rows differ, so that they are
  ///   not of the same clips.
  public init?(predictors: [(name: String, evaluations: [MetricsTable])]) {
    let all = predictors.flatMap(\.evaluations)
    guard let first = all.first else { return nil }
    func shared(_ table: MetricsTable) -> [Row] { table.rows.filter { $0.name != predictionsRow } }
    guard
      all.allSatisfy({ $0.columns == first.columns && shared($0) == shared(first) })
    else { return nil }
    let rows = predictors.map { name, evaluations in
      Row(
        name: name,
        trainings: evaluations.flatMap { $0.rows.filter { $0.name == predictionsRow } })
    }
    let place = first.rows.firstIndex { $0.name == predictionsRow } ?? first.rows.count
    self.init(
      columns: first.columns,
      rows: shared(first).prefix(place) + rows + shared(first).dropFirst(place))
  }
}

/// What the row of a model is called in the table of one evaluation.
let predictionsRow = "predictions"

extension MetricsTable.Row {
  /// One training as it is, or the means over several with their deviations.
  fileprivate init(name: String, trainings: [MetricsTable.Row]) {
    guard trainings.count > 1 else {
      self.init(
        name: name, values: trainings.first?.values ?? [:],
        errorByFrame: trainings.first?.errorByFrame ?? [])
      return
    }
    var means: [String: Double?] = [:]
    var deviations: [String: Double] = [:]
    for key in Set(trainings.flatMap(\.values.keys)) {
      let (mean, deviation) = meanAndDeviation(trainings.compactMap { $0.values[key] ?? nil })
      means.updateValue(mean, forKey: key)
      deviations[key] = deviation
    }
    self.init(name: name, values: means, deviations: deviations)
  }
}

/// The mean, and the sample standard deviation of two or more values.
func meanAndDeviation(_ values: [Double]) -> (mean: Double?, deviation: Double?) {
  var sum = RunningMean()
  for value in values { sum.add(value) }
  guard let mean = sum.value, values.count > 1 else { return (sum.value, nil) }
  let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
  return (mean, (squares / Double(values.count - 1)).squareRoot())
}
