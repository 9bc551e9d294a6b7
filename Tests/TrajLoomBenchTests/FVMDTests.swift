import Testing

@testable import TrajLoomBench

@Suite struct FVMDTests {
  private let grid = TrajLoomBenchTests.grid(rows: 5, columns: 10)
  private let window = FVMD.Window(frames: 8, stride: 2)

  private func measure(
    _ clips: [(truth: PointTracks, predictions: [PointTracks])], _ grid: PointGrid? = nil
  ) throws -> [MotionDistance?] {
    let grid = grid ?? self.grid
    var fvmd = try #require(
      FVMD(
        sets: clips[0].predictions.count, rows: 5, columns: 10, frames: clips[0].truth.frames,
        window: window))
    for clip in clips { fvmd.add(truth: clip.truth, predictions: clip.predictions, grid: grid) }
    return fvmd.distances()
  }

  private func clip(_ seed: UInt64, step: Float = 3) -> PointTracks {
    wandering(grid, frames: 20, seed: seed, step: step)
  }

  /// Few clips and many: before and after rows are folded into sums (64 features, 7 windows each).
  @Test(arguments: [2, 6, 12, 30])
  func theTruthIsNearestAndFasterMotionFurtherAway(clips: Int) throws {
    let found = try measure(
      (0..<UInt64(clips)).map { seed in
        let slow = clip(1000 + seed)
        let fast = clip(2000 + seed, step: 20)
        return (truth: clip(10 + seed), predictions: [clip(10 + seed), slow, fast])
      })
    let distances = found.compactMap { $0 }
    try #require(distances.count == 3)
    #expect(abs(distances[0].combined + 2e-5 * 64) < 1e-4, "\(distances[0].combined)")
    let parts: [KeyPath<MotionDistance, Double>] = [\.velocity, \.acceleration, \.combined]
    for part in parts {
      let values = distances.map { $0[keyPath: part] }
      #expect(abs(values[0]) < 0.01 && values[1] > 0.1 && values[2] > 2 * values[1], "\(values)")
    }
  }

  /// Clips in another order, and points in another order in each.
  @Test func orderDoesNotMatter() throws {
    let clips = (0..<6).map { (truth: clip(UInt64(10 + $0)), predictions: [clip(UInt64(90 + $0))]) }
    let order = shuffled(50, seed: 3)
    let places = grid.order.indices.map {
      SIMD2(Float($0 % grid.columns) * 32, Float($0 / grid.columns) * 32)
    }
    let other = try #require(PointGrid(queryPoints: order.map { places[$0] }))
    let expected = try measure(clips)
    let found = try measure(
      clips.reversed().map {
        ($0.truth.reordered(order), $0.predictions.map { $0.reordered(order) })
      }, other)
    let (a, b) = (expected[0]?.combined ?? 0, found[0]?.combined ?? 1)
    #expect(abs(a - b) < 1e-8 * a, "\(a) \(b)")
    // The order of the points is not without meaning.
    let wrong = try measure(
      clips.map { ($0.truth.reordered(order), $0.predictions.map { $0.reordered(order) }) })
    #expect(abs((wrong[0]?.combined ?? a) - a) > 1e-3)
  }

  @Test func oneWindowHasNoDistance() throws {
    let short = wandering(grid, frames: 8, seed: 1)
    let none = try measure([(short, [short])])
    #expect(none == [nil])
    let two = try measure([(short, [short]), (short, [short])])
    #expect(two[0] != nil)
    var fvmd = try #require(FVMD(sets: 2, rows: 5, columns: 10, frames: 8))
    let empty = fvmd.distances()
    #expect(empty == [nil, nil])
    // A future shorter than the window is one window.
    for _ in 0..<2 { fvmd.add(truth: short, predictions: [short, short], grid: grid) }
    let found = fvmd.distances()
    #expect(found[0] != nil && found[1] != nil)
  }

  @Test func whatHasNoCubeHasNone() {
    #expect(FVMD(sets: 1, rows: 4, columns: 10, frames: 81) == nil)
    #expect(FVMD(sets: 1, rows: 10, columns: 4, frames: 81) == nil)
    #expect(FVMD(sets: 1, rows: 5, columns: 5, frames: 3) == nil)
    #expect(FVMD(sets: 1, rows: 5, columns: 5, frames: 4) != nil)
  }
}
