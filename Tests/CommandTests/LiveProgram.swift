import Foundation
import TestSupport
import Testing

/// The built program while it runs.
final class LiveProgram {
  private let process = Process()
  private let errorPath: String

  init(_ arguments: [String], environment: [String: String] = [:]) throws {
    errorPath = try TemporaryFolder.path("\(UUID()).err")
    _ = FileManager.default.createFile(atPath: errorPath, contents: nil)
    process.executableURL = Program.url
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: Program.package)
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle(forWritingAtPath: errorPath)
    try process.run()
  }

  var pid: Int32 { process.processIdentifier }

  /// What it has written to standard error so far.
  var errors: String {
    String(decoding: FileManager.default.contents(atPath: errorPath) ?? Data(), as: UTF8.self)
  }

  /// Waits until `condition` holds or the program has ended; half a minute at the most.
  func wait(
    _ what: String, sourceLocation: SourceLocation = #_sourceLocation,
    until condition: (LiveProgram) -> Bool
  ) {
    for _ in 0..<3000 {
      if condition(self) { return }
      Thread.sleep(forTimeInterval: 0.01)
    }
    Issue.record("waited in vain for \(what): \(errors)", sourceLocation: sourceLocation)
  }

  func signal(_ number: Int32) { kill(pid, number) }

  /// Waits for its end.
  /// - Returns: its exit status, or the negative number of the signal that ended it.
  func end() -> Int32 {
    process.waitUntilExit()
    let code = process.terminationStatus
    return process.terminationReason == .uncaughtSignal ? -code : code
  }
}
