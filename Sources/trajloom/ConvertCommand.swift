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
    guard !output.isEmpty else {
      throw ConfigError(key: "OUT", expected: "the name of a file or folder", found: "nothing")
    }
    guard !FileManager.default.fileExists(atPath: output) else {
      throw ConfigError(key: output, problem: "exists already; name a new file or folder")
    }
    if (input as NSString).pathExtension.lowercased() == "json" {
      for option in ["--config", "--key", "--weights"] where arguments.has(option) {
        throw ConfigError(key: option, problem: "says nothing about a configuration; leave it out")
      }
      try convertConfig(input, to: output)
    } else {
      try convertWeights(input, to: output, arguments)
    }
  }
}

/// What weights become, as the name of the output says.
private enum WeightsOutput {
  case safetensors, torch, run

  /// - Throws: `ConfigError` for another name.
  init(_ path: String, input: String) throws {
    let ending = (path as NSString).pathExtension.lowercased()
    switch ending {
    case "safetensors": self = .safetensors
    case "pt", "pth": self = .torch
    case "": self = .run
    case "json":
      throw ConfigError(
        key: path,
        problem: "a configuration is made from one: \(input)/config.json, if this is a run")
    default:
      throw ConfigError(
        key: path,
        expected: "a name that ends in .pt or .safetensors, or a folder's name without a dot",
        found: ".\(ending)")
    }
  }
}

private func convertWeights(_ input: String, to output: String, _ arguments: Arguments) throws {
  let kind = try WeightsOutput(output, input: input)
  let key = arguments.string("--key")
  guard key != "" else {
    throw ConfigError(key: "--key", expected: "the name of weights", found: "nothing")
  }
  let config = try arguments.string("--config").map { try readVAEConfig($0) }
  var weights = try readWeights(
    input, key: key, arguments.choice("--weights", Checkpoint.Weights.self) ?? .ema)
  if let config { weights = try checked(weights, from: input, against: config.vae) }
  var place = output
  switch kind {
  case .safetensors: try writeSafetensors(weights, metadata: ["format": "pt"], to: output)
  case .torch: try writeTorchFile(weights, key: key ?? usualKey(weights), to: output)
  case .run:
    guard var config else {
      throw ConfigError(
        key: "--config", problem: "a run needs one: --config FILE, ours or the authors'")
    }
    // The run is called what its folder is called, wherever the configuration came from.
    let folder = (output as NSString).deletingLastPathComponent
    config.run = RunConfig(
      dir: folder.isEmpty ? "." : folder, name: (output as NSString).lastPathComponent)
    place = try Checkpoint.begin(run: output, weights: weights, config: StrictConfig.text(config))
  }
  let numbers = weights.values.reduce(0) { $0 + $1.count }
  say("\(place): \(weights.count) tensors, \(numbers) numbers")
  if kind != .run, weights["x_embedder.proj.weight"]?.shape.last == 1 {
    say("note: these are weights of the cell encoding, which the published code does not have")
  }
}

private func convertConfig(_ input: String, to output: String) throws {
  guard (output as NSString).pathExtension.lowercased() == "json" else {
    throw ConfigError(key: output, expected: "a name that ends in .json", found: output)
  }
  let (config, isTheirs) = try readVAEConfigOfEither(input)
  if isTheirs {
    try AtomicFile.write(Data((StrictConfig.text(config) + "\n").utf8), to: output)
  } else {
    guard config.vae.encoding == .pixel else {
      throw ConfigError(
        source: input, key: "vae.encoding",
        problem: "expected pixel, the only encoding of the published code, found "
          + config.vae.encoding.rawValue)
    }
    let (json, left) = try VAERunConfig.published.theirs(config)
    say("  without a place there:")
    for key in left { say("    \(key)") }
    try AtomicFile.write(json, to: output)
  }
  say(output)
}

/// The weights of a run, a checkpoint, or a file of either kind.
private func readWeights(
  _ path: String, key: String?, _ weights: Checkpoint.Weights
) throws -> [String: NDArray] {
  var isFolder: ObjCBool = false
  if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
    return try finite(Checkpoint(at: path).weights(weights), path)
  }
  let isNamedSo = ["pt", "pth"].contains((path as NSString).pathExtension.lowercased())
  if isNamedSo || TorchFile.isTorchFile(path) {
    return try finite(TorchFile(path: path).arrays(key), path)
  }
  let file = try SafetensorsFile(path: path)
  for name in file.names {
    let type = try file.type(of: name)
    guard [.f32, .f16, .bf16].contains(type) else {
      throw TrainingError.checkpoint(
        path: path,
        problem: "tensor \"\(name)\": expected elements of type F32, F16 or BF16, found "
          + type.rawValue)
    }
  }
  return try finite(file.arrays(), path)
}

/// - Throws: `TrainingError.checkpoint` for weights that are not numbers.
private func finite(_ weights: [String: NDArray], _ path: String) throws -> [String: NDArray] {
  if let bad = weights.keys.sorted().first(where: { !weights[$0]!.scalars.allSatisfy(\.isFinite) })
  {
    throw TrainingError.checkpoint(
      path: path,
      problem:
        "tensor \"\(bad)\": expected finite numbers, found NaN or infinity; this model diverged")
  }
  return weights
}

/// The weights as the model of a configuration holds them, with exact anchors.
/// - Throws: `TrainingError.checkpoint` that lists everything that does not fit.
private func checked(
  _ weights: [String: NDArray], from path: String, against config: VAEConfig
) throws -> [String: NDArray] {
  let model = try TrajectoryVAE(config, seed: 0)
  do { try model.load(weights) } catch let mismatch as StateMismatch {
    throw TrainingError.checkpoint(
      path: path, problem: "not the weights of this configuration; \(mismatch)")
  }
  guard model.restoreAnchors() else {
    throw TrainingError.checkpoint(
      path: path,
      problem: "offset_anchor_grid: expected the normalised centres of the pixels of "
        + "\(config.inputHeight) x \(config.inputWidth), which is what is computed with, found others"
    )
  }
  return model.stateDictionary()
}

/// The key under which the published code looks for the weights of a model.
private func usualKey(_ weights: [String: NDArray]) -> String {
  if weights["to_latents.weight"] != nil { return "vae" }
  return weights["track_fusion_scale"] != nil ? "generator" : "state_dict"
}
