import Testing
import TrajLoomBench

@Suite struct PointTracksTests {
  @Test func readsFramesThenPoints() {
    let made = tracks([[(1, 2), (3, 4)], [(5, 6), (7, 8)]], hidden: [[1, 0]])
    #expect(made.position(frame: 0, point: 1) == SIMD2(3, 4))
    #expect(made.position(frame: 1, point: 0) == SIMD2(5, 6))
    #expect(made.isVisible(frame: 0, point: 0))
    #expect(!made.isVisible(frame: 1, point: 0))
  }

  @Test func aPositionThatIsNoNumberIsHidden() {
    let made = tracks([[(.nan, 2), (3, .infinity), (4, 4)]])
    #expect((0..<3).map { made.isVisible(frame: 0, point: $0) } == [false, false, true])
  }
}
