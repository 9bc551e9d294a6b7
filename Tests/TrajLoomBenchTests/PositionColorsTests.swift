import Testing

@testable import TrajLoomBench

@Suite struct PositionColorsTests {
  /// Luma of the darkest colour against the darkest background, and no jump between neighbours.
  @Test func coloursAreLightAndSmooth() {
    for row in 0...40 {
      for column in 0...40 {
        let place = SIMD2(Float(column), Float(row)) / 40
        let color = PositionColors.color(at: place)
        #expect((color * RGB(0.299, 0.587, 0.114)).sum() > 0.4)
        #expect(color.max() - color.min() > 0.2, "grey at \(place)")
        let next = PositionColors.color(at: place + SIMD2(0.025, 0.025))
        #expect(((next - color) * (next - color)).sum() < 0.015)
      }
    }
  }

  @Test func blueOnTheLeftYellowOnTheRight() {
    let (left, right) = (
      PositionColors.color(at: SIMD2(0, 0.5)), PositionColors.color(at: SIMD2(1, 0.5))
    )
    #expect(left.z > left.x + 0.2)
    #expect(right.x > right.z + 0.3)
    #expect(PositionColors.color(at: SIMD2(-3, 7)) == PositionColors.color(at: SIMD2(0, 1)))
  }
}
