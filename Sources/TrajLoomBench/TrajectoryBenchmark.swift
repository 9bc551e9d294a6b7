/// Everything that predicted futures are measured by, and the truth and the baselines beside them:
/// the rows of the table, gathered clip by clip.
///
/// Clips may share a history: several true futures of one past are clips of their own.
public struct TrajectoryBenchmark: Sendable {
  private let samplesPerClip: Int
  private var truth = FieldEnergies()
  private var predictors: [Predictor]  // the model, then the baselines
  /// Sets: the first samples of all clips, the second ones, ..., then the baselines' predictions.
  private var fvmd: FVMD?

  private struct Predictor: Sendable {
    let name: String
    let baseline: Baseline?
    var errors: TrajectoryErrors
    var field = FieldEnergies()
    var predictions: [PointTracks] = []  // of the clip that is being added
  }

  /// - Parameters:
  ///   - samplesPerClip: K.
  ///   - grid: that of every clip, the order of the points aside; nil where the points stand on
  ///     none, and what looks at neighbours is left out.
  public init(futureFrames: Int, samplesPerClip: Int, grid: PointGrid?) {
    self.samplesPerClip = samplesPerClip
    predictors = [
      Predictor(
        name: predictionsRow, baseline: nil,
        errors: TrajectoryErrors(futureFrames: futureFrames, samplesPerClip: samplesPerClip))
    ]
    predictors += Baseline.allCases.map {
      Predictor(
        name: $0.rawValue, baseline: $0,
        errors: TrajectoryErrors(futureFrames: futureFrames, samplesPerClip: 1))
    }
    fvmd = grid.flatMap {
      FVMD(
        sets: samplesPerClip + Baseline.allCases.count, rows: $0.rows, columns: $0.columns,
        frames: futureFrames)
    }
  }

  /// Adds one clip. Shapes: `history` [any, N], `truth` [T, N], each of K `samples` [T, N].
  /// - Parameter grid: the clip's own; nil if that of `init` was.
  /// - Precondition: T and K are those of `init`, the grid has its rows and columns, N is the same
  ///   everywhere, and the history has a frame.
  public mutating func add(
    history: PointTracks, truth: PointTracks, samples: [PointTracks], grid: PointGrid?
  ) {
    predictors.concurrentlyUpdate { _, predictor in
      let predictions =
        predictor.baseline.map { [$0.predict(history: history, frames: truth.frames)] } ?? samples
      predictor.errors.add(history: history, truth: truth, samples: predictions)
      if let grid {
        for prediction in predictions {
          predictor.field.add(prediction, seenIn: truth, grid: grid)
        }
      }
      predictor.predictions = predictions
    }
    guard let grid else { return }
    self.truth.add(truth, seenIn: truth, grid: grid)
    fvmd?.add(truth: truth, predictions: predictors.flatMap(\.predictions), grid: grid)
  }

  /// The truth, the model's predictions and the baselines.
  ///
  /// FVMD compares sets of one future per clip. The model has K of them, and its FVMD is the mean
  /// over k of that of the k-th samples: a set K times as large would come out nearer to the truth
  /// for its size alone, and the baselines have one future per clip.
  public func rows() -> [MetricsTable.Trajectories] {
    let distances = fvmd?.distances() ?? []
    let rows = predictors.enumerated().map { number, predictor in
      let sets =
        number == 0
        ? distances.prefix(samplesPerClip)
        : distances.dropFirst(samplesPerClip + number - 1).prefix(1)
      return MetricsTable.Trajectories(
        name: predictor.name, errors: predictor.errors.summary(),
        motion: predictor.field.motion(mean(sets.compactMap { $0 })))
    }
    return [.init(name: "ground truth", errors: nil, motion: truth.motion(nil))] + rows
  }
}

extension FieldEnergies {
  fileprivate func motion(_ fvmd: MotionDistance?) -> MotionSummary {
    MotionSummary(fvmd: fvmd, flowSmoothTV: flowSmoothTV, divCurlEnergy: divCurlEnergy)
  }
}

private func mean(_ distances: [MotionDistance]) -> MotionDistance? {
  guard !distances.isEmpty else { return nil }
  func mean(_ part: KeyPath<MotionDistance, Double>) -> Double {
    distances.reduce(0) { $0 + $1[keyPath: part] } / Double(distances.count)
  }
  return MotionDistance(
    velocity: mean(\.velocity), acceleration: mean(\.acceleration), combined: mean(\.combined))
}
