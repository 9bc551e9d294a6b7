import Autograd
import Foundation
import Training
import TrajLoomVAE

/// A configuration of any kind, the authors' from ours or ours from theirs.
/// - Throws: `ConfigError`
func convertConfig(_ input: String, to output: String) throws {
  guard (output as NSString).pathExtension.lowercased() == "json" else {
    throw ConfigError(key: output, expected: "a name that ends in .json", found: output)
  }
  func convert<Config: RunKind>(_ type: Config.Type) throws {
    let (config, isTheirs) = try readEitherConfig(type, input)
    if isTheirs {
      try AtomicFile.write(Data((StrictConfig.text(config) + "\n").utf8), to: output)
    } else {
      try writeTheirs(config, from: input, to: output)
    }
  }
  let kind: any RunKind.Type = try runKind(ofConfig: input) ?? VAERunConfig.self
  try convert(kind)
  say(output)
}

private func writeTheirs<Config: RunKind>(
  _ config: Config, from input: String, to output: String
) throws {
  if let (key, found, expected) = config.unpublished {
    throw ConfigError(
      source: input, key: key,
      problem: "expected \(expected), which is all that the published code has, found \(found)")
  }
  var blocks: [String: Data] = [:]
  if let config = config as? any LatentRunKind {
    let key = type(of: config).vaeBlock
    blocks[key] = publishedBlock(ofVAE: config.data.cache.vae)
    if blocks[key] == nil {
      say("  without \(key): data.vae, \(config.data.cache.vae), is no run here that has one")
    }
  }
  let (json, left) = try Config.published.theirs(config, adding: blocks)
  say("  without a place there:")
  for key in left { say("    \(key)") }
  try AtomicFile.write(json, to: output)
}

/// The authors' description of a VAE; nil if there is no such run, or none that they could have.
private func publishedBlock(ofVAE run: String) -> Data? {
  guard let config = try? Checkpoint(at: run).config(VAERunConfig.self), config.unpublished == nil,
    let json = try? VAERunConfig.published.theirs(config).json,
    let object = try? JSONSerialization.jsonObject(with: json) as? [String: Any],
    let block = (object[VAERunConfig.published.marker] as? [String: Any])?["config"]
  else { return nil }
  return try? JSONSerialization.data(withJSONObject: block)
}
