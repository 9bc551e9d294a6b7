import Testing

@testable import TrajLoomBench

@Suite struct PointGridTests {
  @Test func pointsInAnyOrderStandRowByRow() throws {
    let places: [SIMD2<Float>] = [[40, 8], [0, 24], [20, 8], [40, 24], [0, 8], [20, 24]]
    let grid = try #require(PointGrid(queryPoints: places))
    #expect(grid.rows == 2 && grid.columns == 3)
    #expect(grid.spacing == [20, 16])
    #expect(grid.order == [4, 2, 0, 1, 5, 3])
    #expect(grid.point(row: 1, column: 2) == 3)
  }

  @Test func aSingleRowHasNoSpacingDown() throws {
    let grid = try #require(PointGrid(queryPoints: [[0, 5], [8, 5], [16, 5]]))
    #expect(grid.rows == 1 && grid.columns == 3 && grid.spacing == [8, 1])
  }

  @Test func whatIsNoGridIsNone() {
    let faulty: [[SIMD2<Float>]] = [
      [],
      [[0, 0], [8, 0], [0, 8]],  // a corner is missing
      [[0, 0], [8, 0], [0, 8], [0, 8]],  // and another stands twice
      [[0, 0], [8, 1], [1, 8], [9, 9]],
      [[0, 0], [.nan, 0]],
    ]
    for places in faulty { #expect(PointGrid(queryPoints: places) == nil) }
  }
}
