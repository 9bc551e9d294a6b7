extension MetricsTable {
  /// The reconstructions of one variant, by one training or by several that differ in their seed.
  public struct Reconstructions: Sendable {
    public let name: String
    /// In the order of `summaries`; empty for what was not trained.
    public let seeds: [UInt64]
    public let summaries: [ReconstructionSummary]

    /// - Precondition: there is a summary.
    public init(name: String, seeds: [UInt64] = [], summaries: [ReconstructionSummary]) {
      precondition(!summaries.isEmpty, "MetricsTable.Reconstructions: \(name) has no summaries")
      self.name = name
      self.seeds = seeds
      self.summaries = summaries
    }
  }

  /// The table of one evaluation of reconstructions, a row each: the value of one training, or the
  /// mean over several, which has a deviation beside it.
  public init(reconstructions: [Reconstructions]) {
    self.init(
      columns: reconstructionColumns.map(\.column),
      rows: reconstructions.map { variant in
        var means: [String: Double?] = [:]
        var deviations: [String: Double] = [:]
        for (column, path) in reconstructionColumns {
          // A number that one training lacks (nothing was visible) all of them lack.
          let values = variant.summaries.compactMap { $0[keyPath: path] }
          let (mean, deviation) = meanAndDeviation(values)
          means.updateValue(mean, forKey: column.key)
          deviations[column.key] = deviation
        }
        return Row(
          name: variant.name, values: means,
          deviations: variant.summaries.count > 1 ? deviations : nil,
          seeds: variant.seeds.isEmpty ? nil : variant.seeds)
      })
  }
}

private let reconstructionColumns:
  [(column: MetricsTable.Column, path: KeyPath<ReconstructionSummary, Double?> & Sendable)] = [
    (column("vepe_px", "all", positions), \.vepe),
    (column("vepe_history_px", "history", positions), \.vepeHistory),
    (column("vepe_future_px", "future", positions), \.vepeFuture),
    (column("velocity_px_per_frame", "velocity, px/frame", motion), \.velocityError),
    (column("neighbor_px", "neighbour, px", motion), \.neighborError),
    (column("jitter_px_per_frame2", "jitter, px/frame²", motion), \.jitter),
  ]

private let positions = "VEPE, px"
private let motion = "differences"

private func column(_ key: String, _ title: String, _ group: String) -> MetricsTable.Column {
  MetricsTable.Column(key: key, title: title, group: group, unit: .subpixels)
}
