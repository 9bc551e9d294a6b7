import Testing
import TrajLoomBench

@Suite struct VisiblePointErrorTests {
  @Test func poolsVisiblePointsOfAllClips() {
    var error = VisiblePointError()
    #expect(error.value == nil)
    let zero = tracks([[(0, 0), (0, 0)], [(0, 0), (0, 0)]])
    let partly = tracks(
      [[(0, 0), (0, 0)], [(0, 0), (0, 0)]], hidden: [[0, 1], [1, 0], [1, 1]])
    error.add(prediction: tracks([[(3, 4), (0, 0)], [(0, 0), (6, 8)]]), truth: zero)  // 15 over 4
    error.add(prediction: tracks([[(0, 5), (9, 9)], [(9, 9), (9, 9)]]), truth: partly)  // 5 over 1
    #expect(error.value == 4)
    #expect(error.count == 5)
  }
}
