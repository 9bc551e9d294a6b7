import Autograd
import Foundation

/// A JSON configuration, strict and complete: a missing key is an error, and so is one that the
/// type does not have. The file is the whole record of a run.
public enum StrictConfig {
  /// Reads `path`, applies `overrides` and decodes.
  ///
  /// - Parameter overrides: `a.b=value`; the key must exist, the value is read as JSON and else as
  ///   a string.
  /// - Throws: `ConfigError` that names the file, the key and the nearest known key.
  public static func load<Config: Codable>(
    _ type: Config.Type, from path: String, overrides: [String] = []
  ) throws -> Config {
    try decode(type, contents(path), source: path, overrides: overrides)
  }

  static func contents(_ path: String) throws -> Data {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ConfigError(source: path, key: "", problem: "no such file, or it cannot be read")
    }
    return data
  }

  /// The outermost object of a strict JSON text.
  static func object(_ data: Data, source: String) throws -> [String: Any] {
    do { _ = try StrictJSON(parsing: data) } catch let error as StrictJSON.SyntaxError {
      throw ConfigError(source: source, key: "", problem: "\(error)")
    }
    let json: Any
    do { json = try JSONSerialization.jsonObject(with: data, options: .fragmentsAllowed) } catch {
      // The syntax is right, so it is a number that no type holds.
      throw ConfigError(
        source: source, key: "", problem: "expected numbers of at most 64 bits, found a larger one")
    }
    guard let json = json as? [String: Any] else {
      throw ConfigError(source: source, key: "", problem: "expected a JSON object of blocks")
    }
    return json
  }

  /// A configuration as a JSON object.
  static func object(_ config: some Encodable) throws -> [String: Any] {
    try object(encoded(config), source: "")
  }

  static func decode<Config: Codable>(
    _ type: Config.Type, _ data: Data, source: String, overrides: [String] = []
  ) throws -> Config {
    var json = try object(data, source: source)
    for override in overrides { try apply(override, to: &json) }

    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let config: Config
    do {
      config = try decoder.decode(type, from: JSONSerialization.data(withJSONObject: json))
    } catch let error as DecodingError {
      if let key = fractionalKey(json, type) {
        throw ConfigError(
          source: source, key: key.path, problem: "expected a whole number, found \(key.value)")
      }
      if let key = unfittingKey(json, type) {
        throw ConfigError(
          source: source, key: key.path,
          problem: "expected a number that is neither too large nor below what is counted, found "
            + "\(key.value)")
      }
      throw describe(error, json, source)
    }
    // What the decoded value cannot write back, the type does not know.
    let known = keyPaths(try JSONSerialization.jsonObject(with: encoded(config)))
    if let unknown = keyPaths(json).subtracting(known).sorted().first {
      throw ConfigError(source: source, key: unknown, problem: unknownKey(unknown, among: known))
    }
    return config
  }

  /// The configuration as JSON text, keys sorted.
  public static func text(_ config: some Encodable) throws -> String {
    String(decoding: try encoded(config), as: UTF8.self)
  }

  /// The differences between two configurations, as `key: old -> new`, leaving out keys under
  /// `ignoring`.
  public static func differences(
    _ old: some Encodable, _ new: some Encodable, ignoring: Set<String>
  ) throws -> [String] {
    let (a, b) = (try leaves(old), try leaves(new))
    return Set(a.keys).union(b.keys).sorted().compactMap { key in
      let ignored = ignoring.contains { key == $0 || key.hasPrefix($0 + ".") }
      guard !ignored, a[key] != b[key] else { return nil }
      return "\(key): \(a[key] ?? "none") -> \(b[key] ?? "none")"
    }
  }

  private static func encoded(_ config: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(config)
  }

  private static func leaves(_ config: some Encodable) throws -> [String: String] {
    leaves(try object(config)).mapValues { "\($0)" }
  }

  /// Values by dotted key. Lists are values, and so are blocks without keys.
  static func leaves(_ json: [String: Any], _ prefix: String = "") -> [String: Any] {
    json.reduce(into: [:]) { result, member in
      let path = prefix.isEmpty ? member.key : "\(prefix).\(member.key)"
      if let block = member.value as? [String: Any], !block.isEmpty {
        result.merge(leaves(block, path)) { $1 }
      } else {
        result[path] = member.value
      }
    }
  }

  /// The key whose number has a fraction that its type does not take. Foundation's decoder says
  /// only that something is not representable, so the keys are tried: with all fractions cut off,
  /// which one brings the failure back?
  private static func fractionalKey<Config: Decodable>(
    _ json: [String: Any], _ type: Config.Type
  ) -> (path: String, value: Double)? {
    let fractional = numbers(json).filter { $0.value.rounded() != $0.value }
    let whole = fractional.reduce(json) {
      replacing($1.path, by: Int(exactly: $1.value.rounded()) ?? 0, in: $0)
    }
    guard decodes(whole, type) else { return nil }
    return fractional.first { !decodes(replacing($0.path, by: $0.value, in: whole), type) }
  }

  /// The key whose number its type does not hold: negative where things are counted, or too large.
  private static func unfittingKey<Config: Decodable>(
    _ json: [String: Any], _ type: Config.Type
  ) -> (path: String, value: Double)? {
    numbers(json).first { decodes(replacing($0.path, by: 1, in: json), type) }
  }

  private static func decodes<Config: Decodable>(
    _ json: [String: Any], _ type: Config.Type
  ) -> Bool {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let data = try? JSONSerialization.data(withJSONObject: json)
    return data.flatMap { try? decoder.decode(type, from: $0) } != nil
  }

  /// The numbers of a configuration, in the order of their keys.
  private static func numbers(_ json: [String: Any]) -> [(path: String, value: Double)] {
    leaves(json).sorted { $0.key < $1.key }.compactMap { path, value in
      (value as? NSNumber).map { (path, $0.doubleValue) }
    }
  }

  // MARK: Overrides

  /// Where an override stands, for messages.
  static let overrideSource = "--set"

  private static func apply(_ override: String, to json: inout [String: Any]) throws {
    guard let separator = override.firstIndex(of: "=") else {
      throw ConfigError(key: "--set \(override)", expected: "key=value", found: "no '='")
    }
    let key = String(override[..<separator])
    let text = String(override[override.index(after: separator)...])
    let value =
      (try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)) ?? text
    let known = keyPaths(json)
    guard known.contains(key) else {
      throw ConfigError(source: overrideSource, key: key, problem: unknownKey(key, among: known))
    }
    let path = key.split(separator: ".").map(String.init)
    // A key that holds text takes text, whatever it looks like.
    let current = path.reduce(json as Any?) { ($0 as? [String: Any])?[$1] }
    json = replacing(
      key, by: current is String ? (value as? String ?? text) : value, in: json)
  }

  /// A configuration with another value under a dotted key.
  static func replacing(_ path: String, by value: Any, in json: [String: Any]) -> [String: Any] {
    replacing(path.split(separator: ".").map(String.init)[...], by: value, in: json)
  }

  private static func replacing(
    _ path: ArraySlice<String>, by value: Any, in json: [String: Any]
  ) -> [String: Any] {
    var json = json
    let key = path.first!
    json[key] =
      path.count == 1
      ? value : replacing(path.dropFirst(), by: value, in: json[key] as? [String: Any] ?? [:])
    return json
  }

  // MARK: Messages

  /// Every key as a dotted path, blocks included.
  private static func keyPaths(_ json: Any, _ prefix: String = "") -> Set<String> {
    guard let object = json as? [String: Any] else { return [] }
    return object.reduce(into: []) { paths, member in
      let path = prefix.isEmpty ? member.key : "\(prefix).\(member.key)"
      paths.insert(path)
      paths.formUnion(keyPaths(member.value, path))
    }
  }

  private static func unknownKey(_ key: String, among known: Set<String>) -> String {
    let nearest = nearestName(to: key, among: known).map { "; did you mean \($0)?" } ?? ""
    return "unknown key\(nearest)"
  }

  private static func describe(
    _ error: DecodingError, _ json: [String: Any], _ source: String
  ) -> ConfigError {
    func path(_ keys: [any CodingKey]) -> String {
      keys.map { $0.intValue.map(String.init) ?? snakeCase($0.stringValue) }.joined(separator: ".")
    }
    func value(at keys: [any CodingKey]) -> Any? {
      keys.reduce(json as Any?) { value, key in
        if let index = key.intValue { return (value as? [Any])?[index] }
        return (value as? [String: Any])?[snakeCase(key.stringValue)]
      }
    }
    switch error {
    case .keyNotFound(let key, let context):
      let name = snakeCase(key.stringValue)
      let missing = path(context.codingPath + [key])
      let siblings = Set((value(at: context.codingPath) as? [String: Any] ?? [:]).keys)
      if let close = nearestName(to: name, among: siblings, within: 2) {
        let wrong =
          path(context.codingPath).isEmpty ? close : "\(path(context.codingPath)).\(close)"
        return ConfigError(
          source: source, key: wrong, problem: "unknown key; did you mean \(missing)?")
      }
      return ConfigError(source: source, key: missing, problem: "this key is missing")
    case .typeMismatch(let type, let context):
      return ConfigError(
        source: source, key: path(context.codingPath),
        problem: "expected \(plainName(type)), found \(shown(value(at: context.codingPath)))")
    case .valueNotFound(let type, let context):
      return ConfigError(
        source: source, key: path(context.codingPath),
        problem: "expected \(plainName(type)), found null")
    case .dataCorrupted(let context):
      return ConfigError(
        source: source, key: path(context.codingPath),
        problem: "\(context.debugDescription), found \(shown(value(at: context.codingPath)))")
    @unknown default:
      return ConfigError(source: source, key: "", problem: "\(error)")
    }
  }

  private static func plainName(_ type: Any.Type) -> String {
    switch type {
    case is Int.Type, is UInt64.Type: "a whole number"
    case is Double.Type, is Float.Type: "a number"
    case is Bool.Type: "true or false"
    case is String.Type: "a string"
    default: "\(type)".hasPrefix("Dictionary") ? "a block of keys" : "\(type)"
    }
  }

  private static func shown(_ value: Any?) -> String {
    guard let value else { return "nothing" }
    if let text = value as? String { return quoted(text) }
    if value is [String: Any] { return "a block of keys" }
    return "\(value)"
  }

  private static func snakeCase(_ name: String) -> String {
    name.map { $0.isUppercase ? "_" + $0.lowercased() : String($0) }.joined()
  }
}

/// The known name with the smallest edit distance, if one is near enough to be meant.
public func nearestName(
  to name: String, among known: some Collection<String>, within limit: Int? = nil
) -> String? {
  let limit = limit ?? max(2, name.count / 3)
  return known.map { (distance: editDistance(name, $0), name: $0) }
    .filter { $0.distance <= limit }.min { ($0.distance, $0.name) < ($1.distance, $1.name) }?.name
}

private func editDistance(_ a: String, _ b: String) -> Int {
  let (a, b) = (Array(a), Array(b))
  var row = Array(0...b.count)
  for i in a.indices {
    var diagonal = row[0]
    row[0] = i + 1
    for j in b.indices {
      let substituted = diagonal + (a[i] == b[j] ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(substituted, row[j] + 1, diagonal + 1)
    }
  }
  return row[b.count]
}
