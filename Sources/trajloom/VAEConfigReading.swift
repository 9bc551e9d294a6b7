import Training
import TrajLoomVAE

/// A VAE's configuration, ours or the authors'; what becomes of the authors' keys is printed.
/// - Throws: `ConfigError`
func readVAEConfig(_ path: String, overrides: [String] = []) throws -> VAERunConfig {
  try readVAEConfigOfEither(path, overrides: overrides).config
}

/// The same, and whether it is the authors'.
func readVAEConfigOfEither(
  _ path: String, overrides: [String] = []
) throws -> (config: VAERunConfig, isTheirs: Bool) {
  let (config, report) = try StrictConfig.load(
    VAERunConfig.self, from: path, overrides: overrides, translating: VAERunConfig.published)
  try config.validate()
  if let report {
    say("\(path): \(VAERunConfig.published.origin)")
    report.lines.forEach(say)
  }
  return (config, report != nil)
}
