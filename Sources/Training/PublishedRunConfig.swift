/// The configuration of a run, which the authors of the method have in a form of their own too.
public protocol PublishedRunConfig: Codable, Sendable {
  /// Theirs as ours and back.
  static var published: ConfigTranslation { get }

  var run: RunConfig { get set }

  /// - Throws: `ConfigError` that names the key and what it must agree with.
  func validate() throws
}

extension StrictConfig {
  /// Reads and validates a configuration, ours or the authors', whichever it is.
  /// - Returns: the configuration, and what became of the authors' keys if it is theirs.
  /// - Throws: `ConfigError` under the key that stands in the file.
  public static func loadEither<Config: PublishedRunConfig>(
    _ type: Config.Type, from path: String, overrides: [String] = []
  ) throws -> (config: Config, report: ConfigTranslation.Report?) {
    let (config, report) = try load(
      type, from: path, overrides: overrides, translating: Config.published)
    do { try config.validate() } catch var error as ConfigError {
      let isOverridden = overrides.contains { $0.hasPrefix("\(error.key)=") }
      if report != nil, !isOverridden {
        error = Config.published.inTheirWords(error)
        error.source = path
      }
      throw error
    }
    return (config, report)
  }
}
