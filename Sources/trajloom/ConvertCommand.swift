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
      Option(
        "--stats", "FILE", "latent_stats.json that a generator or visibility head was trained with"
      ),
    ],
    details: """
      IN                            OUT
      .pt or .pth of torch.save     .pt                   {key: state_dict} for torch.load
      .safetensors                  .safetensors          the same under the same names
      a run or checkpoint folder    a new folder          a run to encode, sample, evaluate or train on
                                                          with; needs --config, and --stats but for a VAE
      .json, the authors' or ours   .json                 the other kind

      The VAE, the generator and the visibility head alike. Names are those of the published
      state_dict, buffers included. Nothing in a .pt file is executed.
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
      for option in ["--config", "--key", "--weights", "--stats"] where arguments.has(option) {
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
  guard kind == .run || !arguments.has("--stats") else {
    throw ConfigError(
      key: "--stats", problem: "belongs to a run, and \(output) is a file of weights")
  }
  let config = try arguments.string("--config").map { try readConfigOfAnyKind($0) }
  var weights = try readWeights(
    input, key: key, preferring: config.map { type(of: $0).weightsKeys } ?? [],
    arguments.choice("--weights", Checkpoint.Weights.self) ?? .ema)
  if let config { weights = try checked(weights, from: input, against: config) }
  let ownKind = runKinds.first { weights[$0.mark] != nil }
  var place = output
  switch kind {
  case .safetensors: try writeSafetensors(weights, metadata: ["format": "pt"], to: output)
  case .torch:
    let usual = ownKind?.weightsKeys.first ?? "state_dict"
    try writeTorchFile(weights, key: key ?? usual, to: output)
  case .run:
    guard let config else {
      throw ConfigError(
        key: "--config", problem: "a run needs one: --config FILE, ours or the authors'")
    }
    place = try begin(
      run: output, config, weights, statistics(arguments.string("--stats"), of: config, input))
  }
  let numbers = weights.values.reduce(0) { $0 + $1.count }
  say("\(place): \(weights.count) tensors, \(numbers) numbers")
  guard kind != .run else { return }
  if let note = ownKind?.note(on: weights) { say("note: \(note)") }
  let own = "\(input)/config.json"
  let source = FileManager.default.fileExists(atPath: own) ? try readConfigOfAnyKind(own) : config
  if let (key, found, expected) = source?.unpublished {
    say(
      "note: \(key) is \(found), and the published code computes with \(expected) alone; there these "
        + "weights mean something else")
  }
}

private func begin(
  run path: String, _ config: any RunKind, _ weights: [String: NDArray],
  _ statistics: LatentStatistics?
) throws -> String {
  var config = config
  // The run is called what its folder is called, wherever the configuration came from.
  let folder = (path as NSString).deletingLastPathComponent
  config.run = RunConfig(
    dir: folder.isEmpty ? "." : folder, name: (path as NSString).lastPathComponent)
  var attachments: [String: Data] = [:]
  attachments[LatentCache.statisticsFile] = try statistics?.json()
  return try Checkpoint.begin(
    run: path, weights: weights, config: StrictConfig.text(config), attachments: attachments)
}

private func readConfigOfAnyKind(_ path: String) throws -> any RunKind {
  // Without a block that tells, the VAE's reading says what is missing.
  func read<Config: RunKind>(_ type: Config.Type) throws -> any RunKind {
    try readConfig(type, path)
  }
  let kind: any RunKind.Type = try runKind(ofConfig: path) ?? VAERunConfig.self
  return try read(kind)
}

/// The statistics that a run of this kind cannot do without: those of `path`, or of a run that the
/// weights are taken from; nil for a VAE.
/// - Throws: `ConfigError`, `TrainingError.checkpoint`
private func statistics(
  _ path: String?, of config: any RunKind, _ input: String
) throws -> LatentStatistics? {
  let name = type(of: config).title
  guard let config = config as? any LatentRunKind else {
    guard path == nil else {
      throw ConfigError(key: "--stats", problem: "a \(name) has no use for it; leave it out")
    }
    return nil
  }
  let statistics: LatentStatistics
  let source: String
  if let path {
    (statistics, source) = (try LatentStatistics.read(path), path)
  } else if isFolder(input), let found = try Checkpoint(at: input).attachedStatistics() {
    (statistics, source) = (found, input)
  } else {
    throw ConfigError(
      key: "--stats",
      problem: "a run of a \(name) needs the statistics that its latents were scaled by: --stats "
        + "latent_stats.json")
  }
  let channels = try statistics.scaling(source: source).mean.count
  guard channels == config.latentChannels else {
    throw ConfigError(
      source: source, key: "z_all.per_channel",
      problem: "expected statistics of \(config.latentChannels) latent channels, as the "
        + "configuration has, found \(channels)")
  }
  return statistics
}

private func isFolder(_ path: String) -> Bool {
  var isFolder: ObjCBool = false
  return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
}

/// The weights of a run, a checkpoint, or a file of either kind.
/// - Parameter preferring: of several sets in a .pt file, the first of these keys that it has.
private func readWeights(
  _ path: String, key: String?, preferring: [String], _ weights: Checkpoint.Weights
) throws -> [String: NDArray] {
  if isFolder(path) { return try finite(Checkpoint(at: path).weights(weights), path) }
  let isNamedSo = ["pt", "pth"].contains((path as NSString).pathExtension.lowercased())
  if isNamedSo || TorchFile.isTorchFile(path) {
    let file = try TorchFile(path: path)
    let usual = preferring.first { file.keys.contains($0) }
    return try finite(file.arrays(key ?? usual), path)
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

/// The weights as the model of a configuration holds them.
/// - Throws: `TrainingError.checkpoint` that lists everything that does not fit.
private func checked(
  _ weights: [String: NDArray], from path: String, against config: some RunKind
) throws -> [String: NDArray] {
  let kind = type(of: config)
  let model = try config.makeModel()
  do { try model.load(weights) } catch let mismatch as StateMismatch {
    if let found = runKinds.first(where: { weights[$0.mark] != nil }), found != kind {
      throw TrainingError.checkpoint(
        path: path,
        problem: "expected weights of a \(kind.title), as the configuration says, found those of a "
          + found.title)
    }
    throw TrainingError.checkpoint(
      path: path, problem: "not the weights of this configuration; \(mismatch)")
  }
  try config.restore(model, from: path)
  return model.stateDictionary()
}
