import Autograd
import DataPipeline
import Testing
import Training

@testable import TrajLoomFlow
@testable import TrajLoomVAE

/// Batches in which no point is visible at all, as after a bad cut in a video: nothing is divided by
/// their number.
private func expectFinite<O: Objective>(
  _ objective: O, _ batch: O.Batch, clips: Int, sourceLocation: SourceLocation = #_sourceLocation
) {
  let place = BatchPlace(number: 0, slots: 0..<clips)
  let (loss, gradient) = valueWithGradient(at: objective.model) { _ in
    objective.loss(batch, at: place).loss
  }
  #expect(loss.isFinite, sourceLocation: sourceLocation)
  for (name, array) in gradient {
    let isFinite = array.scalars.allSatisfy(\.isFinite)
    #expect(isFinite, "\(name)", sourceLocation: sourceLocation)
  }
  for metric in objective.evaluate(batch, index: 0) {
    #expect(
      metric.sum.isFinite && metric.count.isFinite, "\(metric.name)", sourceLocation: sourceLocation
    )
  }
}

@Test(arguments: VAEConfig.Encoding.allCases)
func invisibleTracksTrainTheVAE(_ encoding: VAEConfig.Encoding) throws {
  let model = try TrajectoryVAE(TestConfigs.vae(encoding), seed: 1)
  TestConfigs.randomize(model)
  let shape = [2, 9, 2, 3]
  let batch = TrackBatch(
    clips: ["a", "b"], tracks: (8 * Tensor(TestConfigs.normal(shape + [2], "tracks"))).array,
    visibility: .zeros(shape))
  let objective = VAEObjective(model, VAELossConfig(), seed: 7)
  expectFinite(objective, batch, clips: 2)
  // A mean over no points is none.
  #expect(objective.evaluate(batch, index: 0).first { $0.name == "vepe_px" }?.count == 0)
}

private let scaling = LatentScaling(mean: [0, 0, 0, 0], deviation: [1, 1, 1, 1])

private func latents() -> LatentBatch {
  let shape = [2, 3, 6]
  return LatentBatch(
    clips: ["a", "b"], captions: ["", ""], zHistory: TestConfigs.normal(shape + [4], "history"),
    zFuture: TestConfigs.normal(shape + [4], "future"),
    zContinuation: TestConfigs.normal(shape + [4], "continuation"),
    historyVisibility: .zeros(shape), futureVisibility: .zeros(shape),
    video: .zeros([2, 9, 4, 6, 3]))
}

/// Also where invisible tokens weigh nothing.
@Test(arguments: [0, 0.01], [FlowConfig.Prediction.velocity, .endpoint])
func invisibleLatentsTrainTheGenerator(
  _ weight: Double, _ prediction: FlowConfig.Prediction
) throws {
  var config = TestConfigs.flow
  config.prediction = prediction
  let model = try TrajectoryDiT(config, seed: 3)
  TestConfigs.randomize(model)
  for draws in [0, 3] {
    var training = try TestConfigs.flowTraining(
      FlowMatchingConfig(
        x0Mode: .anchorFirst, x0NoiseStd: 0.1, fmUseVisMask: true, fmInvisWeight: weight,
        fmSigma: 0, tSampling: .uniform, tSmallProb: 0.2, tSmallMax: 0.1))
    training.matching.tokenDraws = draws
    expectFinite(FlowObjective(model, scaling, training), latents(), clips: 2)
    guard draws == 0, prediction == .velocity else { continue }
    training.stage.objective = .onPolicy
    expectFinite(FlowObjective(model, scaling, training), latents(), clips: 2)
  }
}

@Test func invisibleLatentsTrainTheHead() throws {
  let model = try VisibilityPredictor(
    VisibilityConfig(
      latentChannels: 4, hidden: 8, depth: 1, kernelSize: 3, useHistLast: false,
      useDeltaToHist: false), seed: 1)
  expectFinite(VisibilityObjective(model, scaling, positiveWeight: 2), latents(), clips: 2)
}
