import Testing

@testable import TrajLoomBench

@Suite struct AxisTicksTests {
  @Test func stepsAreRound() {
    let limits = [0.3, 1, 4.9, 20, 99]
    #expect(limits.map { roundStep(below: $0) } == [0.2, 1, 2, 20, 50])
    #expect(limits.map { roundStep(above: $0) } == [0.5, 1, 5, 20, 100])
  }

  @Test func multiplesIncludeBothEnds() {
    let texts = multiples(of: 0.1, in: -0.1...0.3).map { tickText($0, step: 0.1) }
    #expect(texts == ["-0.1", "0", "0.1", "0.2", "0.3"])
    #expect(multiples(of: 5, in: 1...4).isEmpty)
  }

  @Test func textTellsNeighborsApart() {
    #expect(tickText(1_000_000, step: 200_000) == "1000000")
    #expect(tickText(0.000_15, step: 5e-5) == "0.00015" && tickText(5e-5, step: 5e-5) == "0.00005")
    #expect(tickText(-2.0, step: 0.5) == "-2" && tickText(3e12, step: 1e12) == "3e+12")
    #expect(tickText(1.000_000_02, step: 1e-8) == "1.00000002")
  }
}
