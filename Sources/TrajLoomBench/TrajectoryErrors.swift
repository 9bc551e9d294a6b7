/// Errors of predicted futures, accumulated clip by clip in double precision.
///
/// Every number is a mean pooled over visible true points, not a mean of per-clip means, so that a
/// clip weighs as much as it has visible points, and one with none does not count. Points are also
/// looked at by whether they move: in real clips half of them never do, and a prediction that stays
/// still looks strong.
///
/// A point *moves* when its true position, while visible, gets further than `movingThreshold` from
/// its start: its first visible position in history and future taken together, which for a grid
/// point is where it stands in frame 0.
public struct TrajectoryErrors: Sendable {
  private let futureFrames: Int
  private let samplesPerClip: Int
  private let movingThreshold: Double
  private var clips = 0
  private var all: PointGroupErrors
  private var moving: PointGroupErrors
  private var visibility = VisibilityCounts()

  /// - Parameters:
  ///   - samplesPerClip: K, of which the best counts in minADE and minFDE.
  ///   - missThreshold: pixels; a point whose last position is further off is a miss.
  ///   - movingThreshold: pixels.
  public init(
    futureFrames: Int, samplesPerClip: Int, missThreshold: Double = 16,
    movingThreshold: Double = movingDistance
  ) {
    precondition(
      futureFrames > 0 && samplesPerClip > 0,
      "TrajectoryErrors: \(futureFrames) future frames, \(samplesPerClip) samples per clip")
    self.futureFrames = futureFrames
    self.samplesPerClip = samplesPerClip
    self.movingThreshold = movingThreshold
    all = PointGroupErrors(futureFrames: futureFrames, missThreshold: missThreshold)
    moving = all
  }

  /// Adds one clip. Shapes: `history` [any, N], `truth` [T, N], each of K `samples` [T, N].
  /// - Precondition: T and K are those of `init`, N is the same everywhere, and the history has a
  ///   frame.
  public mutating func add(history: PointTracks, truth: PointTracks, samples: [PointTracks]) {
    precondition(
      samples.count == samplesPerClip,
      "TrajectoryErrors.add: \(samples.count) samples, expected \(samplesPerClip)")
    precondition(
      truth.frames == futureFrames,
      "TrajectoryErrors.add: \(truth.frames) future frames, expected \(futureFrames)")
    precondition(
      history.frames > 0 && history.points == truth.points,
      "TrajectoryErrors.add: history [\(history.frames), \(history.points)], "
        + "truth [\(truth.frames), \(truth.points)]")
    for sample in samples { checkSameShape(sample, truth, in: "TrajectoryErrors.add") }

    clips += 1
    let points = Array(0..<truth.points)
    let movers = points.filter {
      moves($0, in: [history, truth], furtherThan: movingThreshold)
    }
    all.add(history: history, truth: truth, samples: samples, points: points)
    moving.add(history: history, truth: truth, samples: samples, points: movers)
    for sample in samples { visibility.add(prediction: sample, truth: truth) }
  }

  public func summary() -> TrajectorySummary {
    TrajectorySummary(
      clips: clips, samples: samplesPerClip, all: all.summary(), moving: moving.summary(),
      visibilityAccuracy: visibility.accuracy, visibilityF1: visibility.f1)
  }
}

/// Predicted against true visibility of every (frame, point) pair; "visible" is the positive class.
private struct VisibilityCounts: Sendable {
  private var hits = 0  // visible, and predicted so
  private var correct = 0
  private var predictedVisible = 0
  private var trulyVisible = 0
  private var total = 0

  var accuracy: Double? { total == 0 ? nil : Double(correct) / Double(total) }

  /// 2·hits / (predicted + true); nil where neither has a visible point.
  var f1: Double? {
    let marked = predictedVisible + trulyVisible
    return marked == 0 ? nil : 2 * Double(hits) / Double(marked)
  }

  mutating func add(prediction: PointTracks, truth: PointTracks) {
    for frame in 0..<truth.frames {
      for point in 0..<truth.points {
        let expected = truth.isVisible(frame: frame, point: point)
        let found = prediction.isVisible(frame: frame, point: point)
        hits += expected && found ? 1 : 0
        correct += expected == found ? 1 : 0
        predictedVisible += found ? 1 : 0
        trulyVisible += expected ? 1 : 0
        total += 1
      }
    }
  }
}
