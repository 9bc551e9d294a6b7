import Foundation

/// How another program's JSON configuration becomes one of ours, key by key, and back. Every key
/// of theirs is accounted for: taken, without meaning here, or refused.
public struct ConfigTranslation: Sendable {
  public enum Rule: Sendable {
    /// The same thing under our key.
    case taken(as: String)
    /// Of no consequence here; why, or what does the same here.
    case meaningless(String)
    /// Understood with this value alone, as JSON; why.
    case fixed(String, String)
  }

  /// What became of a configuration, as lines to print.
  public struct Report: Sendable, Equatable {
    public internal(set) var taken: [String] = []
    public internal(set) var filledIn: [String] = []
    public internal(set) var meaningless: [String] = []

    public var lines: [String] {
      [("taken", taken), ("filled in", filledIn), ("without meaning here", meaningless)].flatMap {
        title, entries in entries.isEmpty ? [] : ["  \(title):"] + entries.map { "    \($0)" }
      }
    }
  }

  /// Whose configurations they are, for messages.
  public let origin: String
  /// A block that theirs have and ours lack: how one is told from the other.
  public let marker: String
  let rules: [String: Rule]
  /// What theirs do not have: dotted keys of ours, values as JSON.
  let filledIn: [String: String]

  public init(
    origin: String, marker: String, rules: [String: Rule], filledIn: [String: String]
  ) {
    (self.origin, self.marker) = (origin, marker)
    (self.rules, self.filledIn) = (rules, filledIn)
  }

  /// Ours from theirs.
  /// - Throws: `ConfigError` for a key that theirs do not have, or a value that is not understood.
  func ours(_ theirs: [String: Any], source: String) throws -> (json: [String: Any], Report) {
    var ours: [String: Any] = [:]
    var report = Report()
    if let dotted = keys(theirs).sorted().first(where: { $0.contains(".") }) {
      throw ConfigError(source: source, key: dotted, problem: "not a key of \(origin)")
    }
    let leaves = StrictConfig.leaves(theirs)
    let taken = Set(
      leaves.keys.compactMap { key in
        if case .taken(let own) = rules[key] { own } else { nil }
      })
    for (key, value) in filledIn.sorted(by: { $0.key < $1.key }) where !taken.contains(key) {
      set(key, to: parsed(value), in: &ours)
      report.filledIn.append("\(key) = \(value)")
    }
    for (key, value) in leaves.sorted(by: { $0.key < $1.key }) {
      switch rules[key] {
      case .taken(let own):
        set(own, to: value, in: &ours)
        report.taken.append(
          own == key ? "\(key) = \(shown(value))" : "\(own) = \(shown(value)), their \(key)")
      case .meaningless(let why):
        report.meaningless.append("\(key): \(why)")
      case .fixed(let expected, let why):
        guard shown(value) == shown(parsed(expected)) else {
          throw ConfigError(
            source: source, key: key, problem: "expected \(expected), found \(shown(value)): \(why)"
          )
        }
        report.meaningless.append("\(key): \(expected), as always here")
      case nil:
        let near = nearestName(to: key, among: rules.keys).map { "; did you mean \($0)?" } ?? ""
        throw ConfigError(
          source: source, key: key, problem: "not a key of \(origin)\(near)")
      }
    }
    return (ours, report)
  }

  /// Theirs from ours: what has a counterpart there, and the fixed values.
  /// - Returns: the JSON, and the keys of ours that it has no place for.
  public func theirs(_ config: some Encodable) throws -> (json: Data, left: [String]) {
    let ours = StrictConfig.leaves(try StrictConfig.object(config))
    var theirs: [String: Any] = [:]
    var left = Set(ours.keys)
    for (key, rule) in rules {
      switch rule {
      case .taken(let own):
        guard let value = ours[own] else { continue }
        set(key, to: value, in: &theirs)
        left.remove(own)
      case .fixed(let value, _): set(key, to: parsed(value), in: &theirs)
      case .meaningless: break
      }
    }
    let json = try JSONSerialization.data(
      withJSONObject: theirs, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    return (json, left.sorted())
  }

  /// An error of the translated configuration, under the key that stands in theirs.
  func inTheirWords(_ error: ConfigError) -> ConfigError {
    let key = rules.first { if case .taken(error.key) = $0.value { true } else { false } }?.key
    guard let key, key != error.key else { return error }
    return ConfigError(source: error.source, key: key, problem: error.problem)
  }

  private func keys(_ json: [String: Any]) -> [String] {
    json.flatMap { key, value in [key] + keys(value as? [String: Any] ?? [:]) }
  }

  private func set(_ key: String, to value: Any, in json: inout [String: Any]) {
    json = StrictConfig.replacing(key, by: value, in: json)
  }

  private func parsed(_ text: String) -> Any {
    let value = try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    guard let value else { preconditionFailure("ConfigTranslation: \(text) is not JSON") }
    return value
  }

  private func shown(_ value: Any) -> String {
    let data = try? JSONSerialization.data(
      withJSONObject: value, options: [.fragmentsAllowed, .withoutEscapingSlashes, .sortedKeys])
    return data.map { String(decoding: $0, as: UTF8.self) } ?? "\(value)"
  }
}

extension StrictConfig {
  /// Reads one of our configurations, or one of another program's where `translation` knows it.
  /// - Returns: the configuration, and what became of the other program's keys.
  /// - Throws: as `load`.
  public static func load<Config: Codable>(
    _ type: Config.Type, from path: String, overrides: [String] = [],
    translating translation: ConfigTranslation
  ) throws -> (config: Config, report: ConfigTranslation.Report?) {
    let data = try contents(path)
    let theirs = try object(data, source: path)
    guard theirs[translation.marker] != nil else {
      return (try decode(type, data, source: path, overrides: overrides), nil)
    }
    let (ours, report) = try translation.ours(theirs, source: path)
    let text = try JSONSerialization.data(withJSONObject: ours)
    do {
      return (try decode(type, text, source: path, overrides: overrides), report)
    } catch let error as ConfigError where error.source == path {
      throw translation.inTheirWords(error)
    }
  }
}
