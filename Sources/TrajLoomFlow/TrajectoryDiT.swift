import Autograd
import Foundation

// B batch, L latent frames, N tokens per frame, D width, C latent channels, Cv video channels, E
// text width, S context length.

/// TrajLoom-Flow (arXiv 2603.22606, section 3.3; `models/trajloom_generator.py` of
/// zewei-Zhang/TrajLoom): the velocity field of a rectified flow over future latents, given the
/// history's.
///
/// Blocks come in pairs, even ones over space and odd ones over time; by default the temporal one
/// of a pair runs first.
public struct TrajectoryDiT: Module {
  public let config: FlowConfig

  @Parameter var posEmbed: Tensor  // [1, N, D]
  @Parameter var segEmbed: Tensor  // [2, D]: history, future
  let inProj: Linear  // C -> D
  let histTrackProj: Linear  // C -> D
  let histVisProj: Linear?  // 1 -> D, zero-initialised
  let alphaHistVis: Parameter?  // []
  let histVideoProj: Linear?  // Cv -> D
  let alphaVideoCtx: Parameter?  // []
  let timeMlp: [any Layer]  // D -> 4D -> D
  let textProj: Linear?  // E -> D
  let videoGlobalProj: Linear?  // Cv -> D
  let betaVideoCond: Parameter?  // []
  let trackGlobalProj: Linear  // 2C -> D
  @Parameter var betaTrackCond: Tensor  // []
  let blocks: [DiTBlock]
  let outProj: Linear  // D -> C
  @Parameter var trackFusionScale: Tensor  // []
  let trackFusionGateLogit: Parameter?  // [L]
  let videoFusionScale: Parameter?  // []
  let continuationProj: Linear?  // C -> D
  /// The trained encoders of raw video and captions; absent when both come precomputed.
  public let videoEncoder: VideoTubeletEncoder?
  public let textEncoder: TextHashEncoder?
  private let historyTimes: NDArray  // [L, D]
  private let futureTimes: NDArray  // [L, D]
  private let checkpointsBlocks: Bool

  /// A model with the published initialisation.
  /// - Throws: `ConfigError` if the configuration does not fit together.
  public init(_ config: FlowConfig, seed: UInt64, checkpointsBlocks: Bool = false) throws {
    try config.validate()
    var initializer = Initializer(seed: seed)
    let (width, channels) = (config.hiddenSize, config.latentChannels)
    func scalar(_ value: Double) -> Tensor { Tensor(NDArray(Float(value))) }
    self.config = config
    self.checkpointsBlocks = checkpointsBlocks

    inProj = Linear(channels, width, &initializer)
    histTrackProj = Linear(channels, width, &initializer)
    histVisProj = config.useHistVisCond ? Linear(zeros: 1, width) : nil
    alphaHistVis =
      config.useHistVisCond ? Parameter(wrappedValue: scalar(config.histVisScaleInit)) : nil
    let video = config.useVideoCond
    histVideoProj = video ? Linear(config.videoLatentChannels, width, &initializer) : nil
    alphaVideoCtx = video ? Parameter(wrappedValue: scalar(1)) : nil
    posEmbed =
      config.posEmbedInit == .sincos
      ? Tensor(
        SinusoidalEmbedding.grid(rows: config.gridRows, columns: config.gridColumns, width: width)
          .reshaped([1, config.tokens, width]))
      : initializer.truncatedNormal([1, config.tokens, width], deviation: 0.02)
    segEmbed = initializer.truncatedNormal([2, width], deviation: 0.02)
    timeMlp = [
      Linear(width, 4 * width, &initializer), SiLU(), Linear(4 * width, width, &initializer),
    ]
    textProj = config.useTextCond ? Linear(config.textEmbedDim, width, &initializer) : nil
    videoGlobalProj = video ? Linear(config.videoLatentChannels, width, &initializer) : nil
    betaVideoCond = video ? Parameter(wrappedValue: scalar(1)) : nil
    trackGlobalProj = Linear(2 * channels, width, &initializer)
    betaTrackCond = scalar(1)
    blocks = (0..<config.depth).map { _ in
      DiTBlock(
        width: width, heads: config.numHeads, mlpRatio: config.mlpRatio, &initializer)
    }
    // An endpoint that starts at zero is that of the source's mean.
    outProj =
      config.prediction == .endpoint
      ? Linear(zeros: width, channels) : Linear(width, channels, &initializer)
    trackFusionScale = scalar(config.trackFusionScaleInit)
    trackFusionGateLogit =
      config.trackFusionUseTimeGate
      ? Parameter(wrappedValue: Self.initialGateLogit(config.numFramesLatent)) : nil
    videoFusionScale =
      video && config.videoFusion != .none
      ? Parameter(wrappedValue: scalar(config.videoFusionScaleInit)) : nil
    continuationProj =
      config.useContinuationCond ? Linear(channels, width, &initializer) : nil
    videoEncoder =
      video && config.videoSource == .patch ? VideoTubeletEncoder(config, &initializer) : nil
    textEncoder =
      config.useTextCond && config.textSource == .hash
      ? TextHashEncoder(width: config.textEmbedDim, &initializer) : nil

    // Absolute frame indices: the model knows that the future comes after the history.
    let steps = (0..<config.numFramesLatent).map { Float($0 * config.latentTimeStride) }
    let start = Float(config.useOverlap ? config.numFramesIn - 1 : config.numFramesIn)
    historyTimes = SinusoidalEmbedding.cosineFirst(steps, width: width)
    futureTimes = SinusoidalEmbedding.cosineFirst(steps.map { start + $0 }, width: width)
  }

