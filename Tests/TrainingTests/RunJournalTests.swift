import Foundation
import TestSupport
import Testing

@testable import Training

@Test func tornAndLaterLinesAreDropped() throws {
  let folder = try TemporaryFolder.make()
  try trainLine(folder, steps: 4)
  let path = "\(folder)/metrics.jsonl"
  let before = try String(contentsOfFile: path, encoding: .utf8)
  // A later step of a run that died before saving, half a line, and bytes that are no text.
  var torn = Data((before + "{\"kind\":\"train\",\"step\":5,\"loss\":1}\n{\"kind\":\"tra").utf8)
  torn += [0xFF, 0xC0, 0x00]
  try torn.write(to: URL(fileURLWithPath: path))
  #expect(try RunSummary(folder).text.contains("step 5"), "it can be read as it is")
  try trainLine(folder, steps: 6, resume: true)
  let after = try String(contentsOfFile: path, encoding: .utf8)
  #expect(after.hasPrefix(before))
  #expect(after.components(separatedBy: "\"step\":5,").count == 2)
}

@Test func interruptedRunsLogTheSameBytes() throws {
  let (whole, parts) = (try TemporaryFolder.make(), try TemporaryFolder.make())
  func train(_ folder: String, until stop: Int? = nil, resume: Bool) throws {
    struct Cut: Error {}
    let batches = LineObjective.batches {
      if let stop, $0.number >= 2 * stop { throw Cut() }
    }
    do {
      try trainLine(folder, steps: 14, resume: resume, batches: batches) { $0.logEvery = 3 }
    } catch is Cut {}
  }
  try train(whole, resume: false)
  for (index, stop) in [2, 5, 6, 11, nil].enumerated() {
    try train(parts, until: stop, resume: index > 0)
  }
  let expected = try #require(bytes("\(whole)/metrics.jsonl"))
  #expect(bytes("\(parts)/metrics.jsonl") == expected)
  let steps = MetricsLog.lines(of: "\(whole)/metrics.jsonl").map(\.step)
  #expect(steps == [1, 3, 4, 6, 8, 9, 12, 12, 14, 14])
  // The mean of nothing is not zero.
  #expect(String(decoding: expected, as: UTF8.self).contains("\"nothing\":null"))
}

/// Noise is drawn by it: every micro-batch of a run has a number of its own, after a resume too.
@Test func lossesAreToldThePlaceOfTheirBatch() throws {
  final class Places { var all: [BatchPlace] = [] }
  let (folder, places) = (try TemporaryFolder.make(), Places())
  for (index, steps) in [3, 5].enumerated() {
    let objective = LineObjective(beforeLoss: { places.all.append($0) })
    try trainLine(folder, steps: steps, resume: index > 0, objective: objective)
  }
  let training = places.all.filter { $0.number < 1000 }
  #expect(training == (0..<10).map { BatchPlace(number: $0, slots: 0..<4) })
}

@Test func batchesThatFailEndTheRunWithTheirError() throws {
  struct Unreadable: Error {}
  let folder = try TemporaryFolder.make()
  let batches = LineObjective.batches { if $0.number == 11 { throw Unreadable() } }
  #expect(throws: Unreadable.self) { try trainLine(folder, steps: 12, batches: batches) }
  #expect(savedSteps(folder) == [4])
}

/// A reporter that fails ends no training.
@Test func reportersAreToldAndMayFail() throws {
  final class Reporter: RunReporter {
    var events: [String] = []
    func refresh(_ status: RunStatus) throws {
      events.append("\(status.phase.rawValue) \(status.step)")
      throw TrainingError.resource("no room")
    }
    func preview(step: Int) throws { events.append("preview \(step)") }
  }
  let reporter = Reporter()
  let outcome = try trainLine(TemporaryFolder.make(), steps: 9, reporter: reporter) {
    $0.previewEvery = 7
  }
  #expect(outcome == .finished)
  #expect(
    reporter.events == [
      "training 4", "preview 8", "training 8", "preview 9", "training 9", "finished 9",
    ])
}
