import Autograd
import DataPipeline
import Training
import TrajLoomVAE

/// Training of the generator: flow matching, and in the on-policy stage the terms along its own
/// rollouts too.
public struct FlowObjective: Objective {
  public let model: TrajectoryDiT
  private let scaling: LatentScaling
  private let config: FlowRunConfig.Train
  private let draws: FlowDraws

  public init(_ model: TrajectoryDiT, _ scaling: LatentScaling, _ config: FlowRunConfig.Train) {
    self.model = model
    self.scaling = scaling
    self.config = config
    draws = FlowDraws(seed: config.loop.seed, prefix: "")
  }

  public func loss(_ batch: LatentBatch, index: Int) -> (loss: Tensor, terms: [Term]) {
    let context = model.context(
      model.conditions(
        batch, scaling, keepsText: draws.keepsText(batch, index, config.stage.textDropoutProb)))
    let (loss, state) = flowMatching(batch, context, draws, index: index)
    guard config.stage.objective == .onPolicy else {
      return (loss, [Term("flow_matching", loss.array.item)])
    }
    // A sub-batch: the first samples, as the order of the batch is random.
    let count = max(1, Int((Double(batch.clips.count) * config.onPolicy.opBatchFraction).rounded()))
    let rollout = OnPolicyRollout(
      model, context.prefix(count), source: state.source.prefix(count),
      data: state.data.prefix(count),
      times: config.onPolicy.times, weights: state.weights.prefix(count))
    let end = rollout.endpoint(config.onPolicy.endpointTarget)
    let total =
      loss + Float(config.onPolicy.lambdaRoll) * rollout.roll
      + Float(config.onPolicy.lambdaEnd) * end
    return (
      total,
      [
        Term("flow_matching", loss.array.item), Term("rollout", rollout.roll.array.item),
        Term("endpoint", end.array.item),
      ]
    )
  }

  /// The flow-matching loss at fixed noise and times.
  public func evaluate(_ batch: LatentBatch, index: Int) -> [PooledMetric] {
    let context = model.context(model.conditions(batch, scaling, keepsText: nil))
    let fixed = FlowDraws(seed: config.loop.seed, prefix: "validation/")
    let (loss, _) = flowMatching(batch, context, fixed, index: index)
    let count = Double(batch.clips.count)
    return [PooledMetric("flow_matching", sum: Double(loss.array.item) * count, count: count)]
  }

  public func clips(_ batch: LatentBatch) -> [String] { batch.clips }

  /// Source, data and token weights of a batch.
  private struct State {
    let source, data, weights: NDArray
  }

  private func flowMatching(
    _ batch: LatentBatch, _ context: FlowContext, _ draws: FlowDraws, index: Int
  ) -> (loss: Tensor, state: State) {
    let matching = config.matching
    let data = scaling.scale(batch.zFuture)
    let source = draws.source(
      history: scaling.scale(batch.zHistory), index, matching.x0Mode,
      noiseDeviation: Float(matching.x0NoiseStd))
    let time = draws.times(batch.clips.count, index, matching)
    var input = Tensor(RectifiedFlow.interpolate(source, data, time))
    if matching.fmSigma > 0 {
      input = input + Float(matching.fmSigma) * Tensor(draws.inputNoise(data.shape, index))
    }
    let weights = RectifiedFlow.tokenWeights(
      batch.futureVisibility,
      invisibleWeight: matching.fmUseVisMask ? Float(matching.fmInvisWeight) : 1)
    let target = Tensor(data) - Tensor(source)
    let loss = RectifiedFlow.loss(
      model.velocity(input, time: time, context), target: target, weights: weights)
    return (loss, State(source: source, data: data, weights: weights))
  }
}

/// The random draws of flow training. Each depends on (seed, batch number, sample) alone.
struct FlowDraws {
  private let noise, anchor, input, time, text: Philox

  init(seed: UInt64, prefix: String) {
    noise = Philox(seed: seed, stream: prefix + "noise")
    anchor = Philox(seed: seed, stream: prefix + "anchor")
    input = Philox(seed: seed, stream: prefix + "input")
    time = Philox(seed: seed, stream: prefix + "time")
    text = Philox(seed: seed, stream: prefix + "text")
  }

  func source(
    history: NDArray, _ index: Int, _ mode: FlowMatchingConfig.Source, noiseDeviation: Float
  ) -> NDArray {
    var anchorShape = history.shape
    anchorShape[1] = 1
    return RectifiedFlow.source(
      noise: noise.normal(history.shape, step: index),
      anchorNoise: anchor.normal(anchorShape, step: index), history: history, mode,
      noiseDeviation: noiseDeviation)
  }

  func inputNoise(_ shape: [Int], _ index: Int) -> NDArray { input.normal(shape, step: index) }

  func times(_ count: Int, _ index: Int, _ config: FlowMatchingConfig) -> [Float] {
    (0..<count).map { sample in
      let uniform = time.uniform(2, step: index, sample: 2 * sample)
      let normal = time.normal(1, step: index, sample: 2 * sample + 1)
      return config.time(choice: uniform[0], uniform: uniform[1], normal: normal[0])
    }
  }

  /// Whether each caption is kept.
  func keepsText(_ batch: LatentBatch, _ index: Int, _ dropout: Double) -> [Bool] {
    batch.clips.indices.map { text.uniform(1, step: index, sample: $0)[0] >= Float(dropout) }
  }
}

extension TrajectoryDiT {
  /// The conditions that the configuration switches on, from a batch of unscaled latents.
  /// - Parameter keepsText: per sample, whether its text is given; nil for all.
  func conditions(
    _ batch: LatentBatch, _ scaling: LatentScaling, keepsText: [Bool]?
  ) -> FlowConditions {
    var text: Tensor?
    if config.useTextCond {
      text = textEncoder.map { $0(batch.captions) } ?? batch.textEmbedding.map { Tensor($0) }
      if let keepsText, let all = text {
        text = all * Tensor(keepsText.map { $0 ? 1 : 0 }, shape: [keepsText.count, 1])
      }
    }
    var video: Tensor?
    if config.useVideoCond {
      video = (config.videoSource == .patch ? batch.video : batch.videoLatents).map { Tensor($0) }
    }
    return FlowConditions(
      history: Tensor(scaling.scale(batch.zHistory)),
      historyVisibility: config.useHistVisCond ? Tensor(batch.historyVisibility) : nil,
      video: video, text: text)
  }
}

extension NDArray {
  /// The first `count` samples.
  func prefix(_ count: Int) -> NDArray { Tensor(self).sliced(axis: 0, 0..<count).array }
}

extension FlowContext {
  /// The context of the first `count` samples, still connected to the whole one.
  func prefix(_ count: Int) -> FlowContext {
    func first(_ tensor: Tensor) -> Tensor {
      tensor.shape[0] == count ? tensor : tensor.sliced(axis: 0, 0..<count)
    }
    return FlowContext(
      fusion: fusion.map(first), condition: first(condition),
      keysValues: keysValues.map { $0.map(first) })
  }
}
