import Foundation
import TestSupport
import Testing

/// That the faults which other tests rely on really happen, in programs that are known to be sound.
struct FaultInjectionTests {
  /// Three writes to two files, in a process of their own.
  private let script = "printf 0123456789 > a; printf abcdef >> a; printf xyz > b; echo ended"
  private let folder: String
  private let files: String

  init() throws {
    folder = try TemporaryFolder.make("faults")
    files = "\(folder)/files".replacingOccurrences(of: "//", with: "/")
    try FileManager.default.createDirectory(atPath: files, withIntermediateDirectories: true)
  }

  private func shell(
    _ script: String? = nil, _ fault: Fault? = nil, at number: Int = 1, count: Int = 1,
    of kinds: String? = "write", on path: String? = nil, includesChildren: Bool = false
  ) throws -> FaultyProgram {
    try FaultyProgram(
      ["-c", script ?? self.script], fault, at: number, count: count, of: kinds, on: path ?? files,
      includesChildren: includesChildren, in: files, executable: URL(fileURLWithPath: "/bin/sh"))
  }

  /// What a file holds; nil when there is none.
  private func text(_ name: String) -> String? {
    FileManager.default.contents(atPath: "\(files)/\(name)").map {
      String(decoding: $0, as: UTF8.self)
    }
  }

