import Autograd

// B batch, T frames, L latent frames, N cells (tokens per frame), D width, C latent channels, p
// samples along a cell's side.

/// The posterior over latents: a diagonal normal.
public struct Posterior {
  public let mean: Tensor  // [B, L, N, C]
  public let scale: Tensor  // [B, L, N, C], positive

  /// mean + scale · noise
  /// - Parameter noise: draws from N(0, 1), [B, L, N, C].
  public func sample(_ noise: NDArray) -> Tensor { mean + scale * Tensor(noise) }
}

/// TrajLoom-VAE (arXiv 2603.22606, section 3.2; `models/trajloom_vae.py` of zewei-Zhang/TrajLoom):
/// a transformer over grid-anchored tracks with attention that alternates over space and time, and
/// time compressed in the middle.
///
/// Points go in and come out as absolute normalised coordinates, [B, T, N, 2]; inside, the network
/// sees offsets from the grid. The dense field that the published code builds is never built on the
/// way in: on a cell the field is the cell's point minus a ramp that is the same in every cell, so
/// the patch embedding is affine in that point.
///
/// With `use_temp_compress` half of the blocks run on T frames and half on L = 1 + (T - 1) /
/// stride; without, all on T.
public struct TrajectoryVAE: Module {
  public let config: VAEConfig
  public let anchor: GridAnchor

  @Buffer var posEmbed: NDArray  // [1, N, D]
  @Buffer var tempEmbedIn: NDArray  // [1, T, D]
  /// Part of published checkpoints; computing uses `anchor`, which holds the same numbers in less
  /// room.
  let offsetAnchorGrid: Buffer?  // [1, 1, 2, H, W]
  let tempCompressor: TemporalCompressor?
  let tempExpander: TemporalExpander?
  let xEmbedder: PatchEmbedding
  let patchPosLff: FourierFeatures
  let patchPosProj: Linear
  let toLatents: Linear  // D -> 2C: mean, log variance
  let fromLatents: Linear  // C -> D
  let encoderBlocks: [TrajectoryTransformerBlock]
  let decoderBlocks: [TrajectoryTransformerBlock]
  let finalLayer: Linear  // D -> p·p·2
  private let centers: NDArray  // [N, 2]
  private let checkpointsBlocks: Bool

  /// A model with the published initialisation: Xavier-uniform projections, zero gates and last
  /// layer.
  ///
  /// - Parameter checkpointsBlocks: keep only the blocks' inputs for the backward pass and compute
  ///   the rest again.
  /// - Throws: `ConfigError` if the configuration does not fit together.
  public init(_ config: VAEConfig, seed: UInt64, checkpointsBlocks: Bool = false) throws {
    try config.validate()
    var initializer = Initializer(seed: seed)
    let width = config.hiddenSize
    self.config = config
    self.checkpointsBlocks = checkpointsBlocks
    anchor = GridAnchor(config)
    centers = patchCenters(rows: config.gridRows, columns: config.gridColumns)
    posEmbed = SinusoidalEmbedding.grid(
      rows: config.gridRows, columns: config.gridColumns, width: width
    ).reshaped([1, config.tokens, width])
    tempEmbedIn = SinusoidalEmbedding.sineFirst(
      (0..<config.numFramesIn).map(Double.init), width: width
    ).reshaped([1, config.numFramesIn, width])
    offsetAnchorGrid =
      config.encoding == .pixel && config.useOffsets
      ? Buffer(wrappedValue: GridAnchor.pixelCenters(config)) : nil
    tempCompressor =
      config.useTempCompress
      ? TemporalCompressor(width: width, stride: config.tempStride, &initializer) : nil
    tempExpander =
      config.useTempCompress
      ? TemporalExpander(width: width, stride: config.tempStride, &initializer) : nil
    xEmbedder = PatchEmbedding(
      samples: config.fieldPatch, patch: config.patchSize, width: width, &initializer)
    patchPosLff = FourierFeatures(
      width: config.posEmbedDim, hidden: 4 * config.posEmbedDim, &initializer)
    patchPosProj = Linear(xavier: config.posEmbedDim, width, &initializer)
    toLatents = Linear(xavier: width, 2 * config.latentChannels, &initializer)
    fromLatents = Linear(xavier: config.latentChannels, width, &initializer)
    func block() -> TrajectoryTransformerBlock {
      TrajectoryTransformerBlock(
        width: width, heads: config.numHeads, mlpRatio: config.mlpRatio, &initializer)
    }
    encoderBlocks = (0..<config.encoderDepth).map { _ in block() }
    decoderBlocks = (0..<config.decoderDepth).map { _ in block() }
    finalLayer = Linear(zeros: width, config.fieldPatch * config.fieldPatch * 2)
  }

