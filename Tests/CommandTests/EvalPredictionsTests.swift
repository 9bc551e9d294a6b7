import DataPipeline
import Foundation
import TestSupport
import Testing

/// `trajloom eval` on folders that no command of ours has written.
@Suite struct EvalPredictionsTests {
  /// 5 x 6 points, 6 + 24 frames.
  private struct MadeClip {
    var rows = 5
    var columns = 6
    let frames = 24
    var order = Array(0..<30)
    var hasGrid = true
    let number: Int

    func write(to folder: String) throws {
      let clip = "\(folder)/clip-\(number)"
      let points = order.count
      func place(_ cell: Int, _ time: Int, faster: Float) -> [Float] {
        let phase = Float(time) * 0.2 * faster + Float(cell + 7 * number)
        return [
          Float(cell % columns) * 16 + 9 * sin(phase), Float(cell / columns) * 16 + 5 * cos(phase),
        ]
      }
      func save(_ name: String, frames: Range<Int>, faster: Float) throws {
        let positions = frames.flatMap { time in
          order.flatMap { place($0, time, faster: faster) }
        }
        let visibility = frames.flatMap { time in
          order.map { UInt8(($0 + time) % 7 == 0 ? 0 : 1) }
        }
        try FileManager.default.createDirectory(
          atPath: ("\(clip)/\(name)" as NSString).deletingLastPathComponent,
          withIntermediateDirectories: true)
        try NPYFile.write(
          NPYFile.encode(positions, shape: [frames.count, points, 2]),
          to: "\(clip)/\(name)_tracks.npy")
        try NPYFile.write(
          NPYFile.encode(visibility, shape: [frames.count, points]),
          to: "\(clip)/\(name)_visibility.npy")
      }
      try save("hist", frames: 0..<6, faster: 1)
      try save("gt", frames: 6..<6 + frames, faster: 1)
      try save("sample_00/pred", frames: 6..<6 + frames, faster: 1.1)
      try save("sample_01/pred", frames: 6..<6 + frames, faster: 1.3)
      if hasGrid {
        let places = order.flatMap { [Int64($0 % columns) * 16, Int64($0 / columns) * 16] }
        try NPYFile.write(
          NPYFile.encode(places, shape: [points, 2]), to: "\(clip)/query_xy.npy")
      }
      try Data(#"{"H": 80, "W": 96}"#.utf8).write(to: URL(fileURLWithPath: "\(clip)/meta.json"))
    }
  }

  private func folder(_ clips: [MadeClip]) throws -> String {
    let folder = try TemporaryFolder.make("predictions")
    for clip in clips { try clip.write(to: folder) }
    return folder
  }

  @Test func pointsInAnyOrderHaveTheSameTable() throws {
    let shuffled = Array(0..<30).map { $0 * 7 % 30 }
    let plain = try Program(
      "eval", "--predictions", folder((0..<3).map { MadeClip(number: $0) }))
    let other = try Program(
      "eval", "--predictions",
      folder((0..<3).map { MadeClip(order: $0 == 1 ? shuffled : Array(0..<30), number: $0) }))
    #expect(plain.code == 0, "\(plain.errors)")
    #expect(plain.output == other.output)
    let motion = try #require(plain.output.components(separatedBy: "motion  ").last)
    let rows = motion.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    #expect(rows[1].prefix(5) == ["ground", "truth", "-", "-", "-"], "\(motion)")
    #expect(Double(rows[1].last ?? "") ?? 0 > 0)
    #expect(rows.count == 7 && rows[2].count == 6 && Double(rows[2][1]) ?? 0 > 0, "\(motion)")
    #expect(rows[3].suffix(2) == ["0", "0"], "\(motion)")
  }

  @Test func oneClipAloneHasNoDistance() throws {
    let program = try Program("eval", "--predictions", folder([MadeClip(number: 0)]))
    let motion = try #require(program.output.components(separatedBy: "motion  ").last)
    let rows = motion.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    #expect(program.code == 0 && rows[2][1] == "-" && Double(rows[2][4]) ?? 0 > 0, "\(motion)")
  }

  @Test func withoutAGridTheErrorsAreLeft() throws {
    let program = try Program(
      "eval", "--predictions", folder([MadeClip(hasGrid: false, number: 0)]))
    #expect(program.code == 0 && program.errors.contains("query_xy.npy"), "\(program.errors)")
    #expect(program.output.contains("minADE_2"))
  }

  @Test func severalPredictorsAreRowsOfOneTable() throws {
    let root = try TemporaryFolder.make("predictors")
    func predictor(_ name: String, clips: Range<Int> = 0..<2) throws -> [String] {
      for number in clips { try MadeClip(number: number).write(to: "\(root)/\(name)") }
      return ["--predictions", "\(root)/\(name)"]
    }
    let three =
      try predictor("calm-seed1") + predictor("calm-seed2") + predictor("wild")
    let program = try Program(["eval"] + three + ["--json", "\(root)/table.json"])
    #expect(program.code == 0, "\(program.errors)")
    let rows = program.output.split(separator: "\n")
    #expect(rows.contains { $0.hasPrefix("  calm ") && $0.contains("± 0.00") }, "\(program.output)")
    #expect(rows.contains { $0.hasPrefix("  wild ") && !$0.contains("±") })
    #expect(rows.filter { $0.hasPrefix("  constant_velocity ") }.count == 4)
    #expect(!program.output.contains("predictions"))
    expectFailure(
      3, "other", "predictions of the same clips",
      from: try Program(["eval"] + three + predictor("other", clips: 1..<3)))
    expectFailure(
      2, "--predictions", "wild twice",
      from: try Program(["eval"] + three + ["--predictions", "\(root)/wild"]))
    expectFailure(2, "--predictions", from: try Program("eval"))
  }

  @Test func gridsMustAgree() throws {
    let clips = [
      MadeClip(number: 0), MadeClip(rows: 6, columns: 5, number: 1),
      MadeClip(hasGrid: false, number: 1),
    ]
    expectFailure(
      3, "clip-1/query_xy.npy", "5 x 6", "6 x 5",
      from: try Program("eval", "--predictions", folder([clips[0], clips[1]])))
    expectFailure(
      3, "clip-1/query_xy.npy", "no regular grid",
      from: try Program("eval", "--predictions", folder([clips[0], clips[2]])))
    let faulty = try folder([clips[0]])
    try NPYFile.write(
      NPYFile.encode([Int64](repeating: 0, count: 4), shape: [2, 2]),
      to: "\(faulty)/clip-0/query_xy.npy")
    expectFailure(
      3, "query_xy.npy", "[30, 2]", "[2, 2]",
      from: try Program("eval", "--predictions", faulty))
  }
}
