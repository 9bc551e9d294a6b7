import Testing

@testable import TrajLoomBench

@Suite struct TrajectoryErrorsTests {
  // Two points: 0 stays at (0, 0), 1 moves by 10 px per frame to the right. One history frame, two
  // future ones.
  private let history = tracks([[(0, 0), (100, 0)]])
  private func truth(hidden: Set<[Int]> = []) -> PointTracks {
    tracks([[(0, 0), (110, 0)], [(0, 0), (120, 0)]], hidden: hidden)
  }

  private func summary(
    truth: PointTracks, samples: [PointTracks], missThreshold: Double = 16
  ) -> TrajectorySummary {
    var errors = TrajectoryErrors(
      futureFrames: 2, samplesPerClip: samples.count, missThreshold: missThreshold)
    errors.add(history: history, truth: truth, samples: samples)
    return errors.summary()
  }

  /// Errors by frame: 5 (3-4-5) and 10; 0 and 20.
  private let sample = tracks([[(3, 4), (120, 0)], [(0, 0), (120, 20)]])

  @Test func errorsOfAllPoints() {
    let found = summary(truth: truth(), samples: [sample])
    #expect(found.all.ade == 8.75)
    #expect(found.all.fde == 10)
    #expect(found.all.errorByFrame == [7.5, 10])
    #expect(found.all.missRate == 0.5)
    #expect(found.all.minADE == 8.75)
    #expect(found.all.minFDE == 10)
    #expect(found.all.diversity == nil)
    #expect(found.all.visiblePoints == 4)
    #expect(summary(truth: truth(), samples: [sample], missThreshold: 20).all.missRate == 0)
  }

  @Test func errorsOfMovingPoints() {
    let found = summary(truth: truth(), samples: [sample]).moving
    #expect(found.ade == 15)
    #expect(found.fde == 20)
    #expect(found.missRate == 1)
    #expect(found.errorByFrame == [10, 20])
  }

  /// Predicted steps 5 and 20, true ones 0 and 10: (5 - 0 + 20 - 10) / 2.
  @Test func boundaryJumpIsRelativeToTheTruth() {
    let found = summary(truth: truth(), samples: [sample])
    #expect(found.all.boundaryJump == 7.5)
    #expect(found.moving.boundaryJump == 10)
  }

  @Test func boundaryJumpNeedsBothSidesVisible() {
    var errors = TrajectoryErrors(futureFrames: 2, samplesPerClip: 1)
    errors.add(
      history: tracks([[(0, 0), (100, 0)]], hidden: [[0, 1]]), truth: truth(), samples: [sample])
    #expect(errors.summary().all.boundaryJump == 5)
    #expect(summary(truth: truth(hidden: [[0, 0]]), samples: [sample]).all.boundaryJump == 10)
  }

  @Test func hiddenPointsDoNotCount() {
    let found = summary(truth: truth(hidden: [[0, 0], [1, 1]]), samples: [sample])
    #expect(found.all.ade == 5)  // 10 and 0
    #expect(found.all.fde == 0)
    #expect(found.all.errorByFrame == [10, 0])
  }

  /// Point 1 is hidden while it is far away: at most 8 px from its start as far as is seen.
  @Test func motionWhileHiddenIsNoMotion() {
    let found = summary(truth: truth(hidden: [[0, 1], [1, 1]]), samples: [sample])
    #expect(found.moving == TrajectorySummary.Group.nothing(frames: 2))
    #expect(found.all.ade == 2.5)
  }

  @Test func motionWithinTheHistoryCounts() {
    var errors = TrajectoryErrors(futureFrames: 1, samplesPerClip: 1)
    errors.add(
      history: tracks([[(0, 0), (0, 0)], [(8, 0), (9, 0)], [(0, 0), (0, 0)]]),
      truth: tracks([[(0, 0), (0, 0)]]), samples: [tracks([[(1, 0), (2, 0)]])])
    #expect(errors.summary().moving.ade == 2)  // exactly 8 px is not more than 8 px
  }

  @Test func aPointHiddenAtFirstStartsWhereItAppears() {
    var errors = TrajectoryErrors(futureFrames: 1, samplesPerClip: 1)
    errors.add(
      history: tracks([[(500, 0)], [(0, 0)]], hidden: [[0, 0]]), truth: tracks([[(1, 0)]]),
      samples: [tracks([[(1, 0)]])])
    #expect(errors.summary().moving.visiblePoints == 0)
  }

