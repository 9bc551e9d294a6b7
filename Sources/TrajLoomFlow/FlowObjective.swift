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

  public func loss(_ batch: LatentBatch, at place: BatchPlace) -> (loss: Tensor, terms: [Term]) {
    let state = state(batch, draws, at: place, tokens: config.matching.tokenDraws)
    let conditions = model.conditions(
      batch, scaling, keepsText: draws.keepsText(place, config.stage.textDropoutProb))
    let context = model.context(conditions, tokens: state.tokens)
    let loss = flowMatching(state, context, draws, at: place)
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
    let place = BatchPlace(number: index, slots: batch.clips.indices)
    let loss = flowMatching(state(batch, fixed, at: place), context, fixed, at: place)
    let count = Double(batch.clips.count)
    return [PooledMetric("flow_matching", sum: Double(loss.array.item) * count, count: count)]
  }

  public var monitored: [String] { ["flow_matching"] }

  public func clips(_ batch: LatentBatch) -> [String] { batch.clips }

  /// Source, data and token weights of a batch, of all its tokens or of a few.
  private struct State {
    let source, data, weights: NDArray
    var tokens: TokenSubset?
  }

  /// - Parameter tokens: how many of each clip; 0 for all.
  private func state(
    _ batch: LatentBatch, _ draws: FlowDraws, at place: BatchPlace, tokens: Int = 0
  ) -> State {
    let matching = config.matching
    let anchors = RectifiedFlow.Anchors(batch, scaling)
    let data = scaling.scale(batch.zFuture)
    let source = draws.source(
      anchors: anchors, place, matching.x0Mode, noiseDeviation: Float(matching.x0NoiseStd))
    let weights = RectifiedFlow.tokenWeights(
      batch.futureVisibility,
      invisibleWeight: matching.fmUseVisMask ? Float(matching.fmInvisWeight) : 1)
    guard tokens > 0 else { return State(source: source, data: data, weights: weights) }
    let subset = TokenSubset(
      surprise: anchors.surprise(data, weights),
      uniforms: draws.tokens(place, tokens))
    return State(
      source: subset.of(source), data: subset.of(data),
      weights: (Tensor(subset.of(weights)) * Tensor(subset.weights)).array, tokens: subset)
  }

  private func flowMatching(
    _ state: State, _ context: FlowContext, _ draws: FlowDraws, at place: BatchPlace
  ) -> Tensor {
    let matching = config.matching
    let time = draws.times(place, matching)
    var input = Tensor(RectifiedFlow.interpolate(state.source, state.data, time))
    if matching.fmSigma > 0 {
      input = input + Float(matching.fmSigma) * Tensor(draws.inputNoise(state.data.shape, place))
    }
    let velocity = model.velocity(input, time: time, context)
    switch model.config.prediction {
    case .velocity:
      return RectifiedFlow.loss(
        velocity, target: Tensor(state.data) - Tensor(state.source), weights: state.weights)
    case .endpoint:
      // From the noisy input, too, the way leads to the data.
      return RectifiedFlow.loss(
        velocity, target: RectifiedFlow.way(to: Tensor(state.data), from: input, time),
        weights: RectifiedFlow.endpointWeights(state.weights, time))
    }
  }
}

extension RectifiedFlow.Anchors {
  /// How far each token's future is from what the history says of it, [B, N]: the weighted mean
  /// square over steps and channels.
  fileprivate func surprise(_ data: NDArray, _ weights: NDArray) -> NDArray {
    let steps = history.shape[1]
    let expected =
      continuation.map { Tensor($0) }
      ?? Tensor(history).sliced(axis: 1, steps - 1..<steps)
    return (square(Tensor(data) - expected).sum([3]) * Tensor(weights)).sum([1]).array
  }
}

/// The random draws of flow training. Each depends on (seed, batch number, slot) alone.
struct FlowDraws {
  private let noise, anchor, input, time, text, token: Philox

  init(seed: UInt64, prefix: String) {
    noise = Philox(seed: seed, stream: prefix + "noise")
    anchor = Philox(seed: seed, stream: prefix + "anchor")
    input = Philox(seed: seed, stream: prefix + "input")
    time = Philox(seed: seed, stream: prefix + "time")
    text = Philox(seed: seed, stream: prefix + "text")
    token = Philox(seed: seed, stream: prefix + "token")
  }

  func source(
    anchors: RectifiedFlow.Anchors, _ place: BatchPlace, _ mode: FlowMatchingConfig.Source,
    noiseDeviation: Float
  ) -> NDArray {
    let shape = anchors.history.shape
    return RectifiedFlow.source(
      noise: draw(noise, shape, place),
      anchorNoise: draw(anchor, [shape[0], 1, shape[2], shape[3]], place),
      anchors: anchors, mode, noiseDeviation: noiseDeviation)
  }

  func inputNoise(_ shape: [Int], _ place: BatchPlace) -> NDArray { draw(input, shape, place) }

  func times(_ place: BatchPlace, _ config: FlowMatchingConfig) -> [Float] {
    place.slots.map { slot in
      let uniform = time.uniform(2, step: place.number, sample: 2 * slot)
      let normal = time.normal(1, step: place.number, sample: 2 * slot + 1)
      return config.time(choice: uniform[0], uniform: uniform[1], normal: normal[0])
    }
  }

  /// `count` uniform numbers for each clip, to draw tokens by.
  func tokens(_ place: BatchPlace, _ count: Int) -> [[Float]] {
    place.slots.map { token.uniform(count, step: place.number, sample: $0) }
  }

  /// Whether each caption is kept.
  func keepsText(_ place: BatchPlace, _ dropout: Double) -> [Bool] {
    place.slots.map { text.uniform(1, step: place.number, sample: $0)[0] >= Float(dropout) }
  }

  private func draw(_ random: Philox, _ shape: [Int], _ place: BatchPlace) -> NDArray {
    random.normal(shape, step: place.number, firstSample: place.slots.lowerBound)
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
      video: video, text: text,
      continuation: batch.zContinuation.map { Tensor(scaling.scale($0)) })
  }
}

extension RectifiedFlow.Anchors {
  /// Those of a batch of unscaled latents.
  init(_ batch: LatentBatch, _ scaling: LatentScaling) {
    self.init(
      history: scaling.scale(batch.zHistory),
      continuation: batch.zContinuation.map { scaling.scale($0) })
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
      positions: positions.shape[0] == 1 ? positions : first(positions),
      fusion: fusion.map(first), origin: origin.map(first), condition: first(condition),
      keysValues: keysValues.map { $0.map(first) })
  }
}
