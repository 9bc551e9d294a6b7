import Autograd
import DataPipeline
import Testing
import Training

@testable import TrajLoomFlow
@testable import TrajLoomVAE

/// A batch that two processes share: each computes on its slots what the whole batch computes there,
/// noise and all.
private func expectSameLoss<O: Objective>(
  _ objective: O, whole: O.Batch, parts: [O.Batch],
  sourceLocation: SourceLocation = #_sourceLocation
) {
  func loss(_ batch: O.Batch, _ slots: Range<Int>) -> Float {
    objective.loss(batch, at: BatchPlace(number: 3, slots: slots)).loss.array.item
  }
  let together = loss(whole, 0..<parts.count)
  let mean = parts.indices.reduce(0) { $0 + loss(parts[$1], $1..<$1 + 1) } / Float(parts.count)
  #expect(
    abs(together - mean) < 1e-5 * abs(together), "\(together), \(mean)",
    sourceLocation: sourceLocation)
  // The noise really is another one in another slot.
  #expect(loss(parts[0], 0..<1) != loss(parts[0], 1..<2), sourceLocation: sourceLocation)
}

@Test func sharedTracksHaveTheSameLoss() throws {
  let model = try TrajectoryVAE(TestConfigs.vae(.cell), seed: 1)
  TestConfigs.randomize(model)
  let shape = [2, 9, 2, 3]
  let tracks = (8 * Tensor(TestConfigs.normal(shape + [2], "tracks"))).array
  func batch(_ slots: Range<Int>) -> TrackBatch {
    func part(_ array: NDArray) -> NDArray { Tensor(array).sliced(axis: 0, slots).array }
    return TrackBatch(
      clips: slots.map { "\($0)" }, tracks: part(tracks),
      visibility: part(NDArray(repeating: 1, shape: shape)))
  }
  expectSameLoss(
    VAEObjective(model, VAELossConfig(), seed: 7), whole: batch(0..<2),
    parts: [batch(0..<1), batch(1..<2)])
}

@Test(arguments: [0, 3])
func sharedLatentsHaveTheSameLoss(_ tokenDraws: Int) throws {
  let model = try TrajectoryDiT(TestConfigs.flow, seed: 3)
  TestConfigs.randomize(model)
  var training = try TestConfigs.flowTraining(
    FlowMatchingConfig(
      x0Mode: .anchorFirst, x0NoiseStd: 0.1, fmUseVisMask: true, fmInvisWeight: 0.01,
      fmSigma: 0.1, tSampling: .uniform, tSmallProb: 0.2, tSmallMax: 0.1))
  training.matching.tokenDraws = tokenDraws
  training.stage.textDropoutProb = 0.5
  let shape = [2, 3, 6]
  func batch(_ slots: Range<Int>) -> LatentBatch {
    func part(_ array: NDArray) -> NDArray { Tensor(array).sliced(axis: 0, slots).array }
    func normal(_ shape: [Int], _ name: String) -> NDArray { part(TestConfigs.normal(shape, name)) }
    let seen = part(NDArray(repeating: 1, shape: shape))
    return LatentBatch(
      clips: slots.map { "\($0)" }, captions: slots.map { "a clip \($0)" },
      zHistory: normal(shape + [4], "history"), zFuture: normal(shape + [4], "future"),
      historyVisibility: seen, futureVisibility: seen, video: normal([2, 9, 4, 6, 3], "video"))
  }
  let scaling = LatentScaling(mean: [0, 0, 0, 0], deviation: [1, 1, 1, 1])
  expectSameLoss(
    FlowObjective(model, scaling, training), whole: batch(0..<2),
    parts: [batch(0..<1), batch(1..<2)])
}
