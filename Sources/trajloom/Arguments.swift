import Foundation
import Training

/// One `--option` of a command.
struct Option: Sendable {
  let name: String
  /// What its value is, such as `DIR`; nil for a switch.
  let value: String?
  let help: String
  /// May stand several times.
  let repeats: Bool

  init(_ name: String, _ value: String?, _ help: String, repeats: Bool = false) {
    self.name = name
    self.value = value
    self.help = help
    self.repeats = repeats
  }
}

/// A command: `trajloom data synth`, `trajloom sample`, ...
struct Command: Sendable {
  /// The words that select it.
  let words: [String]
  let summary: String
  /// What its positional arguments are called; all are required. A last one that ends in `...`
  /// takes the rest.
  var positionals: [String] = []
  var options: [Option] = []
  /// What the help says after the options.
  var details = ""
  /// Left out of lists of commands.
  var isHidden = false
  let run: @Sendable (Arguments) throws -> Void

  var name: String { "trajloom " + words.joined(separator: " ") }

  var help: String {
    let all = options + [Option("--help", nil, "show this")]
    let usage = ([name] + positionals + (options.isEmpty ? [] : ["[options]"])).joined(
      separator: " ")
    let lines = all.map { option in
      let left = option.value.map { "\(option.name) \($0)" } ?? option.name
      let gap = String(repeating: " ", count: max(2, 28 - left.count))
      return "  \(left)\(gap)\(option.help)\(option.repeats ? " (may be repeated)" : "")"
    }
    let more = details.isEmpty ? "" : "\n\n\(details)"
    return "\(summary)\n\nusage: \(usage)\n\n\(lines.joined(separator: "\n"))\(more)"
  }
}

/// The arguments of one call, checked against what the command declares.
struct Arguments {
  private let values: [String: [String]]
  let positionals: [String]
  private let command: Command

  /// - Throws: `ConfigError` for an unknown option (with the nearest known one), a missing value,
  ///   or a wrong number of positional arguments.
  init(_ words: [String], for command: Command) throws {
    var values: [String: [String]] = [:]
    var positionals: [String] = []
    var rest = words[...]
    while let word = rest.popFirst() {
      guard word.hasPrefix("--") else {
        positionals.append(word)
        continue
      }
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts[0])
      guard let option = command.options.first(where: { $0.name == name }) else {
        let near = nearestName(to: name, among: command.options.map(\.name))
        throw ConfigError(
          key: name,
          problem: "unknown option of `\(command.name)`"
            + (near.map { "; did you mean \($0)?" } ?? "; --help lists them"))
      }
      if option.value == nil {
        guard parts.count == 1 else {
          throw ConfigError(key: name, expected: "no value", found: String(parts[1]))
        }
        values[name] = [""]
        continue
      }
      guard let value = parts.count == 2 ? String(parts[1]) : rest.popFirst() else {
        throw ConfigError(key: name, expected: option.value!, found: "nothing")
      }
      guard option.repeats || values[name] == nil else {
        throw ConfigError(key: name, problem: "stands twice, and can be given once")
      }
      values[name, default: []].append(value)
    }
    let takesRest = command.positionals.last?.hasSuffix("...") ?? false
    guard
      positionals.count == command.positionals.count
        || (takesRest && positionals.count > command.positionals.count)
    else {
      throw ConfigError(
        key: command.name,
        problem:
          "expected \(command.positionals.isEmpty ? "no arguments" : command.positionals.joined(separator: " ")), "
          + "found \(positionals.isEmpty ? "none" : positionals.joined(separator: " ")); --help shows the usage"
      )
    }
    self.values = values
    self.positionals = positionals
    self.command = command
  }

  func has(_ name: String) -> Bool { values[name] != nil }
  func all(_ name: String) -> [String] { values[name] ?? [] }
  func string(_ name: String) -> String? { values[name]?.last }

  /// - Throws: `ConfigError` when the option is missing.
  func required(_ name: String) throws -> String {
    guard let value = string(name) else {
      let option = command.options.first { $0.name == name }
      throw ConfigError(
        key: name, problem: "`\(command.name)` needs it: \(name) \(option?.value ?? "")")
    }
    return value
  }

  /// A file to write, once all is computed: its folder must be there before.
  func newFile(_ name: String) throws -> String? {
    guard let path = string(name) else { return nil }
    let folder = (path as NSString).deletingLastPathComponent
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(
      atPath: folder.isEmpty ? "." : folder, isDirectory: &isFolder)
    guard !path.isEmpty, exists, isFolder.boolValue else {
      throw ConfigError(
        key: name, expected: "a file in a folder that exists",
        found: path.isEmpty ? "nothing" : path)
    }
    return path
  }

  /// A whole number from `minimum` to `maximum`.
  func integer(_ name: String, minimum: Int = 1, maximum: Int = 1 << 31) throws -> Int? {
    guard let text = string(name) else { return nil }
    guard let value = Int(text), value >= minimum, value <= maximum else {
      throw ConfigError(
        key: name, expected: "a whole number from \(minimum) to \(maximum)", found: text)
    }
    return value
  }

  /// One of a few words.
  func choice<Choice: RawRepresentable & CaseIterable>(_ name: String, _ type: Choice.Type) throws
    -> Choice?
  where Choice.RawValue == String {
    guard let text = string(name) else { return nil }
    guard let value = Choice(rawValue: text) else {
      let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw ConfigError(key: name, expected: "one of \(known)", found: text)
    }
    return value
  }
}

/// Prints a value as JSON with its keys in snake case and in order, by default on one line.
func printJSON(_ value: some Encodable, _ formatting: JSONEncoder.OutputFormatting = []) throws {
  let encoder = JSONEncoder()
  encoder.keyEncodingStrategy = .convertToSnakeCase
  encoder.outputFormatting = formatting.union(.sortedKeys)
  print(String(decoding: try encoder.encode(value), as: UTF8.self))
}
