import Foundation

/// How another program's JSON configuration becomes one of ours, key by key, and back. Every key
/// of theirs is accounted for: taken, without meaning here, or refused.
public struct ConfigTranslation: Sendable {
  public enum Rule: Sendable {
    /// The same thing under our key.
    case taken(as: String)
    /// The same thing under our key as another number, and back.
    case converted(
      as: String, ours: @Sendable (Double) -> Double, theirs: @Sendable (Double) -> Double)
    /// Of no consequence here; why, or what does the same here. In a configuration for them stands
    /// `written`, as JSON, if their program insists on the key.
    case meaningless(String, written: String? = nil)
    /// Understood with this value alone, as JSON; why.
    case fixed(String, String)
    /// Understood with the value of another key of theirs alone; why.
    case equal(to: String, String)

    /// The key of ours that the value becomes.
    fileprivate var own: String? {
      switch self {
      case .taken(let own), .converted(let own, _, _): own
      case .meaningless, .fixed, .equal: nil
      }
    }
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
    let taken = Set(leaves.keys.compactMap { rules[$0]?.own })
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
      case .converted(let own, let convert, _):
        guard let number = value as? NSNumber, !isBoolean(number) else {
          throw ConfigError(
            source: source, key: key, problem: "expected a number, found \(shown(value))")
        }
        let converted = convert(number.doubleValue)
        set(own, to: converted, in: &ours)
        report.taken.append("\(own) = \(shown(converted)), their \(key) = \(shown(value))")
      case .meaningless(let why, _):
        report.meaningless.append("\(key): \(why)")
      case .fixed(let expected, let why):
        guard shown(value) == shown(parsed(expected)) else {
          throw ConfigError(
            source: source, key: key, problem: "expected \(expected), found \(shown(value)): \(why)"
          )
        }
        report.meaningless.append("\(key): \(expected), as always here")
      case .equal(let other, let why):
        guard leaves[other].map({ shown($0) == shown(value) }) ?? true else {
          throw ConfigError(
            source: source, key: key,
            problem: "expected \(shown(leaves[other]!)), as \(other), found \(shown(value)): \(why)"
          )
        }
        report.meaningless.append("\(key): as \(other)")
      case nil:
        let near = nearestName(to: key, among: rules.keys).map { "; did you mean \($0)?" } ?? ""
        throw ConfigError(
          source: source, key: key, problem: "not a key of \(origin)\(near)")
      }
    }
    return (ours, report)
  }

  /// Theirs from ours: what has a counterpart there, the fixed values, and what they insist on.
  /// - Parameter blocks: more of theirs, JSON objects by dotted key, in the place of fixed values.
  /// - Returns: the JSON, and the keys of ours that it has no place for.
  public func theirs(
    _ config: some Encodable, adding blocks: [String: Data] = [:]
  ) throws -> (json: Data, left: [String]) {
    let ours = StrictConfig.leaves(try StrictConfig.object(config))
    var theirs: [String: Any] = [:]
    var left = Set(ours.keys)
    for (key, rule) in rules {
      switch rule {
      case .taken(let own):
        guard let value = ours[own] else { continue }
        set(key, to: value, in: &theirs)
        left.remove(own)
      case .converted(let own, _, let convert):
        guard let value = ours[own] as? NSNumber else { continue }
        set(key, to: convert(value.doubleValue), in: &theirs)
        left.remove(own)
      case .fixed(let value, _): set(key, to: parsed(value), in: &theirs)
      case .meaningless(_, let written):
        if let written { set(key, to: parsed(written), in: &theirs) }
      case .equal: break
      }
    }
    for (key, block) in blocks {
      set(key, to: try StrictConfig.object(block, source: key), in: &theirs)
    }
    let leaves = StrictConfig.leaves(theirs)
    for case (let key, .equal(let other, _)) in rules {
      if let value = leaves[other] { set(key, to: value, in: &theirs) }
    }
    let json = try JSONSerialization.data(
      withJSONObject: theirs, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    return (json, left.sorted())
  }

  /// An error of the translated configuration, under the key that stands in theirs.
  func inTheirWords(_ error: ConfigError) -> ConfigError {
    guard let key = rules.first(where: { $0.value.own == error.key })?.key else { return error }
    return ConfigError(source: error.source, key: key, problem: error.problem)
  }

  /// What to say of a key of theirs where one of ours is expected; nil for a key that they lack.
  func hint(for key: String) -> String? {
    switch rules[key] {
    case .taken(let own): own == key ? nil : "a key of \(origin), which is \(own) here"
    case .converted(let own, _, _): "a key of \(origin), which is \(own) here, another number"
    case .meaningless(let why, _): "a key of \(origin), without meaning here: \(why)"
    case .fixed(let value, _): "a key of \(origin), which is always \(value) here"
    case .equal(let other, _): hint(for: other)
    case nil: nil
    }
  }

  private func isBoolean(_ number: NSNumber) -> Bool {
    shown(number) == "true" || shown(number) == "false"
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
    let isTheirs = theirs[translation.marker] != nil
    var report: ConfigTranslation.Report?
    var text = data
    if isTheirs {
      let (ours, found) = try translation.ours(theirs, source: path)
      text = try JSONSerialization.data(withJSONObject: ours)
      report = found
    }
    do {
      return (try decode(type, text, source: path, overrides: overrides), report)
    } catch let error as ConfigError {
      if error.source == overrideSource, let hint = translation.hint(for: error.key) {
        throw ConfigError(source: overrideSource, key: error.key, problem: hint)
      }
      throw isTheirs && error.source == path ? translation.inTheirWords(error) : error
    }
  }

  /// The names of a configuration's outermost blocks.
  /// - Throws: `ConfigError` for a file that is not a JSON object.
  public static func blocks(of path: String) throws -> Set<String> {
    Set(try object(contents(path), source: path).keys)
  }
}
