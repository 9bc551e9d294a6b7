import Autograd
import Training
import TrajLoomFlow
import TrajLoomVAE

/// What a run is of: the VAE, the generator or the visibility head, by its configuration.
protocol RunKind: PublishedRunConfig {
  associatedtype Model: Module

  var run: RunConfig { get set }
  /// What every training has.
  var loop: TrainingConfig { get }

  /// - Throws: `ConfigError` that names the first key that does not fit.
  func validate() throws

  /// The word of `trajloom train`, which is the model's block of the configuration too.
  static var word: String { get }
  /// What messages call it.
  static var title: String { get }
  /// The keys under which the published code looks for its weights in a .pt file, in that order.
  static var weightsKeys: [String] { get }
  /// A tensor that no other kind has.
  static var mark: String { get }

  /// A model of this configuration, of no particular weights.
  /// - Throws: `ConfigError`
  func makeModel() throws -> Model

  /// Makes exact what files may hold rounded, in a model whose weights have been loaded.
  /// - Throws: `TrainingError.checkpoint` for what cannot be meant.
  func restore(_ model: Model, from path: String) throws

  /// The key and the value that the published code has no counterpart of, and the value that it
  /// has; nil if it could compute with such a model.
  var unpublished: (key: String, found: String, expected: String)? { get }

  /// What there is to know of weights for the published code, if anything.
  static func note(on weights: [String: NDArray]) -> String?
}

extension VAERunConfig { var loop: TrainingConfig { train.loop } }
extension FlowRunConfig { var loop: TrainingConfig { train.loop } }
extension VisibilityRunConfig { var loop: TrainingConfig { train.loop } }

extension RunKind {
  func restore(_ model: Model, from path: String) throws {}
  var unpublished: (key: String, found: String, expected: String)? { nil }
  static func note(on weights: [String: NDArray]) -> String? { nil }
}

/// A kind of run that is trained on latents, and computes with them as they were scaled then.
protocol LatentRunKind: RunKind {
  var data: LatentData { get }
  var latentChannels: Int { get }
  /// Where the authors' configuration of it describes the VAE.
  static var vaeBlock: String { get }
}

/// All kinds. That of the VAE stands last: its block stands in the authors' configurations of the
/// others too.
let runKinds: [any RunKind.Type] = [
  FlowRunConfig.self, VisibilityRunConfig.self, VAERunConfig.self,
]

extension VAERunConfig: RunKind {
  static var word: String { "vae" }
  static var title: String { "VAE" }
  static var weightsKeys: [String] { ["vae"] }
  static var mark: String { "to_latents.weight" }

  func makeModel() throws -> TrajectoryVAE { try TrajectoryVAE(vae, seed: 0) }

  func restore(_ model: TrajectoryVAE, from path: String) throws {
    guard model.restoreAnchors() else {
      throw TrainingError.checkpoint(
        path: path,
        problem: "offset_anchor_grid: expected the normalised centres of the pixels of "
          + "\(vae.inputHeight) x \(vae.inputWidth), which is what is computed with, found others")
    }
  }

  var unpublished: (key: String, found: String, expected: String)? {
    vae.encoding == .pixel ? nil : ("vae.encoding", vae.encoding.rawValue, "pixel")
  }

  static func note(on weights: [String: NDArray]) -> String? {
    guard weights["x_embedder.proj.weight"]?.shape.last == 1 else { return nil }
    return "these are weights of the cell encoding, which the published code does not have"
  }
}

extension FlowRunConfig: LatentRunKind {
  static var word: String { "flow" }
  static var title: String { "generator" }
  static var weightsKeys: [String] { ["generator", "model"] }
  static var mark: String { "track_fusion_scale" }
  static var vaeBlock: String { "trajloom_vae.config" }
  var latentChannels: Int { flow.latentChannels }

  func makeModel() throws -> TrajectoryDiT { try TrajectoryDiT(flow, seed: 0) }

  var unpublished: (key: String, found: String, expected: String)? {
    if flow.useVideoCond, flow.videoSource != .precomputed {
      return ("flow.video_source", flow.videoSource.rawValue, "precomputed")
    }
    if flow.useTextCond, flow.textSource != .precomputed {
      return ("flow.text_source", flow.textSource.rawValue, "precomputed")
    }
    if flow.prediction != .velocity {
      return ("flow.prediction", flow.prediction.rawValue, "velocity")
    }
    if flow.useContinuationCond { return ("flow.use_continuation_cond", "true", "false") }
    let source = train.matching.x0Mode
    if source != .noise, source != .anchorFirst {
      return ("train.x0_mode", source.rawValue, "noise or anchor_first")
    }
    return nil
  }

  static func note(on weights: [String: NDArray]) -> String? {
    let own = weights.keys.sorted().filter {
      name in
      ["video_encoder.", "text_encoder.", "continuation_proj."].contains { name.hasPrefix($0) }
    }
    guard !own.isEmpty else { return nil }
    return "the published code does not have \(own.joined(separator: ", ")): video and text reach "
      + "its generator as precomputed latents and embeddings, and a continuation does not"
  }
}

extension VisibilityRunConfig: LatentRunKind {
  static var word: String { "visibility" }
  static var title: String { "visibility head" }
  static var weightsKeys: [String] { ["model", "predictor"] }
  static var mark: String { "temporal_net.0.weight" }
  static var vaeBlock: String { "trajectory_vae.config" }
  var latentChannels: Int { visibility.latentChannels }

  func makeModel() throws -> VisibilityPredictor { try VisibilityPredictor(visibility, seed: 0) }
}
