import Testing

@testable import TrajLoomBench

@Suite struct TrajectoryBenchmarkTests {
  private let grid = TrajLoomBenchTests.grid(rows: 5, columns: 5)

  private func clip(_ seed: UInt64) -> (history: PointTracks, truth: PointTracks) {
    (wandering(grid, frames: 9, seed: seed), wandering(grid, frames: 12, seed: seed + 500))
  }

  private func rows(samples: [(UInt64) -> PointTracks]) -> [MetricsTable.Trajectories] {
    var benchmark = TrajectoryBenchmark(
      futureFrames: 12, samplesPerClip: samples.count, grid: grid)
    for seed in UInt64(1)...8 {
      let (history, truth) = clip(seed)
      benchmark.add(
        history: history, truth: truth, samples: samples.map { $0(seed) }, grid: grid)
    }
    return benchmark.rows()
  }

  private func near(_ seed: UInt64) -> PointTracks {
    wandering(grid, frames: 12, seed: seed + 900, step: 4)
  }
  private func far(_ seed: UInt64) -> PointTracks {
    wandering(grid, frames: 12, seed: seed + 700, step: 30)
  }

  @Test func everyRowHasItsOwnNumbers() throws {
    let rows = rows(samples: [near])
    #expect(
      rows.map(\.name) == [
        "ground truth", "predictions", "static", "constant_velocity", "damped_velocity",
        "bspline_tangent",
      ])
    #expect(rows[0].errors == nil && rows[0].motion.fvmd == nil)
    #expect(rows[0].motion.flowSmoothTV ?? 0 > 0)
    #expect(rows[2].motion.flowSmoothTV == 0 && rows[2].motion.divCurlEnergy == 0)
    let distances = rows.dropFirst().compactMap(\.motion.fvmd?.combined)
    #expect(distances.count == 5 && distances[0] < distances[1])

    // The same as the parts alone make of it.
    var fvmd = try #require(FVMD(sets: 2, rows: 5, columns: 5, frames: 12))
    var (field, errors) = (
      FieldEnergies(), TrajectoryErrors(futureFrames: 12, samplesPerClip: 1)
    )
    for seed in UInt64(1)...8 {
      let (history, truth) = clip(seed)
      let baseline = Baseline.bSplineTangent.predict(history: history, frames: 12)
      fvmd.add(truth: truth, predictions: [near(seed), baseline], grid: grid)
      field.add(near(seed), seenIn: truth, grid: grid)
      errors.add(history: history, truth: truth, samples: [near(seed)])
    }
    let expected = fvmd.distances()
    #expect(rows[1].motion.fvmd == expected[0] && rows[5].motion.fvmd == expected[1])
    #expect(rows[1].motion.flowSmoothTV == field.flowSmoothTV)
    #expect(rows[1].motion.divCurlEnergy == field.divCurlEnergy)
    #expect(rows[1].errors == errors.summary())
  }

  @Test func severalSamplesHaveTheMeanOfTheirDistances() throws {
    let alone = [rows(samples: [near])[1].motion, rows(samples: [far])[1].motion]
    let both = rows(samples: [near, far])
    let found = try #require(both[1].motion.fvmd)
    let parts: [KeyPath<MotionDistance, Double>] = [\.velocity, \.acceleration, \.combined]
    for part in parts {
      let expected = alone.compactMap { $0.fvmd?[keyPath: part] }.reduce(0, +) / 2
      #expect(abs(found[keyPath: part] - expected) < 1e-9 * expected)
    }
    let field = alone.compactMap(\.flowSmoothTV).reduce(0, +) / 2
    #expect(abs((both[1].motion.flowSmoothTV ?? 0) - field) < 1e-12)
    // The baselines' rows do not depend on the model.
    let baselines = rows(samples: [far]).dropFirst(2).map(\.motion)
    #expect(baselines == both.dropFirst(2).map(\.motion))
  }

  @Test func pointsOnNoGridHaveErrorsAlone() {
    var benchmark = TrajectoryBenchmark(futureFrames: 12, samplesPerClip: 1, grid: nil)
    let (history, truth) = clip(1)
    benchmark.add(history: history, truth: truth, samples: [truth], grid: nil)
    let rows = benchmark.rows()
    let nothing = MotionSummary(fvmd: nil, flowSmoothTV: nil, divCurlEnergy: nil)
    let motions = rows.map(\.motion)
    #expect(motions == Array(repeating: nothing, count: 6))
    #expect(rows[1].errors?.all.ade == 0)
  }
}