  /// The posterior of the latents.
  /// - Parameter points: absolute normalised coordinates, [B, T, N, 2].
  public func encode(_ points: NDArray) -> Posterior {
    precondition(
      points.rank == 4
        && Array(points.shape.dropFirst()) == [config.numFramesIn, config.tokens, 2],
      "encode: points \(points.shape), expected [B, \(config.numFramesIn), \(config.tokens), 2]")
    let device = points.device
    var x = embed(points)
    let positions = patchPosProj(patchPosLff(Tensor(centers.on(device))))  // [N, D], all frames
    x = x + (positions + Tensor(posEmbed.reshaped(positions.shape)))  // [B, T, N, D]
    if let tempCompressor {
      let middle = config.encoderDepth / 2
      x = run(encoderBlocks[..<middle], x, addsTime: true)
      x = tempCompressor(x)  // [B, L, N, D]
      x = run(encoderBlocks[middle...], x, addsTime: false)
    } else {
      x = run(encoderBlocks[...], x, addsTime: true)
    }
    let statistics = toLatents(x)  // [B, L, N, 2C]
    let channels = config.latentChannels
    let mean = statistics.sliced(axis: 3, 0..<channels)
    let logVariance = statistics.sliced(axis: 3, channels..<2 * channels)
    // softplus(logvar / 2), which is not exp(logvar / 2): as published.
    return Posterior(mean: mean, scale: softplus(0.5 * logVariance) + 1e-8)
  }

  /// Points [B, T, N, 2] → tokens [B, T, N, D], before positions.
  package func embed(_ points: NDArray) -> Tensor {
    let (origin, ramp) = (anchor.origin.on(points.device), anchor.ramp.on(points.device))
    return xEmbedder(Tensor(points) - Tensor(origin), ramp)
  }

  /// The absolute normalised coordinates of each cell's query point, [B, T, N, 2].
  public func decodePoints(_ z: Tensor) -> Tensor { points(tokens: decodeTokens(z)) }

  /// Tokens [B, T, N, D] → points [B, T, N, 2], by the two rows of the last layer that they depend
  /// on.
  package func points(tokens: Tensor) -> Tensor {
    let topLeft = linear(
      tokens, finalLayer.weight.sliced(axis: 0, 0..<2), finalLayer.bias.sliced(axis: 0, 0..<2))
    return topLeft + firstAnchor(tokens.device)
  }

  /// [B, L, N, C] → [B, T, N, D], before the last layer.
  func decodeTokens(_ z: Tensor) -> Tensor {
    precondition(
      z.rank == 4
        && Array(z.shape.dropFirst())
          == [config.numFramesLatent, config.tokens, config.latentChannels],
      "decode: latents \(z.shape), expected [B, \(config.numFramesLatent), \(config.tokens), "
        + "\(config.latentChannels)]")
    var x = fromLatents(z)
    guard let tempExpander else { return run(decoderBlocks[...], x, addsTime: false) }
    let middle = config.decoderDepth / 2
    x = run(decoderBlocks[..<middle], x, addsTime: false)
    x = tempExpander(x)  // [B, T, N, D]
    return run(decoderBlocks[middle...], x, addsTime: false)
  }

