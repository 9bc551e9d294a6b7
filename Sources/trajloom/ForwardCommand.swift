import Autograd
import DataPipeline
import Foundation
import Training
import TrajLoomFlow

extension Command {
  /// What a trained model computes at inputs from a file: for comparisons with other programs.
  static let forward = Command(
    words: ["forward"], summary: "one forward pass of a generator or visibility head",
    options: [
      Option("--run", "RUN", "the model's run or checkpoint folder"),
      Option("--weights", "ema|raw", "which of its weights (default ema)"),
      Option("--inputs", "FILE", "scaled latents and conditions, safetensors"),
      Option("--out", "FILE", "where to write the result, safetensors"),
    ],
    details: """
      B batch, L latent frames, N points, C latent channels; [] may be left out.

      generator:        z, history [B, L, N, C], time [B],
                        [history_visibility] [B, L, N], [video] [B, L, N, channels] or
                        [B, frames, H/4, W/4, 3], [text] [B, size]; writes velocity [B, L, N, C]
      visibility head:  future, history [B, L, N, C]; writes logits [B, L, N]
      """, isHidden: true
  ) { arguments in
    let checkpoint = try Checkpoint(at: arguments.required("--run"))
    let kind = try arguments.choice("--weights", Checkpoint.Weights.self) ?? .ema
    let inputs = try ModelInputs(path: arguments.required("--inputs"))
    let out = try arguments.required("--out")
    if try runKind(ofConfig: "\(checkpoint.path)/config.json") == VisibilityRunConfig.self {
      let model = try checkpoint.config(VisibilityRunConfig.self).makeModel()
      try checkpoint.load(kind, into: model)
      let future = try inputs.required("future", [nil, nil, nil, model.config.latentChannels])
      let history = try inputs.required("history", future.shape)
      let logits = model(Tensor(future), history: Tensor(history))
      try writeSafetensors(["logits": logits.array], to: out)
    } else {
      let model = try checkpoint.config(FlowRunConfig.self).makeModel()
      try checkpoint.load(kind, into: model)
      try writeSafetensors(["velocity": velocity(model, inputs)], to: out)
    }
  }
}

private func velocity(_ model: TrajectoryDiT, _ inputs: ModelInputs) throws -> NDArray {
  let config = model.config
  let (steps, tokens) = (config.numFramesLatent, config.tokens)
  let z = try inputs.required("z", [nil, steps, tokens, config.latentChannels])
  let batch = z.shape[0]
  var video: NDArray?
  if config.useVideoCond {
    let quarter = [config.inputHeight / 4, config.inputWidth / 4]
    video = try inputs.optional(
      "video",
      config.videoSource == .patch
        ? [batch, config.numFramesIn] + quarter + [3]
        : [batch, steps, tokens, config.videoLatentChannels])
  }
  let text = try config.useTextCond ? inputs.optional("text", [batch, config.textEmbedDim]) : nil
  let visibility = try inputs.optional("history_visibility", [batch, steps, tokens])
  let context = model.context(
    FlowConditions(
      history: Tensor(try inputs.required("history", z.shape)),
      historyVisibility: visibility.map { Tensor($0) }, video: video.map { Tensor($0) },
      text: text.map { Tensor($0) }))
  let time = try inputs.required("time", [batch]).scalars
  return model.velocity(Tensor(z), time: time, context).array
}

/// Named arrays of a file, checked as they are asked for.
private struct ModelInputs {
  private let path: String
  private let file: SafetensorsFile

  init(path: String) throws {
    self.path = path
    file = try SafetensorsFile(path: path)
  }

  /// - Parameter shape: nil for extents that may be any.
  /// - Throws: `DataError`, `SafetensorsError`
  func required(_ name: String, _ shape: [Int?]) throws -> NDArray {
    guard let array = try optional(name, shape) else {
      throw DataError("\(path): expected a tensor '\(name)', found \(file.names.sorted())")
    }
    return array
  }

  func optional(_ name: String, _ shape: [Int?]) throws -> NDArray? {
    guard file.names.contains(name) else { return nil }
    let array = try file.array(name)
    let fits =
      array.rank == shape.count && array.count > 0
      && zip(array.shape, shape).allSatisfy { $1 == nil || $0 == $1 }
    guard fits else {
      let expected = shape.map { $0.map(String.init) ?? "any" }.joined(separator: ", ")
      throw DataError(
        "\(path): tensor '\(name)': expected shape [\(expected)], found \(array.shape)")
    }
    return array
  }
}