  /// Logits of gates that fall evenly from 0.95 at the first to 0.35 at the last future step.
  private static func initialGateLogit(_ steps: Int) -> Tensor {
    let gates = (0..<steps).map { 0.95 + (0.35 - 0.95) * Double($0) / Double(max(1, steps - 1)) }
    return Tensor(gates.map { Float(log($0 / (1 - $0))) }, shape: [steps])
  }

  // MARK: Context

  /// Everything about `conditions` that all evaluations of `velocity` share.
  public func context(_ conditions: FlowConditions) -> FlowContext {
    context(conditions, tokens: nil)
  }

  /// The same for some of the tokens, N below; the condition vector tells of all.
  func context(_ conditions: FlowConditions, tokens subset: TokenSubset?) -> FlowContext {
    let history = conditions.history
    let (batch, steps, width) = (history.shape[0], config.numFramesLatent, config.hiddenSize)
    precondition(
      history.shape == [batch, steps, config.tokens, config.latentChannels],
      "context: history \(history.shape), expected [B, \(steps), \(config.tokens), "
        + "\(config.latentChannels)]")
    precondition(
      !config.useContinuationCond || conditions.continuation != nil,
      "context: a generator that is told of the continuation was given none")
    let device = history.device
    func chosen(_ x: Tensor) -> Tensor { subset.map { $0.of(x) } ?? x }
    let positions = positions(subset)

    var track = histTrackProj(chosen(history))  // [B, L, N, D]
    if let histVisProj, let alphaHistVis {
      let visibility =
        conditions.historyVisibility
        ?? Tensor(NDArray.zeros([batch, steps, config.tokens], device: device))
      let seen = chosen(visibility)
      track = track + alphaHistVis.wrappedValue * histVisProj(seen.reshaped(seen.shape + [1]))
    }

    let videoLatents = videoLatents(conditions, batch, device)  // [B, L, all tokens, Cv]
    let video = videoLatents.flatMap { latents in histVideoProj?(chosen(latents)) }
    var sequence = [track]
    if let video, let alphaVideoCtx {
      let scaled = alphaVideoCtx.wrappedValue * video
      switch config.videoCtxMode {
      case .concat: sequence = [track, scaled]
      case .sum: sequence = [track + scaled]
      }
    }
    let stamp =
      Tensor(historyTimes.on(device).reshaped([1, steps, 1, width]))
      + segEmbed.sliced(axis: 0, 0..<1)
    let stamped = sequence.map { $0 + stamp }  // each [B, L, N, D]
    let temporal = stamped.count == 1 ? stamped[0] : concatenated(stamped, axis: 1)
    let spatial = spatialContext(stamped, isWhole: subset == nil, positions)

    let continuation = conditions.continuation.map(chosen)
    let keysValues = blocks.enumerated().map { index, block in
      (index % 2 == 0 ? spatial : temporal).map { block.xattn.kv($0) }
    }
    return FlowContext(
      positions: positions,
      fusion: fusion(track: track, video: video, continuation: continuation),
      origin: continuation,
      condition: condition(history, videoLatents, conditions.text), keysValues: keysValues)
  }

