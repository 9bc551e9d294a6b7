extension MetricsTable {
  /// The table of one evaluation: a row per predictor, in the order given.
  public init(trajectories: [(name: String, summary: TrajectorySummary)]) {
    let samples = trajectories.map(\.summary.samples).max() ?? 1
    self.init(
      columns: trajectoryColumns(samples: samples).map(\.column),
      rows: trajectories.map { name, summary in
        var values: [String: Double?] = [:]
        for (column, value) in trajectoryColumns(samples: samples) {
          values.updateValue(value(summary), forKey: column.key)
        }
        return Row(name: name, values: values, errorByFrame: summary.all.errorByFrame)
      })
  }
}

private typealias Metric = (column: MetricsTable.Column, value: (TrajectorySummary) -> Double?)

private func trajectoryColumns(samples: Int) -> [Metric] {
  groupColumns("all visible points, px", prefix: "", samples: samples, of: \.all)
    + groupColumns("moving points, px", prefix: "moving_", samples: samples, of: \.moving)
    + [
      column("visibility_accuracy", "accuracy", "visibility", .share) { $0.visibilityAccuracy },
      column("visibility_f1", "F1", "visibility", .score) { $0.visibilityF1 },
    ]
}

private func groupColumns(
  _ group: String, prefix: String, samples: Int,
  of path: KeyPath<TrajectorySummary, TrajectorySummary.Group>
) -> [Metric] {
  [
    column(prefix + "ade", "ADE", group, .pixels) { $0[keyPath: path].ade },
    column(prefix + "fde", "FDE", group, .pixels) { $0[keyPath: path].fde },
    column(prefix + "min_ade", "minADE_\(samples)", group, .pixels) { $0[keyPath: path].minADE },
    column(prefix + "min_fde", "minFDE_\(samples)", group, .pixels) { $0[keyPath: path].minFDE },
    column(prefix + "miss_rate", "miss", group, .share) { $0[keyPath: path].missRate },
    column(prefix + "boundary_jump", "jump", group, .pixels) { $0[keyPath: path].boundaryJump },
    column(prefix + "diversity", "spread", group, .pixels) { $0[keyPath: path].diversity },
  ]
}

private func column(
  _ key: String, _ title: String, _ group: String, _ unit: MetricsTable.Unit,
  _ value: @escaping (TrajectorySummary) -> Double?
) -> Metric {
  (MetricsTable.Column(key: key, title: title, group: group, unit: unit), value)
}
