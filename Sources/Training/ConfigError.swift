/// A configuration or command-line value that cannot be used: which key, what was expected, what
/// was found.
public struct ConfigError: Error, CustomStringConvertible, Sendable {
  /// The file or option it stands in, when known.
  public var source: String?
  public let key: String
  public let problem: String

  public init(source: String? = nil, key: String, problem: String) {
    self.source = source
    self.key = key
    self.problem = problem
  }

  public init(key: String, expected: String, found: String) {
    self.init(key: key, problem: "expected \(expected), found \(found)")
  }

  public var description: String {
    [source, key.isEmpty ? nil : key, problem].compactMap { $0 }.joined(separator: ": ")
  }
}