  /// The learnt places of the tokens, [B or 1, 1, N, D].
  private func positions(_ subset: TokenSubset?) -> Tensor {
    guard let subset else { return posEmbed.reshaped([1, 1, config.tokens, config.hiddenSize]) }
    let table = posEmbed.reshaped([config.tokens, config.hiddenSize])
    return embedding(table, subset.indices.flatMap { $0 })
      .reshaped([subset.indices.count, 1, subset.indices[0].count, config.hiddenSize])
  }

  private func videoLatents(_ conditions: FlowConditions, _ batch: Int, _ device: Device) -> Tensor?
  {
    guard config.useVideoCond else { return nil }
    guard let video = conditions.video else {
      return Tensor(
        NDArray.zeros(
          [batch, config.numFramesLatent, config.tokens, config.videoLatentChannels], device: device
        ))
    }
    return videoEncoder.map { $0(video) } ?? video
  }

  /// The last steps of track and video, pooled over the grid, plus the pooled position embedding:
  /// [B, S', D].
  /// - Parameter isWhole: of all tokens; a few of them are not pooled.
  private func spatialContext(
    _ parts: [Tensor], isWhole: Bool, _ places: Tensor
  ) -> Tensor? {
    let (batch, steps, width) = (parts[0].shape[0], config.numFramesLatent, config.hiddenSize)
    switch config.spatialCtxMode {
    case .none:
      return nil
    case .timeMean:
      return concatenated(parts, axis: 1).mean([2])
    case .pooledLast:
      let used = config.spatialCtxIncludeVideo ? parts : [parts[0]]
      let last = used.map { $0.sliced(axis: 1, steps - config.spatialCtxLastK..<steps) }
      let selected = last.count == 1 ? last[0] : concatenated(last, axis: 1)  // [B, K, N, D]
      guard isWhole else {
        return (selected + places)
          .reshaped([batch, selected.shape[1] * selected.shape[2], width])
      }
      let (rows, columns) = (config.gridRows, config.gridColumns)
      let count = selected.shape[1]
      let pooled = meanPooled(
        selected.reshaped([batch * count, rows, columns, width]), block: config.spatialCtxPool)
      let positions = meanPooled(
        posEmbed.reshaped([1, rows, columns, width]), block: config.spatialCtxPool)
      return (pooled + positions).reshaped([batch, pooled.array.count / (batch * width), width])
    }
  }

