extension MetricsTable {
  /// What one predictor's futures were measured to be.
  public struct Trajectories: Sendable {
    public let name: String
    /// Nil for the truth, whose errors are 0 by definition.
    public let errors: TrajectorySummary?
    public let motion: MotionSummary

    public init(name: String, errors: TrajectorySummary?, motion: MotionSummary) {
      self.name = name
      self.errors = errors
      self.motion = motion
    }
  }

  /// The table of one evaluation: a row per predictor, in the order given.
  public init(trajectories: [Trajectories]) {
    let errors = errorColumns(samples: trajectories.compactMap(\.errors?.samples).max() ?? 1)
    self.init(
      columns: errors.map(\.column) + motionColumns.map(\.column),
      rows: trajectories.map { row in
        var values: [String: Double?] = [:]
        for (column, value) in motionColumns {
          values.updateValue(value(row.motion), forKey: column.key)
        }
        if let found = row.errors {
          for (column, value) in errors { values.updateValue(value(found), forKey: column.key) }
        }
        return Row(
          name: row.name, values: values, errorByFrame: row.errors?.all.errorByFrame ?? [])
      })
  }
}

private typealias Metric<Summary> = (
  column: MetricsTable.Column, value: @Sendable (Summary) -> Double?
)

private func errorColumns(samples: Int) -> [Metric<TrajectorySummary>] {
  groupColumns("all visible points, px", prefix: "", samples: samples) { $0.all }
    + groupColumns("moving points, px", prefix: "moving_", samples: samples) { $0.moving }
    + [
      column("visibility_accuracy", "accuracy", "visibility", .share) { $0.visibilityAccuracy },
      column("visibility_f1", "F1", "visibility", .score) { $0.visibilityF1 },
    ]
}

private func groupColumns(
  _ group: String, prefix: String, samples: Int,
  of part: @escaping @Sendable (TrajectorySummary) -> TrajectorySummary.Group
) -> [Metric<TrajectorySummary>] {
  [
    column(prefix + "ade", "ADE", group, .pixels) { part($0).ade },
    column(prefix + "fde", "FDE", group, .pixels) { part($0).fde },
    column(prefix + "min_ade", "minADE_\(samples)", group, .pixels) { part($0).minADE },
    column(prefix + "min_fde", "minFDE_\(samples)", group, .pixels) { part($0).minFDE },
    column(prefix + "miss_rate", "miss", group, .share) { part($0).missRate },
    column(prefix + "boundary_jump", "jump", group, .pixels) { part($0).boundaryJump },
    column(prefix + "diversity", "spread", group, .pixels) { part($0).diversity },
  ]
}

private let motionColumns: [Metric<MotionSummary>] = [
  column("fvmd", "FVMD", "motion", .distance) { $0.fvmd?.combined },
  column("fvmd_velocity", "velocity", "motion", .distance) { $0.fvmd?.velocity },
  column("fvmd_acceleration", "acceleration", "motion", .distance) { $0.fvmd?.acceleration },
  column("flow_smooth_tv", "FlowTV", "motion", .energy) { $0.flowSmoothTV },
  column("div_curl_energy", "DivCurl", "motion", .energy) { $0.divCurlEnergy },
]

private func column<Summary>(
  _ key: String, _ title: String, _ group: String, _ unit: MetricsTable.Unit,
  _ value: @escaping @Sendable (Summary) -> Double?
) -> Metric<Summary> {
  (MetricsTable.Column(key: key, title: title, group: group, unit: unit), value)
}