  /// Sample 0 has the smaller ADE (2 against 3), sample 1 the smaller FDE: both best-of numbers are
  /// sample 0's.
  @Test func theBestSampleHasTheSmallestADE() {
    let truth = tracks([[(0, 0)], [(0, 0)]])
    let samples = [tracks([[(0, 0)], [(4, 0)]]), tracks([[(0, 6)], [(0, 0)]])]
    var errors = TrajectoryErrors(futureFrames: 2, samplesPerClip: 2)
    errors.add(history: tracks([[(0, 0)]]), truth: truth, samples: samples)
    let found = errors.summary().all
    #expect(found.minADE == 2)
    #expect(found.minFDE == 4)
    #expect(found.ade == 2.5)
    #expect(found.fde == 2)
    #expect(found.errorByFrame == [3, 2])
    #expect(found.diversity == 5)  // 6 and 4
  }

  @Test func bestSamplesArePickedClipByClip() {
    var errors = TrajectoryErrors(futureFrames: 1, samplesPerClip: 2)
    let start = tracks([[(0, 0)]])
    let (near, far) = (tracks([[(1, 0)]]), tracks([[(7, 0)]]))
    errors.add(history: start, truth: start, samples: [near, far])
    errors.add(history: start, truth: start, samples: [far, near])
    #expect(errors.summary().all.minADE == 1)
    #expect(errors.summary().all.ade == 4)
    #expect(errors.summary().clips == 2)
  }

  @Test func aSampleThatIsNoNumberNeverWins() {
    let truth = tracks([[(0, 0)]])
    var errors = TrajectoryErrors(futureFrames: 1, samplesPerClip: 2)
    errors.add(
      history: truth, truth: truth, samples: [tracks([[(.nan, 0)]]), tracks([[(3, 0)]])])
    let found = errors.summary().all
    #expect(found.minADE == 3)
    #expect(found.ade?.isNaN == true)
    #expect(found.missRate == 0.5)
  }

  /// Pairs of three samples at 0, 1 and 5: distances 1, 5 and 4.
  @Test func diversityIsTheMeanOverPairs() {
    let truth = tracks([[(0, 0)]])
    var errors = TrajectoryErrors(futureFrames: 1, samplesPerClip: 3)
    errors.add(
      history: truth, truth: truth,
      samples: [tracks([[(0, 0)]]), tracks([[(1, 0)]]), tracks([[(5, 0)]])])
    #expect(errors.summary().all.diversity == 10.0 / 3)
  }

  @Test func meansArePooledOverPointsNotClips() {
    var errors = TrajectoryErrors(futureFrames: 2, samplesPerClip: 1)
    let still = tracks([[(0, 0), (110, 0)], [(0, 0), (120, 0)]])
    // 35 px over four points, then 0 over one.
    errors.add(history: history, truth: truth(), samples: [sample])
    errors.add(
      history: history, truth: truth(hidden: [[0, 1], [1, 0], [1, 1]]), samples: [still])
    #expect(errors.summary().all.ade == 7)
  }

  @Test func aClipWithNothingVisibleDoesNotCount() {
    let nothing: Set<[Int]> = [[0, 0], [0, 1], [1, 0], [1, 1]]
    let empty = summary(truth: truth(hidden: nothing), samples: [sample])
    #expect(empty.all == .nothing(frames: 2))
    #expect(empty.clips == 1)
    #expect(empty.visibilityAccuracy == 0)

    var errors = TrajectoryErrors(futureFrames: 2, samplesPerClip: 1)
    errors.add(history: history, truth: truth(hidden: nothing), samples: [sample])
    errors.add(history: history, truth: truth(), samples: [sample])
    #expect(errors.summary().all.ade == 8.75)
  }

  @Test func nothingAddedGivesNothing() {
    let found = TrajectoryErrors(futureFrames: 2, samplesPerClip: 1).summary()
    #expect(found.all == .nothing(frames: 2))
    #expect(found.visibilityAccuracy == nil)
    #expect(found.visibilityF1 == nil)
  }

  /// Truth 1 1 / 1 0, prediction 1 0 / 1 0: two hits, one missed.
  @Test func visibilityAccuracyAndF1() {
    let predicted = tracks([[(0, 0), (0, 0)], [(0, 0), (0, 0)]], hidden: [[0, 1], [1, 1]])
    let found = summary(truth: truth(hidden: [[1, 1]]), samples: [predicted])
    #expect(found.visibilityAccuracy == 0.75)
    #expect(found.visibilityF1 == 0.8)
  }
}

extension TrajectorySummary.Group {
  /// What is left of a set without visible points.
  fileprivate static func nothing(frames: Int) -> Self {
    Self(
      ade: nil, fde: nil, minADE: nil, minFDE: nil, missRate: nil, boundaryJump: nil,
      diversity: nil, errorByFrame: Array(repeating: nil, count: frames), visiblePoints: 0)
  }
}
