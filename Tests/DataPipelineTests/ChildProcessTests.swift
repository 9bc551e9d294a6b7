import Foundation
import Testing

@testable import DataPipeline

private func shell(_ script: String, limit: Int = 1 << 20, seconds: Double = 30) throws
  -> ChildProcess
{
  try ChildProcess("/bin/sh", ["-c", script], limit: limit, seconds: seconds)
}

@Test func childrenAnswerOrSayHowTheyEnded() throws {
  let fine = try shell("echo out; echo first >&2; echo last >&2")
  #expect(fine.ending == .exit(0) && fine.output == Data("out\n".utf8))
  #expect(fine.lastError == "last")
  let failed = try shell("exit 3")
  #expect(failed.ending == .exit(3) && failed.output.isEmpty && failed.lastError == nil)
  let crashed = try shell("kill -SEGV $$")
  #expect(crashed.ending == .signal(SIGSEGV))
  let endless = try shell("ulimit -t 1; while :; do :; done")
  #expect(endless.ending == .signal(SIGXCPU) || endless.ending == .signal(SIGKILL))
  let slow = try shell("exec sleep 60", seconds: 0.3)
  #expect(slow.ending == .timeout)
  let talkative = try shell("exec yes", limit: 1000)
  #expect(talkative.output.count == 1000 && talkative.ending == .signal(SIGKILL))
  let message = dataErrorMessage {
    _ = try ChildProcess("/no/such/program", [], limit: 1, seconds: 1)
  }
  #expect(try #require(message).contains("/no/such/program: cannot be started"))
}

/// What is read in a child cannot take the machine's memory, time or disk.
@Test func foreignFilesAreReadWithLimits() async {
  await #expect(processExitsWith: .success) {
    ForeignHDF5Reader.limitResources()
    let size = ForeignHDF5.memory + 1 << 20
    let room = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    var cpu = rlimit()
    getrlimit(Int32(RLIMIT_CPU.rawValue), &cpu)
    var file = rlimit()
    getrlimit(Int32(RLIMIT_FSIZE.rawValue), &file)
    let isLimited = room == MAP_FAILED && cpu.rlim_cur == 60 && file.rlim_cur == 65536
    exit(isLimited ? 0 : 1)
  }
}
