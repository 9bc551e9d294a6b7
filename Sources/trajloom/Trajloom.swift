import Autograd
import DataPipeline
import Foundation
import Training

/// The command line: finds the command, runs it, and turns errors into one line and an exit code.
@main
enum Trajloom {
  static let version = "0.1.0"

  static let commands: [Command] = [
    .dataImport, .dataSynth, .dataInspect, .dataVerify, .dataReadForeign, .trainVAE, .trainFlow,
    .trainVisibility,
    .encode, .sample, .eval, .evalVAE, .render, .runs, .convert, .forward, .bench, .benchRead,
    .benchCollapse,
    .doctor,
  ]

  static func main() {
    // A closed pipe is a failed write, not the end of a training.
    signal(SIGPIPE, SIG_IGN)
    do {
      try run(Array(CommandLine.arguments.dropFirst()))
    } catch {
      let (message, code) = report(error)
      writeToStandardError("trajloom: \(message)\n")
      // A thread may still read data that does not come: libraries must not be taken down beside it.
      fflush(nil)
      _exit(code)
    }
  }

  private static func run(_ words: [String]) throws {
    if words.isEmpty || words == ["--help"] || words == ["help"] { return print(help) }
    if words == ["--version"] { return print("trajloom \(version)") }
    let matches = commands.filter { words.starts(with: $0.words) }
    guard let command = matches.max(by: { $0.words.count < $1.words.count }) else {
      let prefix = words.prefix { !$0.hasPrefix("-") }
      let group = commands.filter { $0.words.first == words.first }
      if !group.isEmpty, prefix.count == 1 { return print(overview(group)) }
      let near = nearestName(
        to: prefix.joined(separator: " "), among: commands.map { $0.words.joined(separator: " ") })
      throw ConfigError(
        key: words.joined(separator: " "),
        problem: "unknown command" + (near.map { "; did you mean `trajloom \($0)`?" } ?? "")
          + "; `trajloom --help` lists them")
    }
    let rest = Array(words.dropFirst(command.words.count))
    if rest.contains("--help") { return print(command.help) }
    try command.run(try Arguments(rest, for: command))
  }

  private static func overview(_ commands: [Command]) -> String {
    commands.filter { !$0.isHidden }.map { command in
      let gap = String(repeating: " ", count: max(2, 28 - command.name.count))
      return "  \(command.name)\(gap)\(command.summary)"
    }.joined(separator: "\n")
  }

  private static var help: String {
    """
    Trains and samples TrajLoom models: from 81 past frames of point tracks to plausible next 81.

    usage: trajloom COMMAND [options]

    \(overview(commands))

    `trajloom COMMAND --help` shows a command's options, `trajloom --version` the version.
    Exit codes: 0 done, 2 usage or configuration, 3 data, 4 checkpoint, 5 numerical stop,
    6 resource (disk, memory, lock), 75 stopped by a signal after saving.
    """
  }

  /// Names in a foreign file may hold anything; what a terminal would obey is taken out.
  private static func oneLine(_ text: String) -> String {
    let plain = text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }
    return String(String.UnicodeScalarView(plain))
  }

  /// What to print for an error, on one line, and the exit code.
  private static func report(_ error: any Error) -> (message: String, code: Int32) {
    let message = oneLine("\(error)")
    switch error {
    case let stopped as StoppedBySignal: return ("\(stopped)", 75)
    case is ConfigError: return (message, 2)
    case let error as DataError:
      switch error.kind {
      case .usage: return (message, 2)
      case .data: return (message, 3)
      case .resource: return (message, 6)
      }
    case let error as TrainingError:
      switch error {
      case .numerical: return (message, 5)
      case .checkpoint: return (message, 4)
      case .resource: return (message, 6)
      }
    case is NonFiniteFuture: return (message, 5)
    case is SafetensorsError, is TorchFileError, is StateMismatch: return (message, 4)
    case let error as FileError:
      return (error.isDiskFull ? "\(message); free space and try again" : message, 6)
    default: return ("unexpected: \(message)", 1)
    }
  }
}

/// A job that ended early, in good order, because of a signal.
struct StoppedBySignal: Error, CustomStringConvertible {
  /// What became of it.
  let what: String
  var description: String { "stopped by a signal: \(what)" }
}
