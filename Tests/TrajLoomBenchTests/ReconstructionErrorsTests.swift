import Testing
import TrajLoomBench

@Suite struct ReconstructionErrorsTests {
  /// Four points, 2 x 2, at the corners of a square of 10 px; all go right by 1 px per frame.
  private func square(
    _ error: (_ frame: Int, _ point: Int) -> Place = { _, _ in (0, 0) }, hidden: Set<[Int]> = []
  ) -> PointTracks {
    tracks(
      (0..<4).map { frame in
        (0..<4).map { point in
          let own = error(frame, point)
          return (Float(10 * (point % 2) + frame) + own.x, Float(10 * (point / 2)) + own.y)
        }
      }, hidden: hidden)
  }

  private func summary(
    _ reconstruction: PointTracks, _ truth: PointTracks,
    _ segment: ReconstructionErrors.Segment = .history
  ) -> ReconstructionSummary {
    var errors = ReconstructionErrors(rows: 2, columns: 2)
    errors.add(segment, reconstruction: reconstruction, truth: truth)
    return errors.summary()
  }

  @Test func aShiftChangesNothingButPositions() {
    let found = summary(square { _, _ in (3, 4) }, square())
    #expect(found.vepe == 5)
    #expect(found.velocityError == 0 && found.neighborError == 0 && found.jitter == 0)
  }

  /// Errors +0.5, -0.5, +0.5, -0.5 of all points alike: positions are off by 0.5, displacements by
  /// 1, and the second difference is 2. Neighbours keep their offsets.
  @Test func alternatingErrorsAreJitter() {
    let found = summary(square { frame, _ in (0, frame % 2 == 0 ? 0.5 : -0.5) }, square())
    #expect(found.vepe == 0.5 && found.velocityError == 1 && found.jitter == 2)
    #expect(found.neighborError == 0)
  }

  /// Point 1 (upper right) alone is off, always by the same (0, 6): one horizontal pair of two and
  /// one vertical pair of two.
  @Test func aPointThatLeavesItsNeighboursIsANeighborError() {
    let found = summary(square { _, point in point == 1 ? (0, 6) : (0, 0) }, square())
    #expect(found.vepe == 1.5 && found.neighborError == 3)
    #expect(found.velocityError == 0 && found.jitter == 0)
  }

  /// Three points in a row, the second row below: the last of a row is no neighbour of the first of
  /// the next one.
  @Test func rowsDoNotWrapAround() {
    let truth = tracks([[(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]])
    let off = tracks([[(0, 0), (1, 0), (2, 7), (0, 1), (1, 1), (2, 1)]])
    var errors = ReconstructionErrors(rows: 2, columns: 3)
    errors.add(.history, reconstruction: off, truth: truth)
    // Four horizontal pairs and three vertical ones, two of them with point 2.
    #expect(errors.summary().neighborError == 2)
    #expect(errors.summary().velocityError == nil && errors.summary().jitter == nil)
  }

  /// Point 1 is hidden in frame 1 of 4, and the wildest error is there.
  @Test func hiddenPointsDoNotCount() {
    let hidden: Set = [[1, 1]]
    let wild = square({ frame, point in [frame, point] == [1, 1] ? (900, 0) : (0, 0) })
    let found = summary(wild, square(hidden: hidden))
    #expect(found == summary(square(), square()))
    // What is left of point 1 in velocity: frames 2 to 3 alone, one displacement of 10 in all.
    let late = square({ frame, point in [frame, point] == [3, 1] ? (5, 0) : (0, 0) })
    let left = summary(late, square(hidden: hidden))
    #expect(left.velocityError == 0.5)
    #expect(left.vepe == 5.0 / 15)
    // In frame 3 two pairs of four; fourteen pairs in all.
    #expect(left.neighborError == 10.0 / 14)
    // Only triples of the other three points: none around frames 1 and 2 of point 1.
    #expect(left.jitter == 0)
  }

  @Test func aTruthThatIsNoNumberIsHidden() {
    let truth = square { frame, point in [frame, point] == [0, 2] ? (.nan, 0) : (0, 0) }
    let found = summary(square { _, _ in (0, 1) }, truth)
    #expect(found.vepe == 1 && found.velocityError == 0 && found.neighborError == 0)
    let broken = summary(square { _, _ in (.nan, 0) }, square())
    #expect(broken.vepe?.isNaN == true && broken.jitter?.isNaN == true)
  }

  @Test func theTruthHasAJitterOfItsOwn() {
    // x = 0, 1, 4, 9: the second difference is 2 everywhere.
    let truth = tracks([[(0, 0)], [(1, 0)], [(4, 0)], [(9, 0)]])
    var errors = ReconstructionErrors(rows: 1, columns: 1)
    errors.add(.history, reconstruction: truth, truth: truth)
    let found = errors.summary()
    #expect(found.jitter == 2 && found.vepe == 0 && found.velocityError == 0)
    #expect(found.neighborError == nil)
  }

  @Test func segmentsArePooledAndKeptApart() {
    var errors = ReconstructionErrors(rows: 2, columns: 2)
    errors.add(.history, reconstruction: square { _, _ in (1, 0) }, truth: square())
    // Frame 0 alone is visible: 4 points beside the 16 of the history.
    let hidden = Set((1..<4).flatMap { frame in (0..<4).map { [frame, $0] } })
    errors.add(.future, reconstruction: square { _, _ in (0, 6) }, truth: square(hidden: hidden))
    let found = errors.summary()
    #expect(found.vepeHistory == 1 && found.vepeFuture == 6 && found.vepe == 2)
    #expect(ReconstructionErrors(rows: 1, columns: 1).summary().vepe == nil)
  }
}
