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
    let leaves = leaves(theirs)
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
  public func theirs(_ config: some Encodable) throws -> Data {
    let ours = leaves(try StrictConfig.object(config))
    var theirs: [String: Any] = [:]
    for (key, rule) in rules {
      switch rule {
      case .taken(let own): if let value = ours[own] { set(key, to: value, in: &theirs) }
      case .fixed(let value, _): set(key, to: parsed(value), in: &theirs)
      case .meaningless: break
      }
    }
    return try JSONSerialization.data(
      withJSONObject: theirs, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
  }

  /// Values by dotted key; lists are values.
  private func leaves(_ json: [String: Any], _ prefix: String = "") -> [String: Any] {
    json.reduce(into: [:]) { result, member in
      let path = prefix.isEmpty ? member.key : "\(prefix).\(member.key)"
      if let block = member.value as? [String: Any] {
        result.merge(leaves(block, path)) { $1 }
      } else {
        result[path] = member.value
      }
    }
  }

  private func set(_ key: String, to value: Any, in json: inout [String: Any]) {
    json = StrictConfig.replacing(
      key.split(separator: ".").map(String.init)[...], by: value, in: json)
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
    guard let theirs = try? object(data, source: path), theirs[translation.marker] != nil else {
      return (try decode(type, data, source: path, overrides: overrides), nil)
    }
    let (ours, report) = try translation.ours(theirs, source: path)
    let text = try JSONSerialization.data(withJSONObject: ours)
    return (try decode(type, text, source: path, overrides: overrides), report)
  }
}
