import Foundation
import TestSupport
import Testing

/// What happens to a call that the fault meets; `FaultInjection.h` says it in full.
enum Fault {
  case kill
  case killAfter
  /// Half of a write, then killed.
  case torn
  case noSpace
  case inputOutputError
  /// Half of a read or write, which is no error.
  case short
  case signal(Int32)
  case stall(milliseconds: Int)
  case killLater(microseconds: Int)

  fileprivate var setting: String {
    switch self {
    case .kill: "kill"
    case .killAfter: "kill-after"
    case .torn: "torn"
    case .noSpace: "enospc"
    case .inputOutputError: "eio"
    case .short: "short"
    case .signal(let number): "signal:\(number)"
    case .stall(let milliseconds): "stall:\(milliseconds)"
    case .killLater(let microseconds): "delay-kill:\(microseconds)"
    }
  }
}

/// The built program, or another, with a fault in its file operations.
struct FaultyProgram {
  enum Ending: Equatable {
    case exited(Int32)
    case killed(signal: Int32)
  }

  /// A counted call, numbered from 1.
  struct Call: Equatable {
    let number: Int
    /// The C function, such as `pwrite`.
    let name: String
    /// `from -> to` for a call with two.
    let path: String
  }

  let ending: Ending
  let output: String
  let errors: String
  /// The calls that counted, the last of a killed program included: a run without a fault says how
  /// many there are to meet.
  let calls: [Call]

  /// Runs the program to its end.
  /// - Parameters:
  ///   - fault: nil to count only.
  ///   - number: the first call that it meets, from 1.
  ///   - count: how many in a row it meets; 0 for all from there on.
  ///   - kinds: which calls count, as in `write,rename`; nil for all that change files.
  ///   - path: only calls on paths that contain this count.
  ///   - includesChildren: whether processes that the program starts do the same.
  init(
    _ arguments: [String], _ fault: Fault? = nil, at number: Int = 1, count: Int = 1,
    of kinds: String? = nil, on path: String, includesChildren: Bool = false,
    in folder: String? = nil, environment: [String: String] = [:], executable: URL = Program.url
  ) throws {
    let library = Program.url.deletingLastPathComponent().path + "/libFaultInjection.so"
    try #require(FileManager.default.fileExists(atPath: library), "\(library) is not built")
    let log = try TemporaryFolder.path("\(UUID()).calls")
    var settings = ["LD_PRELOAD": library, "TRAJLOOM_FAULT_PATH": path, "TRAJLOOM_FAULT_LOG": log]
    settings["TRAJLOOM_FAULT_CALLS"] = kinds
    settings["TRAJLOOM_FAULT_CHILDREN"] = includesChildren ? "1" : nil
    if let fault {
      settings["TRAJLOOM_FAULT"] = fault.setting
      settings["TRAJLOOM_FAULT_AT"] = "\(number)"
      settings["TRAJLOOM_FAULT_COUNT"] = "\(count)"
    }
    let program = try Program(
      arguments, in: folder, environment: environment.merging(settings) { $1 },
      executable: executable)
    ending = program.wasKilled ? .killed(signal: program.code) : .exited(program.code)
    (output, errors) = (program.output, program.errors)
    let lines = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""  // none: no call counted
    calls = try lines.split(separator: "\n").map { line in
      let words = line.split(separator: " ", maxSplits: 2)
      return Call(
        number: try #require(Int(words[0])), name: String(words[1]), path: String(words[2]))
    }
  }
}
