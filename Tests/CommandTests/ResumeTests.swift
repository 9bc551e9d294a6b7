import Foundation
import Synchronization
import TestSupport
import Testing

/// Real processes, killed with SIGKILL wherever it hurts: what they end in is what an undisturbed
/// run ends in, byte for byte.
@Suite(.serialized)
struct ResumeTests {
  /// After every line that the run logs, which is after every step and every validation. What goes
  /// on has another number of threads and another prefetch depth.
  @Test(arguments: FaultRuns.kinds)
  func killsAfterEveryStep(_ kind: FaultRuns.Kind) throws {
    let expected = try FaultRuns.undisturbed(kind)
    let lines = expected["metrics.jsonl"]!.count { $0 == UInt8(ascii: "\n") }
    #expect(lines == 10, "8 steps and 2 validations")
    try FaultRuns.each(Array(1...lines)) { line in
      let run = try FaultRuns(kind)
      let cut = try FaultyProgram(
        run.arguments(), .killAfter, at: line, of: "write", on: "\(run.name)/metrics.jsonl")
      #expect(cut.ending == .killed(signal: SIGKILL))
      let program = try run.finish(
        ["train.prefetch_batches=\(1 + line % 4)"],
        environment: ["TRAJLOOM_THREADS": "\(1 + line % 3)"])
      #expect(program.errors.contains("resuming at step ") == (line > 3), "\(program.errors)")
      try run.expectResults(expected, "killed after line \(line)")
      run.remove()
    }
  }

  /// Again and again, a step or two further each time: several times within an epoch, and at its end.
  @Test(arguments: FaultRuns.kinds)
  func killsInARow(_ kind: FaultRuns.Kind) throws {
    let often = ["train.save_every=1"]
    let expected = try FaultRuns.undisturbed(kind, often)
    let run = try FaultRuns(kind, often)
    var kills = 0
    while kills < 20 {
      // The log's lines are written at once when it is opened again; then one or two for a step,
      // with its validation, and one for the next, whose step is lost.
      let program = try FaultyProgram(
        run.arguments(), .killAfter, at: kills == 0 ? 2 : 4, of: "write",
        on: "\(run.name)/metrics.jsonl")
      guard program.ending == .killed(signal: SIGKILL) else {
        #expect(program.ending == .exited(0), "\(program.errors)")
        break
      }
      kills += 1
    }
    #expect(kills >= 4, "\(kills)")
    try run.expectResults(expected, "killed \(kills) times")
    run.remove()
  }

  /// At moments that no file operation marks: within a step, between its micro-batches.
  @Test(arguments: FaultRuns.kinds)
  func killsWithinSteps(_ kind: FaultRuns.Kind) throws {
    // Four micro-batches a step; a step takes some ten milliseconds.
    let slow = ["train.gradient_accumulation_steps=4", "train.save_every=1"]
    let expected = try FaultRuns.undisturbed(kind, slow)
    let moments = [3, 5].flatMap { line in [1, 3, 6].map { (line, 1000 * $0) } }
    try FaultRuns.each(moments) { line, microseconds in
      let run = try FaultRuns(kind, slow)
      let cut = try FaultyProgram(
        run.arguments(), .killLater(microseconds: microseconds), at: line, of: "write",
        on: "\(run.name)/metrics.jsonl")
      #expect(cut.ending == .killed(signal: SIGKILL))
      try run.finish()
      try run.expectResults(expected, "killed \(microseconds) us after line \(line)")
      run.remove()
    }
  }

  /// While a batch is being read, on the thread that reads ahead.
  @Test func killsWhileReading() throws {
    let often = ["train.save_every=1"]
    let expected = try FaultRuns.undisturbed(FaultRuns.vae, often)
    let counted = try FaultRuns(FaultRuns.vae, often)
    let reads = try FaultyProgram(counted.arguments(), of: "read", on: "/shards/").calls.count
    #expect(reads > 20)
    let kills = Mutex(0)
    let numbers = Array(stride(from: 1, through: reads, by: max(1, reads / 12)))
    try FaultRuns.each(numbers) { number in
      let run = try FaultRuns(FaultRuns.vae, often)
      let cut = try FaultyProgram(
        run.arguments(), .kill, at: number, of: "read", on: "/shards/")
      // How far it reads ahead before it ends is a matter of time.
      if cut.ending == .exited(0) { return run.remove() }
      #expect(cut.ending == .killed(signal: SIGKILL))
      kills.withLock { $0 += 1 }
      try run.finish()
      try run.expectResults(expected, "killed at read \(number)")
      run.remove()
    }
    #expect(kills.withLock { $0 } > numbers.count / 2)
  }

  /// A person sees the first step after a resume; the log has the steps that it would have had.
  @Test func theFirstStepIsShown() throws {
    let rarely = ["train.log_every=5"]
    let expected = try FaultRuns.undisturbed(FaultRuns.vae, rarely)
    let run = try FaultRuns(FaultRuns.vae, rarely)
    let cut = try FaultyProgram(
      run.arguments(), .killAfter, at: 2, of: "write", on: "\(run.name)/metrics.jsonl")
    #expect(cut.ending == .killed(signal: SIGKILL))
    let program = try run.finish()
    #expect(program.errors.contains("resuming at step 3"), "\(program.errors)")
    #expect(program.errors.contains("step 4/8  loss "), "\(program.errors)")
    try run.expectResults(expected, "killed after the validation of step 4")
  }

