/// Errors over one set of points (all of them, or the moving ones), gathered clip by clip.
///
/// T future frames, K samples. Only points that are visible in the truth count.
struct PointGroupErrors: Sendable {
  private let missThreshold: Double  // pixels
  private var byFrame: [RunningMean]  // [T]
  private var final = RunningMean()
  private var best = RunningMean()
  private var bestFinal = RunningMean()
  private var missed = RunningMean()
  private var jump = RunningMean()
  private var diversity = RunningMean()
  private var visiblePoints = 0

  init(futureFrames: Int, missThreshold: Double) {
    self.missThreshold = missThreshold
    byFrame = Array(repeating: RunningMean(), count: futureFrames)
  }

  /// - Parameter points: the members of the set in this clip; the others are ignored.
  mutating func add(
    history: PointTracks, truth: PointTracks, samples: [PointTracks], points: [Int]
  ) {
    let seen = (0..<truth.frames).map { frame in
      points.filter { truth.isVisible(frame: frame, point: $0) }
    }
    let count = seen.reduce(0) { $0 + $1.count }
    guard count > 0 else { return }
    visiblePoints += count

    // Per sample: the mean over the whole clip and the mean over the last frame.
    var clipErrors: [(all: RunningMean, final: RunningMean)] = []
    for sample in samples {
      var clip = (all: RunningMean(), final: RunningMean())
      for (frame, visible) in seen.enumerated() {
        var errors = RunningMean()
        for point in visible { errors.add(distance(sample, truth, frame: frame, point: point)) }
        byFrame[frame].add(errors)
        clip.all.add(errors)
        if frame == truth.frames - 1 { clip.final = errors }
      }
      final.add(clip.final)
      clipErrors.append(clip)
      addMisses(of: sample, truth: truth, visible: seen[truth.frames - 1])
      addJumps(of: sample, truth: truth, history: history, visible: seen[0])
    }
    if let winner = clipErrors.min(by: { sortable($0.all) < sortable($1.all) }) {
      best.add(winner.all)
      bestFinal.add(winner.final)
    }
    addDiversity(of: samples, seen: seen)
  }

  func summary() -> TrajectorySummary.Group {
    var pooled = RunningMean()
    for errors in byFrame { pooled.add(errors) }
    return TrajectorySummary.Group(
      ade: pooled.value, fde: final.value, minADE: best.value, minFDE: bestFinal.value,
      missRate: missed.value, boundaryJump: jump.value, diversity: diversity.value,
      errorByFrame: byFrame.map(\.value), visiblePoints: visiblePoints)
  }

  private mutating func addMisses(of sample: PointTracks, truth: PointTracks, visible: [Int]) {
    for point in visible {
      let error = distance(sample, truth, frame: truth.frames - 1, point: point)
      // A prediction that is not a number is a miss as well.
      missed.add(error <= missThreshold ? 0 : 1)
    }
  }

  private mutating func addJumps(
    of sample: PointTracks, truth: PointTracks, history: PointTracks, visible: [Int]
  ) {
    let last = history.frames - 1
    for point in visible where history.isVisible(frame: last, point: point) {
      let start = history.position(frame: last, point: point)
      let predicted = (sample.position(frame: 0, point: point) - start).length
      jump.add(predicted - (truth.position(frame: 0, point: point) - start).length)
    }
  }

  private mutating func addDiversity(of samples: [PointTracks], seen: [[Int]]) {
    for (k, a) in samples.enumerated() {
      for b in samples[(k + 1)...] {
        for (frame, visible) in seen.enumerated() {
          for point in visible { diversity.add(distance(a, b, frame: frame, point: point)) }
        }
      }
    }
  }
}

/// A clip's error for picking the best sample: one that is not a number never wins.
private func sortable(_ error: RunningMean) -> Double {
  guard let value = error.value, !value.isNaN else { return .infinity }
  return value
}
