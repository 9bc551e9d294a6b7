import Foundation
import Testing

@testable import DataPipeline

@Test func sineAndCosineMatchTheCLibrary() {
  var worst = 0.0
  for step in -40_000...40_000 {
    // Densely about 0, and up to the bound of 1e5.
    for angle in [Double(step) * 0.00123, Double(step) * 2.4999] {
      let (sine, cosine) = PortableMath.sineAndCosine(angle)
      worst = max(worst, abs(sine - sin(angle)), abs(cosine - cos(angle)))
    }
  }
  // One half of the last place of numbers below 1 from the C library, as much from the rounding.
  #expect(worst < 2.5e-16, "\(worst)")
}

@Test func quarterTurnsAreRight() {
  for turn in -8...8 {
    let (sine, cosine) = PortableMath.sineAndCosine(Double(turn) * Double.pi / 2)
    let expected = [(0.0, 1.0), (1, 0), (0, -1), (-1, 0)][turn & 3]
    #expect(abs(sine - expected.0) < 1e-14 && abs(cosine - expected.1) < 1e-14, "\(turn)")
  }
  let point = PortableMath.direction(Float.pi / 6)
  #expect(abs(point.x - 0.8660254) < 1e-7 && abs(point.y - 0.5) < 1e-7)
}