  @Test func callsAreCountedAndLogged() throws {
    let sound = try shell(of: nil)
    #expect(sound.ending == .exited(0) && sound.output == "ended\n")
    #expect(sound.calls.map(\.number) == Array(1...9), "\(sound.calls)")
    #expect(
      sound.calls.map { $0.name.prefix(5) } == (0..<3).flatMap { _ in ["open6", "close", "write"] })
    #expect(sound.calls.map(\.path) == "aaaaaabbb".map { "\(files)/\($0)" })
    // What is written to the pipe of standard output is elsewhere.
    #expect(try shell(of: "write").calls.count == 3)
    #expect(try shell(of: "write", on: "files/b").calls.count == 1)
    #expect(try shell(of: "fsync,rename").calls.isEmpty)
    // Reads count when they are named.
    #expect(try shell("read line < a; echo $line", of: nil).calls.isEmpty)
    let reads = try shell("read line < a; echo $line", of: "read,open-read")
    #expect(reads.output == "0123456789abcdef\n")
    #expect(reads.calls.first?.name == "open-read" && reads.calls.last?.name == "read")
  }

  @Test func pathsAreThoseOfNamesDescriptorsAndBothEnds() throws {
    let script = "> a; mkdir d; exec mv -T a d/b"  // the shell itself becomes mv
    let moved = try shell(script, of: "rename", on: "files/d/b")
    #expect(moved.calls.map(\.path) == ["\(files)/a -> \(files)/d/b"])
    let removed = try shell("exec rm -r d", of: nil)
    #expect(removed.calls.map(\.name) == ["unlinkat", "unlinkat"])
    #expect(removed.calls.map(\.path) == ["\(files)/d/b", "\(files)/d"])  // the first by folder
  }

  @Test func killsBeforeAndAfterTheCall() throws {
    let before = try shell(nil, .kill, at: 2)
    #expect(before.ending == .killed(signal: SIGKILL) && before.calls.count == 2)
    #expect(text("a") == "0123456789")
    let after = try shell(nil, .killAfter, at: 2)
    #expect(after.ending == .killed(signal: SIGKILL) && after.calls.count == 2)
    #expect(text("a") == "0123456789abcdef" && text("b") == nil)
    #expect(try shell(nil, .kill, at: 4).ending == .exited(0), "there are three")
  }

  @Test func tornWritesLeaveHalf() throws {
    let torn = try shell(nil, .torn, at: 2)
    #expect(torn.ending == .killed(signal: SIGKILL))
    #expect(text("a") == "0123456789abc")
    #expect(try shell("mkdir d", .torn, of: "mkdir", includesChildren: true).ending != .exited(0))
    #expect(!FileManager.default.fileExists(atPath: "\(files)/d"))
  }

  @Test func errorsAreReportedAndNothingIsDone() throws {
    let once = try shell(nil, .noSpace, at: 2)
    #expect(once.ending == .exited(0) && once.calls.count == 3 && !once.errors.isEmpty)
    #expect(text("a") == "0123456789" && text("b") == "xyz")
    _ = try shell(nil, .inputOutputError, at: 1, count: 2)
    #expect(text("a") == "" && text("b") == "xyz")
    _ = try shell(nil, .noSpace, at: 1, count: 0)
    #expect(text("a") == "" && text("b") == "")
    let full = try shell("mkdir d", .noSpace, of: "mkdir", includesChildren: true)
    #expect(full.errors.contains("No space left on device"), "\(full.errors)")
    let bad = try shell("mkdir d", .inputOutputError, of: "mkdir", includesChildren: true)
    #expect(bad.errors.contains("Input/output error"), "\(bad.errors)")
  }

  @Test func shortWritesAreNoError() throws {
    let short = try shell(nil, .short)
    // The shell writes the rest with another call.
    #expect(short.ending == .exited(0) && short.calls.count == 4 && short.errors.isEmpty)
    #expect(text("a") == "0123456789abcdef")
  }

  @Test func signalsArriveBeforeTheCall() throws {
    let caught = try shell("trap 'cat a; echo caught' USR1; \(script)", .signal(SIGUSR1), at: 2)
    #expect(caught.output == "0123456789abcdefcaught\nended\n")
    #expect(try shell(nil, .signal(SIGTERM), at: 2).ending == .killed(signal: SIGTERM))
    #expect(text("a") == "0123456789")
  }

  @Test func stallsDelayTheCall() throws {
    let clock = ContinuousClock()
    let stalled = try clock.measure { _ = try shell(nil, .stall(milliseconds: 400), count: 2) }
    #expect(stalled > .milliseconds(800), "\(stalled)")
    #expect(text("b") == "xyz")
  }

  @Test func delayedKillsLetTheCallBeDone() throws {
    let killed = try shell("\(script); sleep 20; echo late", .killLater(microseconds: 2_000_000))
    #expect(killed.ending == .killed(signal: SIGKILL))
    #expect(killed.output == "ended\n" && text("b") == "xyz")
  }

  @Test func childrenAreSparedUnlessAskedFor() throws {
    let script = "mkdir d; mkdir e; echo $?"
    let spared = try shell(script, .noSpace, of: "mkdir")
    #expect(spared.output == "0\n" && spared.calls.isEmpty)
    #expect(try shell("(\(self.script)); true").calls.isEmpty, "nor a copy of the shell itself")
    let each = try shell("rmdir d e; \(script)", .noSpace, of: "mkdir", includesChildren: true)
    #expect(each.output == "1\n" && each.calls.map(\.number) == [1, 1])
  }

  @Test func senselessSettingsEndTheProgram() throws {
    let library = Program.url.deletingLastPathComponent().path + "/libFaultInjection.so"
    let settings = ["LD_PRELOAD": library, "TRAJLOOM_FAULT_PATH": "/", "TRAJLOOM_FAULT": "kil"]
    let program = try Program(["--help"], environment: settings)
    #expect(program.code == 120 && program.errors.contains("TRAJLOOM_FAULT cannot be 'kil'"))
  }

  /// Foundation and HDF5 are shared libraries: their calls are met as the program's own are.
  @Test func theProgramsOwnCallsAreMet() throws {
    let arguments = [
      "data", "synth", "--out", "\(folder)/shards", "--clips", "2", "--height", "64", "--width",
      "96", "--frames", "18",
    ]
    let sound = try FaultyProgram(arguments, on: folder)
    #expect(sound.ending == .exited(0), "\(sound.errors)")
    #expect(
      Set(sound.calls.map(\.name)).isSuperset(of: ["open", "pwrite", "fsync", "rename", "mkdir"]),
      "\(sound.calls)")
    try FileManager.default.removeItem(atPath: "\(folder)/shards")
    let rename = try #require(sound.calls.first { $0.name == "rename" })
    let killed = try FaultyProgram(arguments, .kill, at: rename.number, on: folder)
    #expect(killed.ending == .killed(signal: SIGKILL))
    #expect(killed.calls.map(\.name) == sound.calls.prefix(rename.number).map(\.name))
    try FileManager.default.removeItem(atPath: "\(folder)/shards")
    let full = try FaultyProgram(arguments, .noSpace, count: 0, of: "write", on: folder)
    guard case .exited(let code) = full.ending else {
      Issue.record("\(full.ending)")
      return
    }
    #expect(code != 0 && full.errors.contains("trajloom: "), "\(full.errors)")
  }
}