  /// The hint of the last observed steps that is added to the query: scale · gate_t · (l + w_t (l -
  /// l')), with l and l' the track context at the last and last but one history step, w from 0 to 1
  /// over the future; and of the continuation, where that is a condition.
  private func fusion(track: Tensor, video: Tensor?, continuation: Tensor?) -> Tensor? {
    let steps = config.numFramesLatent
    let gate =
      trackFusionGateLogit.map { sigmoid($0.wrappedValue).reshaped([1, steps, 1, 1]) }
    func gated(_ scale: Tensor, _ hint: Tensor) -> Tensor {
      (gate.map { scale * $0 } ?? scale) * hint
    }

    let last = track.sliced(axis: 1, steps - 1..<steps)  // [B, 1, N, D]
    var hints: [Tensor] = []
    switch config.trackFusion {
    case .none: break
    case .addLast: hints.append(gated(trackFusionScale, last))
    case .addLastPlusVel:
      let change = last - track.sliced(axis: 1, steps - 2..<steps - 1)
      let ramp = (0..<steps).map { Float($0) / Float(steps - 1) }
      let weights = Tensor(ramp, shape: [1, steps, 1, 1], device: track.device)
      hints.append(gated(trackFusionScale, last + weights * change))
    }
    if let video, let videoFusionScale {
      hints.append(gated(videoFusionScale.wrappedValue, video.sliced(axis: 1, steps - 1..<steps)))
    }
    if let continuationProj, let continuation { hints.append(continuationProj(continuation)) }
    guard let first = hints.first else { return nil }
    return hints.dropFirst().reduce(first, +)
  }

  /// Text and global summaries of video and track, to which `velocity` adds the time: [B, D].
  private func condition(_ history: Tensor, _ video: Tensor?, _ text: Tensor?) -> Tensor {
    let steps = config.numFramesLatent
    let last = history.sliced(axis: 1, steps - 1..<steps).mean([1, 2])
    let summary = concatenated([history.mean([1, 2]), last], axis: 1)  // [B, 2C]
    var condition = betaTrackCond * trackGlobalProj(summary)
    if let video, let videoGlobalProj, let betaVideoCond {
      condition = condition + betaVideoCond.wrappedValue * videoGlobalProj(video.mean([1, 2]))
    }
    if let text, let textProj { condition = condition + textProj(text) }
    return condition
  }

  // MARK: Velocity

  /// The velocity at noisy latents `z` and flow times `time`.
  ///
  /// - Parameters:
  ///   - z: [B, L, N, C], of the tokens that the context is of.
  ///   - time: one per sample, in [0, 1].
  /// - Returns: [B, L, N, C]
  public func velocity(_ z: Tensor, time: [Float], _ context: FlowContext) -> Tensor {
    let (steps, tokens, width) = (
      config.numFramesLatent, context.positions.shape[2], config.hiddenSize
    )
    precondition(
      z.shape == [time.count, steps, tokens, config.latentChannels],
      "velocity: z \(z.shape) for \(time.count) times, expected [B, \(steps), \(tokens), "
        + "\(config.latentChannels)]")
    let embedding = SinusoidalEmbedding.cosineFirst(time, width: width).on(z.device)
    let condition = timeMlp(Tensor(embedding)) + context.condition  // [B, D]

    var x = inProj(z)  // [B, L, N, D]
    if let fusion = context.fusion { x = x + fusion }
    let stamp =
      Tensor(futureTimes.on(z.device).reshaped([1, steps, 1, width]))
      + segEmbed.sliced(axis: 0, 1..<2)
    x = x + (stamp + context.positions)

    for pair in stride(from: 0, to: blocks.count, by: 2) {
      for index in config.temporalFirst ? [pair + 1, pair] : [pair, pair + 1] {
        x = run(index, x, condition, context)
      }
    }
    let output = outProj(rmsNorm(x))
    switch config.prediction {
    case .velocity:
      return output
    case .endpoint:
      let endpoint = context.origin.map { $0 + output } ?? output
      return RectifiedFlow.way(to: endpoint, from: z, time)
    }
  }

  private func run(_ index: Int, _ x: Tensor, _ condition: Tensor, _ context: FlowContext) -> Tensor
  {
    blocks[index](
      x, condition: condition, keyValue: context.keysValues[index],
      axis: index % 2 == 0 ? .space : .time, checkpoints: checkpointsBlocks)
  }
}
