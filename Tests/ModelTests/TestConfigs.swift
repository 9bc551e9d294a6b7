import Autograd
import Foundation
import Training

@testable import TrajLoomFlow
@testable import TrajLoomVAE

/// Small models on a 2 x 3 grid of 9 frames.
enum TestConfigs {
  static func vae(_ encoding: VAEConfig.Encoding, hidden: Int = 16, latent: Int = 4) -> VAEConfig {
    VAEConfig(
      encoding: encoding, encoderDepth: 4, decoderDepth: 4, hiddenSize: hidden, numHeads: 2,
      mlpRatio: 2, patchSize: 8, inChannels: 2, latentChannels: latent, inputHeight: 16,
      inputWidth: 24, numFramesIn: 9, numFramesLatent: 3, useTempCompress: true, tempStride: 4,
      useOffsets: true, learnSigma: false, beta: 5e-5, posEmbedDim: 8)
  }

  static let flow = FlowConfig(
    latentChannels: 4, numFramesLatent: 3, inputHeight: 16, inputWidth: 24, patchSize: 8,
    hiddenSize: 16, numHeads: 2, depth: 2, mlpRatio: 2, dropout: 0, videoLatentChannels: 4,
    useVideoCond: true, videoSource: .patch, textEmbedDim: 8, useTextCond: true, textSource: .hash,
    numFramesIn: 9, latentTimeStride: 4, useOverlap: false, temporalFirst: true,
    spatialCtxMode: .pooledLast, spatialCtxPool: 2, spatialCtxLastK: 1,
    spatialCtxIncludeVideo: true,
    videoCtxMode: .concat, trackFusion: .addLastPlusVel, trackFusionScaleInit: 0.1,
    trackFusionUseTimeGate: true, videoFusion: .none, videoFusionScaleInit: 0.05,
    useHistVisCond: true, histVisScaleInit: 1, useContinuationCond: false, posEmbedInit: .normal,
    prediction: .velocity)

  /// How the quick generator is trained, with another matching.
  static func flowTraining(_ matching: FlowMatchingConfig) throws -> FlowRunConfig.Train {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    var config = try StrictConfig.load(
      FlowRunConfig.self, from: root.appendingPathComponent("configs/quick/flow.json").path)
    config.train.matching = matching
    return config.train
  }

  /// Random numbers of a shape; the same for the same name.
  static func normal(_ shape: [Int], _ name: String) -> NDArray {
    Philox(seed: 1, stream: name).normal(shape, step: 0)
  }

  /// Gives every parameter random values, so that zero-initialised gates do not hide anything.
  static func randomize(_ model: some Module) {
    for (name, parameter) in model.namedParameters() {
      let shape = parameter.wrappedValue.shape
      let draws = Philox(seed: 2, stream: name).normal(shape.reduce(1, *))
      parameter.wrappedValue = Tensor(draws.map { $0 * 0.2 }, shape: shape)
    }
  }
}
