import Foundation
import Testing

@testable import TrajLoomBench

@Suite struct MetricsTableTests {
  private let table = MetricsTable(
    columns: [
      .init(key: "ade", title: "ADE", group: "points", unit: .pixels),
      .init(key: "miss_rate", title: "miss", group: "points", unit: .share),
      .init(key: "f1", title: "F1", group: "visibility", unit: .score),
    ],
    rows: [
      .init(
        name: "model", values: ["ade": 3.14159, "miss_rate": 0.125, "f1": 0.9],
        errorByFrame: [1, nil]),
      .init(name: "static", values: ["ade": 123.4, "miss_rate": nil, "f1": .nan]),
    ])

  @Test func textIsAligned() {
    #expect(
      table.text == """
        points       ADE   miss
          model     3.14  12.5%
          static  123.40      -

        visibility     F1
          model     0.900
          static      nan

        """)
  }

  @Test func jsonComesBack() throws {
    let back = try MetricsTable(json: table.json())
    #expect(back.columns == table.columns)
    #expect(back.rows[0] == table.rows[0])
    #expect(back.rows[1].values["miss_rate"] == .some(nil))
    #expect((back.rows[1].values["f1"] ?? nil)?.isNaN == true)
    #expect(try String(decoding: table.json(), as: UTF8.self).contains("\"error_by_frame\""))
  }

  private func summary(_ base: Double, jitter: Double? = nil) -> ReconstructionSummary {
    ReconstructionSummary(
      vepe: base, vepeHistory: base + 1, vepeFuture: base + 2, velocityError: base + 3,
      neighborError: base + 4, jitter: jitter ?? base + 5)
  }

  /// Three seeds with 0.1, 0.2 and 0.6: mean 0.3, deviation sqrt((0.04 + 0.01 + 0.09) / 2) = 0.2646.
  @Test func seedsBecomeMeanAndDeviation() throws {
    let table = MetricsTable(reconstructions: [
      .init(name: "truth", summaries: [summary(0, jitter: 0.25)]),
      .init(name: "rec", seeds: [1, 2, 3], summaries: [summary(0.1), summary(0.2), summary(0.6)]),
    ])
    #expect(
      table.text == """
        VEPE, px            all        history         future
          truth           0.000          1.000          2.000
          rec     0.300 ± 0.265  1.300 ± 0.265  2.300 ± 0.265

        differences  velocity, px/frame  neighbour, px  jitter, px/frame²
          truth                   3.000          4.000              0.250
          rec             3.300 ± 0.265  4.300 ± 0.265      5.300 ± 0.265

        """)
    let back = try MetricsTable(json: table.json())
    #expect(back.rows[0].deviations == nil && back.rows[0].seeds == nil)
    let deviation = try #require(back.rows[1].deviations?["vepe_px"])
    #expect(abs(deviation - 0.26457513) < 1e-6 && back.rows[1].seeds == [1, 2, 3])
  }

  @Test func everyColumnOfASummaryHasItsOwnValue() {
    func group(_ base: Double) -> TrajectorySummary.Group {
      .init(
        ade: base, fde: base + 1, minADE: base + 2, minFDE: base + 3, missRate: base + 4,
        boundaryJump: base + 5, diversity: base + 6, errorByFrame: [base], visiblePoints: 1)
    }
    let summary = TrajectorySummary(
      clips: 1, samples: 4, all: group(0), moving: group(7), visibilityAccuracy: 14,
      visibilityF1: 15)
    let motion = MotionSummary(
      fvmd: MotionDistance(velocity: 17, acceleration: 18, combined: 16), flowSmoothTV: 19,
      divCurlEnergy: 20)
    let table = MetricsTable(trajectories: [.init(name: "model", errors: summary, motion: motion)])
    #expect(table.columns.map { table.rows[0].values[$0.key] ?? nil } == (0..<21).map(Double.init))
    #expect(table.columns[2].title == "minADE_4")
    #expect(table.rows[0].errorByFrame == [0])
  }

  /// The truth has no errors to be listed, and a prediction whose FVMD cannot be had is listed.
  @Test func aBlockLeavesOutRowsOfWhichItSaysNothing() throws {
    let errors = TrajectoryErrors(futureFrames: 1, samplesPerClip: 1).summary()
    let table = MetricsTable(trajectories: [
      .init(
        name: "ground truth", errors: nil,
        motion: MotionSummary(fvmd: nil, flowSmoothTV: 0.0123456, divCurlEnergy: 1234.5)),
      .init(
        name: "model", errors: errors,
        motion: MotionSummary(
          fvmd: MotionDistance(velocity: 1, acceleration: 2, combined: 3626.04), flowSmoothTV: nil,
          divCurlEnergy: nil)),
    ])
    #expect(
      table.text.hasSuffix(
        """
        visibility  accuracy  F1
          model            -   -

        motion            FVMD  velocity  acceleration  FlowTV   DivCurl
          ground truth       -         -             -  0.0123  1.23e+03
          model         3626.0       1.0           2.0       -         -

        """))
    let back = try MetricsTable(json: table.json())
    #expect(back == table)
  }
}
