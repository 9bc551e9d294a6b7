import Autograd
import Foundation
import TestSupport
import Testing

@testable import Training

@Test func nonFiniteLossesStopBeforeTheUpdate() throws {
  let folder = try TemporaryFolder.make()
  let objective = LineObjective(factors: [5: .nan])  // in step 3
  let error = #expect(throws: TrainingError.self) {
    try trainLine(folder, steps: 6, objective: objective) { $0.saveEvery = 1 }
  }
  #expect(
    error?.description.contains("step 3: the loss is not finite (clips: clip, clip") == true)
  #expect(error?.description.contains("first operation to blame: ") == true, "\(error as Any)")
  #expect(try Checkpoint(at: folder).step() == 2)
  // The weights in memory are still those of step 2, and the checkpoint goes on from there.
  let saved = try SafetensorsFile(path: "\(Checkpoint(at: folder).path)/model.safetensors")
  #expect(
    objective.model.layer.weight.array.scalars == (try saved.array("layer.weight").scalars))
  #expect(try trainLine(folder, steps: 6, resume: true) == .finished)
}

/// An infinite gradient of a finite loss.
@Test func nonFiniteGradientsStop() throws {
  let error = #expect(throws: TrainingError.self) {
    try trainLine(
      TemporaryFolder.make(), steps: 3, objective: LineObjective(factors: [2: 3e38]))
  }
  #expect(error?.description.contains("step 2: ") == true, "\(error as Any)")
}

@Test func nonFiniteStepsCanBeSkipped() throws {
  let folder = try TemporaryFolder.make()
  let outcome = try trainLine(folder, steps: 6, objective: LineObjective(factors: [5: .nan])) {
    $0.onNonfinite = .skip
  }
  #expect(outcome == .finished)
  let weights = try SafetensorsFile(path: "\(Checkpoint(at: folder).path)/model.safetensors")
  #expect(try weights.array("layer.weight").scalars.allSatisfy(\.isFinite))
  let lines = MetricsLog.lines(of: "\(folder)/metrics.jsonl").filter { $0.kind == "train" }
  #expect(lines[1].text.contains("\"skipped\":0.0") && lines[2].text.contains("\"skipped\":1.0"))
  #expect(lines[2].text.contains("\"loss\":null"))
  let state = try Checkpoint(at: folder).state()
  #expect(state.optimizerSteps == 5 && state.updates.skipped == 1)
}

@Test func tenSkippedStepsInARowStop() throws {
  func train(_ bad: Range<Int>) throws -> String? {
    let factors = Dictionary(uniqueKeysWithValues: bad.map { ($0, Float.nan) })
    do {
      try trainLine(TemporaryFolder.make(), steps: 40, objective: LineObjective(factors: factors)) {
        $0.gradientAccumulationSteps = 1
        $0.onNonfinite = .skip
      }
      return nil
    } catch let error as TrainingError { return error.description }
  }
  #expect(try train(5..<14) == nil, "nine")
  let message = try train(5..<15)
  #expect(message?.contains("step 15: ") == true && message?.contains("10th step in a row") == true)
}

/// The count goes on after an interruption: five skipped steps before it and five after it.
@Test func skippedStepsAreCountedOverInterruptions() throws {
  let folder = try TemporaryFolder.make()
  let factors = Dictionary(uniqueKeysWithValues: (5..<15).map { ($0, Float.nan) })
  func train(to steps: Int, resume: Bool) throws {
    try trainLine(
      folder, steps: steps, resume: resume, objective: LineObjective(factors: factors)
    ) {
      $0.gradientAccumulationSteps = 1
      $0.onNonfinite = .skip
    }
  }
  try train(to: 10, resume: false)
  let error = #expect(throws: TrainingError.self) { try train(to: 40, resume: true) }
  #expect(error?.description.contains("step 15: ") == true, "\(error as Any)")
}

@Test func lossSpikesAreSkippedWhenAsked() throws {
  func skipped(zscore: Double, cuts: [Int] = []) throws -> [Int] {
    let folder = try TemporaryFolder.make()
    for (index, steps) in (cuts + [60]).enumerated() {
      try trainLine(
        folder, steps: steps, resume: index > 0,
        objective: LineObjective(factors: [50: 1e6, 20: 1e4])
      ) {
        $0.gradientAccumulationSteps = 1
        $0.lossSpikeZscore = zscore
      }
    }
    let lines = MetricsLog.lines(of: "\(folder)/metrics.jsonl").filter { $0.kind == "train" }
    let counts = lines.compactMap { $0.json["skipped"]?.double }
    return counts.indices.dropFirst().filter { counts[$0] > counts[$0 - 1] }.map { $0 + 1 }
  }
  #expect(try skipped(zscore: 0) == [], "off")
  // Batch 20 comes before there are enough losses to tell what is usual; batch 50 is in step 51.
  #expect(try skipped(zscore: 5) == [51])
  // What is usual is remembered over an interruption.
  #expect(try skipped(zscore: 5, cuts: [37, 48]) == [51])
}

@Test func theGuardKnowsWhatIsUsual() {
  let config = TrainingConfig.line(steps: 1) { $0.lossSpikeZscore = 4 }
  var updates = UpdateGuard()
  for step in 0..<200 {
    #expect(updates.judge(loss: 1 + 0.1 * Float(step % 3), norm: 1, config) == .update)
  }
  #expect(updates.losses.count == UpdateGuard.window)
  #expect(updates.judge(loss: 1.3, norm: 1, config) == .update)
  guard case .skip = updates.judge(loss: 1.6, norm: 1, config) else {
    Issue.record("1.6 is more than four deviations of 0.08 above 1.1")
    return
  }
  #expect(updates.judge(loss: 0.1, norm: 1, config) == .update, "a low loss is no spike")
  #expect(updates.skipped == 1 && updates.skippedInARow == 0)
}
