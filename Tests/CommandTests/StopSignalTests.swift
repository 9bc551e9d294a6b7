import Foundation
import TestSupport
import Testing

/// Signals at every stage of a run.
@Suite(.serialized)
struct StopSignalTests {
  /// In the middle of a step's logging, which is before its validation and its save.
  @Test(arguments: [SIGTERM, SIGINT, SIGUSR1])
  func signalsSaveAndStop(_ signal: Int32) throws {
    let expected = try FaultRuns.undisturbed(FaultRuns.vae)
    try FaultRuns.each(Array(1...10)) { line in
      let run = try FaultRuns(FaultRuns.vae)
      let stopped = try FaultyProgram(
        run.arguments(), .signal(signal), at: line, of: "write", on: "\(run.name)/metrics.jsonl")
      // The last line of all is that of the last validation: nothing is left to stop.
      #expect(stopped.ending == .exited(line == 10 ? 0 : 75), "\(line): \(stopped.errors)")
      if line < 10 {
        #expect(stopped.errors.contains("; a second signal stops at once"), "\(stopped.errors)")
        let said = try #require(stopped.errors.firstMatch(of: /saved at step (\d)/))
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(run.path)/checkpoints")
        #expect(names.max() == "step-000000\(said.output.1)", "\(names), \(stopped.errors)")
      }
      try run.finish()
      try run.expectResults(expected, "stopped at line \(line)")
      run.remove()
    }
  }

  /// Line 4 is that of step 4, whose validation is due.
  @Test func aValidationThatWasCutOffIsDoneLater() throws {
    let expected = try FaultRuns.undisturbed(FaultRuns.vae)
    let run = try FaultRuns(FaultRuns.vae)
    let stopped = try FaultyProgram(
      run.arguments(), .signal(SIGTERM), at: 4, of: "write", on: "\(run.name)/metrics.jsonl")
    #expect(stopped.ending == .exited(75), "\(stopped.errors)")
    #expect(!stopped.errors.contains("step 4  validation"), "\(stopped.errors)")
    // It is done first of all, and again if that comes to nothing: here after its line was written.
    let killed = try FaultyProgram(
      run.arguments(), .killAfter, at: 2, of: "write", on: "\(run.name)/metrics.jsonl")
    #expect(killed.ending == .killed(signal: SIGKILL), "\(killed.errors)")
    let log = try String(contentsOfFile: "\(run.path)/metrics.jsonl", encoding: .utf8)
    #expect(log.contains("\"kind\":\"validation\",\"step\":4"), "\(log)")
    let program = try run.finish()
    #expect(program.errors.contains("step 4  validation"), "\(program.errors)")
    try run.expectResults(expected, "validated later")
  }

  @Test func signalsDuringASaveWaitForIt() throws {
    let expected = try FaultRuns.undisturbed(FaultRuns.vae)
    let run = try FaultRuns(FaultRuns.vae)
    let stopped = try FaultyProgram(
      run.arguments(), .signal(SIGTERM), at: 3, of: "write",
      on: "\(run.name)/checkpoints/step-0000003")
    #expect(stopped.ending == .exited(75), "\(stopped.errors)")
    #expect(stopped.errors.contains("saving already"), "\(stopped.errors)")
    #expect(stopped.errors.contains("saved at step 3"), "\(stopped.errors)")
    try run.finish()
    try run.expectResults(expected, "stopped while saving")
  }

  /// A disk that does not answer, to a step or to a validation: what waits for it is given up.
  @Test(arguments: [1, 4])
  func signalsDoNotWaitForData(_ validation: Int) throws {
    let settings = ["train.val_every=\(validation)"]
    let expected = try FaultRuns.undisturbed(FaultRuns.vae, settings)
    let run = try FaultRuns(FaultRuns.vae, settings)
    // As many reads as a run of one step makes: opening the shards, and what is read ahead.
    let counted = try FaultRuns(
      FaultRuns.vae, ["train.max_steps=1", "train.prefetch_batches=1", "train.val_max_batches=1"])
    let reads = try FaultyProgram(counted.arguments(), of: "read", on: "/shards/").calls.count
    let program = try LiveProgram(
      run.arguments(["train.prefetch_batches=1"]),
      environment: try FaultyProgram.environment(
        .stall(milliseconds: 60_000), at: reads + 1, count: 0, of: "read", on: "/shards/"))
    program.wait("a step") { $0.errors.contains("step 1/8") }
    Thread.sleep(forTimeInterval: 0.5)  // until it waits
    let start = Date()
    program.signal(SIGTERM)
    #expect(program.end() == 75, "\(program.errors)")
    #expect(Date().timeIntervalSince(start) < 30, "\(program.errors)")
    #expect(program.errors.contains("SIGTERM: "), "\(program.errors)")
    try run.finish()
    try run.expectResults(expected, "stopped while waiting for data")
  }

  /// The time that is printed is kept, and a second signal does not wait for it.
  @Test func theGraceTimeIsPrintedAndKept() throws {
    // Steps alone: what was not timed yet, such as the first report, has no time to keep.
    let long = [
      "train.max_steps=100000", "train.lr_schedule=constant", "train.log_every=1000",
      "train.val_every=100000",
    ]
    let run = try FaultRuns(FaultRuns.vae, long)
    let program = try LiveProgram(run.arguments())
    program.wait("a checkpoint") { _ in
      FileManager.default.fileExists(atPath: "\(run.path)/latest")
    }
    let start = Date()
    program.signal(SIGTERM)
    #expect(program.end() == 75, "\(program.errors)")
    let line = try #require(program.errors.firstMatch(of: /SIGTERM: .*within (\d+)s;/))
    let promised = try #require(Double(line.output.1))
    #expect(Date().timeIntervalSince(start) <= promised)
  }

  @Test func aSecondSignalStopsAtOnce() throws {
    let expected = try FaultRuns.undisturbed(FaultRuns.vae)
    let run = try FaultRuns(FaultRuns.vae)
    let program = try LiveProgram(
      run.arguments(),
      environment: try FaultyProgram.environment(
        .stall(milliseconds: 60_000), of: "fsync", on: "\(run.name)/checkpoints/step-0000006"))
    program.wait("the save of step 6") { _ in
      let names = try? FileManager.default.contentsOfDirectory(atPath: "\(run.path)/checkpoints")
      return names?.contains { $0.hasPrefix("step-0000006") } == true
    }
    program.signal(SIGINT)
    program.wait("the answer") { $0.errors.contains("SIGINT: saving already") }
    let start = Date()
    program.signal(SIGINT)
    #expect(program.end() == 128 + SIGINT)
    #expect(Date().timeIntervalSince(start) < 10)
    try run.finish()
    try run.expectResults(expected, "stopped at once")
  }
}