  // MARK: What may change, and what may not

  @Test func changedDataIsRefusedByName() throws {
    let run = try FaultRuns(FaultRuns.vae)
    try run.finish()
    let other = try TemporaryFolder.make("other-data")
    #expect(try TinyRuns(other).synthesize(seed: 4).code == 0)
    expectFailure(
      4, "was started on other data", "shard-00000.h5 has other contents",
      from: try Program(run.arguments(["data.path=\(other)/shards"])))
  }

  @Test func harmlessKeysAreLoggedAndOthersRefused() throws {
    let run = try FaultRuns(FaultRuns.vae)
    try run.finish()
    let again = try run.finish(["train.log_every=2", "train.keep_last=3"])
    #expect(
      again.errors.contains("going on with train.keep_last: 2 -> 3; train.log_every: 1 -> 2"),
      "\(again.errors)")
    expectFailure(
      4, "another configuration", "train.batch_size: 2 -> 4; train.seed: 42 -> 5",
      from: try Program(run.arguments(["train.batch_size=4", "train.seed=5"])))
  }

  @Test func damagedCheckpointsArePassedOverLoudly() throws {
    let expected = try FaultRuns.undisturbed(FaultRuns.vae)
    let run = try FaultRuns(FaultRuns.vae)
    try run.finish()
    let file = "\(run.path)/checkpoints/step-0000008/optimizer.safetensors"
    var data = try #require(FileManager.default.contents(atPath: file))
    data[data.count / 2] ^= 16
    try data.write(to: URL(fileURLWithPath: file))
    expectFailure(
      4, "optimizer.safetensors", "damaged",
      from: try Program(run.arguments(options: ["--strict"])))
    let program = try run.finish()
    for text in ["WARNING", "optimizer.safetensors: damaged", "resuming at step 6"] {
      #expect(program.errors.contains(text), "\(program.errors)")
    }
    try run.expectResults(expected, "after a flipped bit")
  }

  @Test func onlyTheNewestCheckpointIsContinued() throws {
    let (run, other) = (try FaultRuns(FaultRuns.vae), try FaultRuns(FaultRuns.vae))
    try run.finish()
    try other.finish()
    for path in ["\(run.path)/checkpoints/step-0000006", other.path] {
      expectFailure(
        2, "--resume", "expected the newest checkpoint of \(run.path)",
        from: try Program(run.arguments(options: ["--resume", path])))
    }
    #expect(try Program(run.arguments(options: ["--resume", "\(run.path)/latest"])).code == 0)
    // A run of its own from another's checkpoint.
    let branch = try FaultRuns(FaultRuns.vae)
    let program = try Program(
      branch.arguments(options: ["--resume", "\(other.path)/checkpoints/step-0000006"]))
    #expect(program.code == 0 && program.errors.contains("resuming at step 6"), "\(program.errors)")
    #expect(
      try branch.results()["model.safetensors"] == run.results()["model.safetensors"])
  }

  /// Faulty data is found after the lock was taken: no folder is left.
  @Test func startsThatFailLeaveNoFolder() throws {
    let run = try FaultRuns(FaultRuns.vae)
    expectFailure(3, "nothing there", from: try Program(run.arguments(["data.path=/no/shards"])))
    #expect(!FileManager.default.fileExists(atPath: run.path))
  }

  // MARK: One process a run

  @Test func aSecondProcessIsRefusedAtOnce() throws {
    let expected = try FaultRuns.undisturbed(FaultRuns.vae)
    let run = try FaultRuns(FaultRuns.vae)
    // The first hangs while it saves step 6.
    let first = try LiveProgram(
      run.arguments(),
      environment: try FaultyProgram.environment(
        .stall(milliseconds: 60_000), of: "fsync", on: "\(run.name)/checkpoints/step-0000006"))
    first.wait("the save of step 6") { _ in
      let names = try? FileManager.default.contentsOfDirectory(atPath: "\(run.path)/checkpoints")
      return names?.contains { $0.hasPrefix("step-0000006") } == true
    }
    let start = Date()
    let second = try Program(run.arguments())
    // Far from the minute that the first one hangs.
    #expect(Date().timeIntervalSince(start) < 10)
    expectFailure(
      6, run.name, "pid \(first.pid) on \(ProcessInfo.processInfo.hostName)", "--name", from: second
    )
    first.signal(SIGKILL)
    #expect(first.end() == -SIGKILL)
    let third = try run.finish()
    #expect(third.errors.contains("taken over from pid \(first.pid) on "), "\(third.errors)")
    #expect(third.errors.contains("resuming at step 3"), "\(third.errors)")
    try run.expectResults(expected, "taken over")
  }
}