  /// Blocks over space, time, space, ...; the alternation starts anew in every stage. Time is
  /// embedded once, before the first temporal block of the encoder.
  private func run(
    _ blocks: ArraySlice<TrajectoryTransformerBlock>, _ x: Tensor, addsTime: Bool
  ) -> Tensor {
    var x = x
    for (index, block) in blocks.enumerated() {
      if addsTime && index == 1 {
        x = x + Tensor(tempEmbedIn.reshaped([1, tempEmbedIn.shape[1], 1, config.hiddenSize]))
      }
      x = block(x, axis: index % 2 == 0 ? 2 : 1, checkpoints: checkpointsBlocks)
    }
    return x
  }

  /// The anchor of each cell's first sample, [N, 2].
  func firstAnchor(_ device: Device) -> Tensor {
    let corner = anchor.ramp.on(device).reshaped([anchor.ramp.count / 2, 2])
    return Tensor(anchor.origin.on(device)) + Tensor(corner).sliced(axis: 0, 0..<1)
  }
}

/// The published patch convolution, applied to a field that is a point per cell minus a ramp.
///
/// W * (point · 1 - ramp) + b = S·point + (b - W·ramp), with S the sums of the kernel over each
/// channel's samples: exact, and so is its gradient.
struct PatchEmbedding: Module {
  let proj: PatchKernel

  /// - Parameters:
  ///   - samples: along a cell's side.
  ///   - patch: pixels along a cell's side.
  init(samples: Int, patch: Int, width: Int, _ initializer: inout Initializer) {
    proj = PatchKernel(samples: samples, patch: patch, width: width, &initializer)
  }

  /// - Parameters:
  ///   - points: offsets from each cell's origin, [B, T, N, 2].
  ///   - ramp: [p, p, 2]
  /// - Returns: [B, T, N, D]
  func callAsFunction(_ points: Tensor, _ ramp: NDArray) -> Tensor {
    let width = proj.weight.shape[0]
    let samples = ramp.count / 2
    let kernel = proj.weight.reshaped([width, 2, samples])
    let ramp = Tensor(ramp.reshaped([samples, 2])).permuted([1, 0]).reshaped([2 * samples, 1])
    let offset = matmul(kernel.reshaped([width, 2 * samples]), ramp).reshaped([width])
    return linear(points, kernel.sum([2]), proj.bias - offset)
  }
}

struct PatchKernel: Module {
  @Parameter var weight: Tensor  // [D, 2, p, p]
  @Parameter var bias: Tensor  // [D]

  /// Xavier-uniform over the pixels of a patch, as published. Where one sample stands for all of
  /// them, its weight is as large as their sum would be: started at Xavier's bound for two inputs
  /// instead, tokens hardly depend on the points, and training stays for hundreds of steps where
  /// everything stands still.
  init(samples: Int, patch: Int, width: Int, _ initializer: inout Initializer) {
    func variance(inputs: Int) -> Float { 2 / Float(inputs + width) }
    let pixelsPerSample = Float((patch / samples) * (patch / samples))
    let gain =
      (pixelsPerSample * variance(inputs: 2 * patch * patch)
      / variance(inputs: 2 * samples * samples)).squareRoot()
    weight = gain * initializer.xavierUniform([width, 2, samples, samples])
    bias = .zeros([width])
  }
}

/// T → L frames: kernel 2·stride - 1 over time, ends replicated.
struct TemporalCompressor: Module {
  let conv: Convolution1D

  init(width: Int, stride: Int, _ initializer: inout Initializer) {
    conv = Convolution1D(
      width, width, kernel: 2 * stride - 1, stride: stride, padding: .replicate(stride - 1),
      &initializer)
  }

  func callAsFunction(_ x: Tensor) -> Tensor { conv(x) }
}

/// L → T frames. The published expander pads the latents by replication and crops the result; the
/// two cancel exactly, so a plain transposed convolution is the same function.
struct TemporalExpander: Module {
  let deconv: TransposedConvolution1D

  init(width: Int, stride: Int, _ initializer: inout Initializer) {
    deconv = TransposedConvolution1D(
      width, width, kernel: 2 * stride - 1, stride: stride, padding: stride - 1, &initializer)
  }

  func callAsFunction(_ x: Tensor) -> Tensor { deconv(x) }
}
