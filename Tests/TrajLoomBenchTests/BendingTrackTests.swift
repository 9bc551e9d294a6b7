import Testing
import TrajLoomBench

@Suite struct BendingTrackTests {
  private func best(_ truth: PointTracks) -> BendingTrack? {
    BendingTrack.best(in: truth, among: 0..<truth.points)
  }

  /// A straight way, a corner of 10 px, and a smaller corner.
  @Test func theMostBentPathWins() {
    let truth = tracks([
      [(0, 0), (0, 0), (0, 0)], [(50, 0), (10, 10), (10, 5)], [(100, 0), (20, 0), (20, 0)],
    ])
    let found = best(truth)
    #expect(found?.point == 1 && found?.bend == 10)
    #expect(BendingTrack.best(in: truth, among: 2..<3)?.bend == 5)
  }

  /// There and back again: the straight way has no length.
  @Test func aWayThatReturnsIsMeasuredFromItsStart() {
    #expect(best(tracks([[(0, 0)], [(30, 40)], [(0, 0)]]))?.bend == 50)
  }

  /// A bend of 7 px without moving by more than 8, a straight mover, a mover that is hidden once.
  @Test func moversThatAreSeenComeFirst() {
    let frames: [[Place]] = [
      [(0, 0), (0, 0), (0, 0)], [(0, 7), (9, 0), (0, 90)], [(1, 0), (18, 0), (90, 90)],
    ]
    #expect(best(tracks(frames, hidden: [[0, 2]]))?.point == 1)
    #expect(best(tracks(frames, hidden: [[0, 1], [1, 1], [0, 2]]))?.point == 2)
    #expect(best(tracks([[(0, 0)]], hidden: [[0, 0]])) == nil)
  }
}
