import Training

/// A run's configuration, ours or the authors'; what becomes of the authors' keys is printed.
/// - Throws: `ConfigError`
func readConfig<Config: RunKind>(
  _ type: Config.Type, _ path: String, overrides: [String] = []
) throws -> Config {
  try readEitherConfig(type, path, overrides: overrides).config
}

/// The same, and whether it is the authors'.
func readEitherConfig<Config: RunKind>(
  _ type: Config.Type, _ path: String, overrides: [String] = []
) throws -> (config: Config, isTheirs: Bool) {
  if let found = try runKind(ofConfig: path), found != type {
    throw ConfigError(
      source: path, key: "",
      problem: "expected a configuration of a \(type.title), found one of a \(found.title); "
        + "`trajloom train \(found.word)` takes it")
  }
  let (config, report) = try StrictConfig.loadEither(type, from: path, overrides: overrides)
  if let report {
    say("\(path): \(type.published.origin)")
    report.lines.forEach(say)
  }
  return (config, report != nil)
}

/// The kind of run that a configuration is of, ours or the authors'; nil when no block tells.
/// - Throws: `ConfigError` for a file that is no configuration at all.
func runKind(ofConfig path: String) throws -> (any RunKind.Type)? {
  let blocks = try StrictConfig.blocks(of: path)
  return runKinds.first { blocks.contains($0.word) || blocks.contains($0.published.marker) }
}
