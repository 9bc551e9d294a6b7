import Foundation

/// A program that runs beside this one and answers on its standard output.
package struct ChildProcess {
  /// Its exit status, or the signal that ended it.
  package enum Ending: Equatable {
    case exit(Int32)
    case signal(Int32)
    /// It took longer than it was given, and was ended.
    case timeout
  }

  package let ending: Ending
  /// Everything it wrote to standard output, up to the limit.
  package let output: Data
  /// The last line that it wrote to standard error; nil for none.
  package let lastError: String?

  /// Runs a program to its end.
  /// - Parameters:
  ///   - limit: the most bytes to read; a program that writes more is ended.
  ///   - seconds: the longest time to wait.
  /// - Throws: `DataError` of kind `.resource` when it cannot be started.
  package init(
    _ program: String, _ arguments: [String], environment: [String: String]? = nil, limit: Int,
    seconds: Double
  ) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    if let environment {
      process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    }
    // A file and not a pipe: nobody has to empty it while the output is read. It has no name any
    // more, so that nothing of it stays, however this process ends.
    let log = try unnamedFile()
    defer { try? log.close() }
    process.standardError = log
    process.standardInput = FileHandle.nullDevice
    let pipe = Pipe()
    process.standardOutput = pipe
    do { try process.run() } catch {
      throw DataError(
        "\(program): cannot be started: \(error.localizedDescription); install it again",
        kind: .resource)
    }
    let end = DispatchWorkItem { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
    DispatchQueue.global().asyncAfter(deadline: .now() + seconds, execute: end)
    let start = DispatchTime.now().uptimeNanoseconds
    let data = (try? pipe.fileHandleForReading.read(upToCount: limit + 1)) ?? Data()
    if data.count > limit { end.perform() }
    process.waitUntilExit()
    end.cancel()
    let elapsed = Double(DispatchTime.now().uptimeNanoseconds - start) * 1e-9
    output = data.prefix(limit)
    if process.terminationReason == .exit {
      ending = .exit(process.terminationStatus)
    } else {
      ending = elapsed >= seconds ? .timeout : .signal(process.terminationStatus)
    }
    let size = (try? log.seekToEnd()) ?? 0
    try? log.seek(toOffset: size - min(size, 4096))
    let text = String(decoding: (try? log.readToEnd()) ?? Data(), as: UTF8.self)
    lastError = text.split(whereSeparator: \.isNewline).last.map(String.init)
  }
}

private func unnamedFile() throws -> FileHandle {
  var template = Array("\(NSTemporaryDirectory())/trajloom-XXXXXX".utf8CString)
  let descriptor = mkstemp(&template)
  guard descriptor >= 0 else {
    throw DataError(
      "\(NSTemporaryDirectory()): no file can be made there (\(String(cString: strerror(errno)))); "
        + "check the disk, or set TMPDIR", kind: .resource)
  }
  unlink(template)
  return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
}
