import Autograd
import Foundation
import Training
import TrajLoomVAE

extension Command {
  static let convert = Command(
    words: ["convert"],
    summary: "weights and configurations between this program and the published code",
    positionals: ["IN", "OUT"],
    options: [
      Option(
        "--config", "FILE", "the model's configuration, ours or the authors': checks the weights"),
      Option("--key", "NAME", "which weights of a .pt file; also under which to write them"),
      Option("--weights", "ema|raw", "which weights of a run (default ema, if it keeps them)"),
    ],
    details: """
      IN                            OUT
      .pt or .pth of torch.save     .pt                   {key: state_dict} for torch.load
      .safetensors                  .safetensors          the same under the same names
      a run or checkpoint folder    a new folder          a run to encode, evaluate or train on with;
                                                          needs --config
      .json, the authors' or ours   .json                 the other kind

      Names are those of the published state_dict, buffers included. Nothing in a .pt file is executed.
      """
  ) { arguments in
    let (input, output) = (arguments.positionals[0], arguments.positionals[1])
    guard !FileManager.default.fileExists(atPath: output) else {
      throw ConfigError(key: output, problem: "exists already; name a new file or folder")
    }
    let kind = (output as NSString).pathExtension.lowercased()
    if (input as NSString).pathExtension.lowercased() == "json" {
      guard kind == "json" else {
        throw ConfigError(key: output, expected: "a name that ends in .json", found: output)
      }
      return try convertConfig(input, to: output)
    }

    let config = try arguments.string("--config").map { try readVAEConfig($0) }
    let weights = try readWeights(
      input, key: arguments.string("--key"),
      arguments.choice("--weights", Checkpoint.Weights.self) ?? .ema)
    if let config { try check(weights, from: input, against: config.vae) }
    let numbers = weights.values.reduce(0) { $0 + $1.count }
    switch kind {
    case "safetensors":
      try writeSafetensors(weights, metadata: ["format": "pt"], to: output)
    case "pt", "pth":
      try writeTorchFile(weights, key: arguments.string("--key") ?? usualKey(weights), to: output)
    case "":
      guard let config else {
        throw ConfigError(
          key: "--config", problem: "a run needs one: --config FILE, ours or the authors'")
      }
      let path = try Checkpoint.begin(
        run: output, weights: weights, config: StrictConfig.text(config),
        keepsAverage: config.train.loop.emaDecay > 0)
      say("\(path): \(weights.count) tensors, \(numbers) numbers")
      return
    default:
      throw ConfigError(
        key: output, expected: "a name that ends in .pt, .safetensors or .json, or a folder's name",
        found: ".\(kind)")
    }
    say("\(output): \(weights.count) tensors, \(numbers) numbers")
  }
}

/// A VAE's configuration, ours or the authors'; what becomes of the authors' keys is printed.
/// - Throws: `ConfigError`
func readVAEConfig(_ path: String, overrides: [String] = []) throws -> VAERunConfig {
  let (config, report) = try StrictConfig.load(
    VAERunConfig.self, from: path, overrides: overrides, translating: VAERunConfig.published)
  if let report {
    say("\(path): \(VAERunConfig.published.origin)")
    report.lines.forEach(say)
  }
  return config
}

private func convertConfig(_ input: String, to output: String) throws {
  let (config, report) = try StrictConfig.load(
    VAERunConfig.self, from: input, translating: VAERunConfig.published)
  try config.validate()
  if let report {
    report.lines.forEach(say)
    try AtomicFile.write(Data((StrictConfig.text(config) + "\n").utf8), to: output)
  } else {
    guard config.vae.encoding == .pixel else {
      throw ConfigError(
        source: input, key: "vae.encoding",
        problem: "expected pixel, the only encoding of the published code, found "
          + config.vae.encoding.rawValue)
    }
    try AtomicFile.write(VAERunConfig.published.theirs(config), to: output)
  }
  say(output)
}

/// The weights of a run, a checkpoint, or a file of either kind.
private func readWeights(
  _ path: String, key: String?, _ weights: Checkpoint.Weights
) throws -> [String: NDArray] {
  var isFolder: ObjCBool = false
  if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
    return try Checkpoint(at: path).weights(weights)
  }
  let isNamedSo = ["pt", "pth"].contains((path as NSString).pathExtension.lowercased())
  return isNamedSo || TorchFile.isTorchFile(path)
    ? try TorchFile(path: path).arrays(key) : try SafetensorsFile(path: path).arrays()
}

/// - Throws: `TrainingError.checkpoint` that lists everything that does not fit.
private func check(
  _ weights: [String: NDArray], from path: String, against config: VAEConfig
) throws {
  let model = try TrajectoryVAE(config, seed: 0)
  do { try model.load(weights) } catch let mismatch as StateMismatch {
    throw TrainingError.checkpoint(
      path: path, problem: "not the weights of this configuration; \(mismatch)")
  }
  guard model.hasPublishedAnchors else {
    throw TrainingError.checkpoint(
      path: path,
      problem: "offset_anchor_grid: expected the normalised centres of the pixels of "
        + "\(config.inputHeight) x \(config.inputWidth), which is what is computed with, found others"
    )
  }
}

/// The key under which the published code looks for the weights of a model.
private func usualKey(_ weights: [String: NDArray]) -> String {
  if weights["to_latents.weight"] != nil { return "vae" }
  return weights["track_fusion_scale"] != nil ? "generator" : "state_dict"
}
