import Foundation
import TestSupport
import Testing

/// Runs that die, or run out of disk, at every single file operation: each can be continued, and
/// ends in what an undisturbed run ends in.
@Suite(.serialized)
struct SaveFaultTests {
  /// Three saves, the last of which removes the first; every validation may move `best`.
  private let settings = [
    "train.max_steps=3", "train.save_every=1", "train.val_every=1", "train.keep_best=vepe_px",
    "train.gradient_accumulation_steps=1",
  ]

  /// The calls of a run with which it changes files of its folder, in order.
  private func calls() throws -> [FaultyProgram.Call] {
    let run = try FaultRuns(FaultRuns.vae, settings)
    let program = try FaultyProgram(run.arguments(), on: run.name)
    #expect(program.ending == .exited(0), "\(program.errors)")
    #expect(Set(program.calls.map(\.name)).isSuperset(of: ["open", "write", "fsync", "rename"]))
    run.remove()
    return program.calls
  }

  @Test func killsAtEveryFileOperation() throws {
    let expected = try FaultRuns.undisturbed(FaultRuns.vae, settings)
    let calls = try calls()
    #expect(calls.count > 100, "\(calls.count)")
    let best = String(decoding: expected["best"] ?? Data(), as: UTF8.self).suffix(2).first
    let kept = Set(["step-0000002", "step-0000003", "step-000000\(best ?? "0")"]).sorted()
    try FaultRuns.each(calls) { call in
      let run = try FaultRuns(FaultRuns.vae, settings)
      let isWrite = call.name.contains("write")
      let cut = try FaultyProgram(
        run.arguments(), isWrite ? .torn : .kill, at: call.number, on: run.name)
      #expect(cut.ending == .killed(signal: SIGKILL), "\(call)")
      try run.finish()
      try run.expectResults(expected, "killed at \(call.name) \(call.number), \(call.path)")
      // Nothing half done stays, and what was to go is gone.
      let checkpoints = try FileManager.default.contentsOfDirectory(
        atPath: "\(run.path)/checkpoints")
      #expect(checkpoints.sorted() == kept, "\(call)")
      for folder in [run.path, "\(run.path)/checkpoints"] {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(!names.contains { $0.contains(".partial-") || $0.contains(".removed-") })
      }
      run.remove()
    }
  }

  /// No room from some operation of the second save on: the first checkpoint is intact, the message
  /// has the figures, and with room again the run goes on.
  @Test func fullDisksAreReportedAndLoseNothing() throws {
    let kinds = "open,write,fsync,rename,mkdir"
    let expected = try FaultRuns.undisturbed(FaultRuns.vae, settings)
    let counted = try FaultRuns(FaultRuns.vae, settings)
    let save = "/checkpoints/step-0000002"
    let calls = try FaultyProgram(
      counted.arguments(), of: kinds, on: counted.name + save
    ).calls
    #expect(calls.count > 20, "\(calls.count)")
    try FaultRuns.each(calls) { call in
      let run = try FaultRuns(FaultRuns.vae, settings)
      let full = try FaultyProgram(
        run.arguments(), .noSpace, at: call.number, count: 0, of: kinds, on: run.name + save)
      #expect(full.ending == .exited(6), "\(call): \(full.errors)")
      let message = full.errors.split(separator: "\n").last ?? ""
      #expect(
        message.contains("the disk is full: expected ") && message.contains(" bytes) free, found ")
          && message.contains("the previous checkpoint is intact"), "\(call): \(message)")
      let left = try FileManager.default.contentsOfDirectory(atPath: "\(run.path)/checkpoints")
      #expect(left == ["step-0000001"], "\(call): \(left)")
      try run.finish()
      try run.expectResults(expected, "full at \(call.name) \(call.number), \(call.path)")
      run.remove()
    }
  }

  @Test(arguments: [
    "metrics.jsonl", "timing.jsonl", "run.json", "config.json", "latest", "best", "lock",
    "events.out",
  ])
  func noRoomForOneFile(_ file: String) throws {
    let expected = try FaultRuns.undisturbed(FaultRuns.vae, settings)
    let run = try FaultRuns(FaultRuns.vae, settings)
    let full = try FaultyProgram(
      run.arguments(), .noSpace, count: 0, of: "open,write,fsync,rename", on: "\(run.name)/\(file)")
    #expect(full.ending == .exited(6), "\(full.errors)")
    #expect(full.errors.split(separator: "\n").last?.contains(file) == true, "\(full.errors)")
    try run.finish()
    try run.expectResults(expected, "no room for \(file)")
  }

  @Test func brokenDisksAreReported() throws {
    let expected = try FaultRuns.undisturbed(FaultRuns.vae, settings)
    let run = try FaultRuns(FaultRuns.vae, settings)
    let broken = try FaultyProgram(
      run.arguments(), .inputOutputError, of: "fsync", on: "\(run.name)/checkpoints/step-0000002")
    #expect(broken.ending == .exited(6), "\(broken.errors)")
    #expect(broken.errors.contains("Input/output error"), "\(broken.errors)")
    try run.finish()
    try run.expectResults(expected, "after an input/output error")
    // A write that takes half of the bytes is no error.
    let slow = try FaultRuns(FaultRuns.vae, settings)
    let short = try FaultyProgram(
      slow.arguments(), .short, count: 0, of: "write", on: "\(slow.name)/checkpoints")
    #expect(short.ending == .exited(0), "\(short.errors)")
    try slow.expectResults(expected, "short writes")
  }
}
