import Testing

@testable import TrajLoomBench

@Suite struct PointSelectionTests {
  private let grid = (0..<390).map { (point: Int) -> SIMD2<Float> in
    let (row, column) = point.quotientAndRemainder(dividingBy: 26)
    return SIMD2(Float(column), Float(row)) * 32
  }

  @Test func aGridBecomesAChessboard() {
    let picks = PointSelection.spread(grid, moves: grid.map { _ in true }, limit: 200)
    #expect(picks == (0..<390).filter { ($0 % 26 + $0 / 26).isMultiple(of: 2) })
  }

  @Test func movingPointsComeFirst() {
    let moves = grid.indices.map { $0 % 26 < 3 }
    let picks = PointSelection.spread(grid, moves: moves, limit: 100)
    #expect(picks.count <= 100 && picks.count > 60)
    #expect(picks.filter { moves[$0] } == grid.indices.filter { moves[$0] })
  }

  @Test func fewPointsAreAllKeptExceptThoseNowhere() {
    let starts: [SIMD2<Float>] = [.zero, SIMD2(.nan, 1), SIMD2(3, 3), SIMD2(3, 3)]
    let picks = PointSelection.spread(starts, moves: [true, true, false, false], limit: 9)
    #expect(picks == [0, 2, 3])
  }

  @Test func neverMoreThanTheLimit() {
    let same = [SIMD2<Float>](repeating: SIMD2(4, 4), count: 50)
    #expect(PointSelection.spread(same, moves: same.map { _ in true }, limit: 7).count <= 7)
    for limit in [0, 1, 50, 130, 194] {
      let picks = PointSelection.spread(grid, moves: grid.map { _ in false }, limit: limit)
      #expect(picks.count <= limit && picks.count >= limit / 2)
    }
  }
}
