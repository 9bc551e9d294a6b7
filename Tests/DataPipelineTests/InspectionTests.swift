import Foundation
import Testing

@testable import DataPipeline

@Test func statisticsOfAKnownSet() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    // Every point moves by 1 px per frame to the right; clip n is n px lower.
    try tiny.write((0..<2).map { tiny.clip($0, source: "one") }, to: folder)
    let report = try inspect(ShardSet(path: folder.path))
    #expect(report.clips == 2 && report.sources == 1 && report.conditions["video"] == 0)
    #expect(report.xRange == [0, 39] && report.yRange == [0, 17])
    #expect(abs(report.meanSpeed - 1) < 1e-6 && abs(report.largestSpeed - 1) < 1e-6)
    #expect(report.largestDisplacement == 7 && report.movingShare == 0)
    #expect(abs(report.meanVisibility - 2.0 / 3) < 0.01)
    #expect(report.etaSquaredAbsolute > 0.9 && report.etaSquaredOffset < 0.1)
    #expect("\(report)".contains("2 clips of 1 sources"))
  }
}

@Test func etaSquaredOfAToy() {
  var values = GridVariance(cells: 2)
  for (x, cell) in [(0.0, 0), (2, 0), (10, 1), (12, 1)] { values.add([x, 0], cell: cell) }
  #expect(abs(values.explainedShare - 100 / 104) < 1e-12)
}

@Test func verifyListsEveryFault() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    let paths = try tiny.write((0..<6).map { tiny.clip($0) }, to: folder)
    var seen: [Int] = []
    let none = verify(folder.path) { done, total, _ in
      #expect(total == 6)
      seen.append(done)
    }
    #expect(none == [] && seen == Array(1...6))
    // A byte in the stored tracks of clip 0, and a file cut short.
    let file = try ShardFile(path: paths[0], schema: .tracks)
    let column = try #require(file.columns.first { $0.name == "tracks" })
    var bytes = try Data(contentsOf: URL(fileURLWithPath: paths[0]))
    bytes[column.chunks[0].offset + 5] ^= 1
    try bytes.write(to: URL(fileURLWithPath: paths[0]))
    let whole = try Data(contentsOf: URL(fileURLWithPath: paths[2]))
    try whole.prefix(500).write(to: URL(fileURLWithPath: paths[2]))
    let faults = verify(folder.path)
    #expect(faults.count == 2)
    let tracks = try #require(faults.first { $0.clip == "clip-0" })
    #expect(tracks.dataset == "tracks" && tracks.shard == paths[0])
    #expect(faults.contains { $0.shard == paths[2] && $0.clip == nil })
    #expect(verify(folder.appendingPathComponent("none").path).count == 1)
  }
}
