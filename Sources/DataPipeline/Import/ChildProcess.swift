import Foundation

/// A program that runs beside this one and answers on its standard output.
struct ChildProcess {
  /// Its exit status, or the signal that ended it.
  enum Ending: Equatable {
    case exit(Int32)
    case signal(Int32)
    /// It took longer than it was given, and was ended.
    case timeout
  }

  let ending: Ending
  /// Everything it wrote to standard output, up to the limit.
  let output: Data
  /// The last line that it wrote to standard error; nil for none.
  let lastError: String?

  /// Runs a program to its end.
  /// - Parameters:
  ///   - limit: the most bytes to read; a program that writes more is ended.
  ///   - seconds: the longest time to wait.
  /// - Throws: `DataError` of kind `.resource` when it cannot be started.
  init(
    _ program: String, _ arguments: [String], environment: [String: String]? = nil, limit: Int,
    seconds: Double
  ) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    if let environment {
      process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    }
    // A file and not a pipe: nobody has to empty it while the output is read.
    let log = FileManager.default.temporaryDirectory
      .appendingPathComponent("trajloom-\(UUID().uuidString).log")
    _ = FileManager.default.createFile(atPath: log.path, contents: nil)
    defer { try? FileManager.default.removeItem(at: log) }
    process.standardError = try? FileHandle(forWritingTo: log)
    process.standardInput = FileHandle.nullDevice
    let pipe = Pipe()
    process.standardOutput = pipe
    do { try process.run() } catch {
      throw DataError(
        "\(program): cannot be started: \(error.localizedDescription); install it again",
        kind: .resource)
    }
    let identifier = process.processIdentifier
    // Killing is safe as long as nobody has waited for the process: its number stays its own.
    let guardian = DispatchWorkItem { kill(identifier, SIGKILL) }
    DispatchQueue.global().asyncAfter(deadline: .now() + seconds, execute: guardian)
    let start = DispatchTime.now().uptimeNanoseconds
    let data = (try? pipe.fileHandleForReading.read(upToCount: limit + 1)) ?? Data()
    if data.count > limit { kill(identifier, SIGKILL) }
    process.waitUntilExit()
    guardian.cancel()
    let elapsed = Double(DispatchTime.now().uptimeNanoseconds - start) * 1e-9
    output = data.prefix(limit)
    if process.terminationReason == .exit {
      ending = .exit(process.terminationStatus)
    } else {
      ending = elapsed >= seconds ? .timeout : .signal(process.terminationStatus)
    }
    let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
    lastError = text.split(whereSeparator: \.isNewline).last.map(String.init)
  }
}
