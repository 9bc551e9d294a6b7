import Foundation
import TestSupport
import Testing

@testable import Training

@Test func trialStepsMeasureAndWriteNothing() throws {
  let folder = try TemporaryFolder.make()
  let path = "\(folder)/run"
  let trial = try TrialStep(LineObjective(), LineObjective.batches(), .line(steps: 5), at: path)
  #expect(trial.loss > 0 && trial.gradientNorm > 0 && trial.seconds > 0)
  #expect(trial.arrayBytes > 0 && (trial.freeBytes ?? 0) > 0)
  #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])

  // What a checkpoint is said to take is about what it takes.
  try trainLine(path, steps: 4)
  let place = "\(path)/checkpoints/step-0000004"
  let sizes = try FileManager.default.contentsOfDirectory(atPath: place).map {
    try #require(bytes("\(place)/\($0)")).count
  }
  let found = sizes.reduce(0, +)
  #expect(found <= trial.checkpointBytes && trial.checkpointBytes < found + 8192, "\(found)")
  #expect(trial.diskBytes == 3 * trial.checkpointBytes)
  let lasting = try TrialStep(
    LineObjective(), LineObjective.batches(),
    .line(steps: 100) {
      $0.keepEvery = 10
      $0.keepBest = "mse"
    }, at: "\(folder)/other")
  // Saved every 4 steps, kept every 10: those of 20, 40, 60, 80 and 100, two, the best, and a new one.
  #expect(lasting.diskBytes == 9 * trial.checkpointBytes)
}

@Test func trialStepsFindWhatTheFirstStepWouldMeet() throws {
  let error = #expect(throws: TrainingError.self) {
    try TrialStep(
      LineObjective(factors: [0: .infinity]), LineObjective.batches(), .line(steps: 5), at: "/tmp")
  }
  #expect(error?.description.contains("first operation to blame") == true, "\(error as Any)")
  let full = #expect(throws: TrainingError.self) {
    try TrialStep(
      LineObjective(), LineObjective.batches(),
      .line(steps: 1 << 60) {
        $0.keepEvery = 1
        $0.saveEvery = 1
      }, at: "/tmp/x/y")
  }
  #expect(
    full?.description.contains("bytes) free for checkpoints, found") == true, "\(full as Any)")
}
