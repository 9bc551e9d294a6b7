import Autograd

/// A learned causal video encoder for people without a video VAE, trained with the flow: the first
/// frame alone, then groups of `latent_time_stride` frames, each cell's pixels through a small MLP.
public struct VideoTubeletEncoder: Module {
  let mlp: MLP
  private let config: FlowConfig

  /// Pixels of a quarter-size frame along a cell's side.
  private var patch: Int { config.patchSize / 4 }

  init(_ config: FlowConfig, _ initializer: inout Initializer) {
    self.config = config
    let patch = config.patchSize / 4
    let inputs = config.latentTimeStride * patch * patch * 3
    let hidden = 4 * config.videoLatentChannels
    mlp = MLP(
      fc1: Linear(inputs, hidden, &initializer),
      fc2: Linear(hidden, config.videoLatentChannels, &initializer))
  }

  /// Frames [B, T, H/4, W/4, 3] in [0, 1] → latents [B, L, N, Cv]. Latent k sees frames up to
  /// stride · k and no later one.
  func callAsFunction(_ frames: Tensor) -> Tensor {
    let (rows, columns) = (config.gridRows, config.gridColumns)
    let (batch, stride, latents) = (
      frames.shape[0], config.latentTimeStride, config.numFramesLatent
    )
    precondition(
      frames.shape == [batch, config.numFramesIn, rows * patch, columns * patch, 3],
      "video: frames \(frames.shape), expected [B, \(config.numFramesIn), \(rows * patch), "
        + "\(columns * patch), 3]")
    // The first frame fills its whole group.
    let first = frames.sliced(axis: 1, 0..<1)
    let padded = concatenated([Tensor](repeating: first, count: stride - 1) + [frames], axis: 1)
    let tubelets =
      (padded * 2 - 1)
      .reshaped([batch, latents, stride, rows, patch, columns, patch, 3])
      .permuted([0, 1, 3, 5, 2, 4, 6, 7])
      .reshaped([batch, latents, rows * columns, stride * patch * patch * 3])
    return mlp(tubelets)
  }
}

/// Captions as the mean of learned embeddings of hashed words and word pairs, trained with the
/// flow: no tokenizer, no language model.
public struct TextHashEncoder: Module {
  static let buckets = 4096
  @Parameter var table: Tensor  // [buckets, E]

  init(width: Int, _ initializer: inout Initializer) {
    table = initializer.normal([Self.buckets, width], deviation: 0.5)
  }

  /// [captions.count, E]; a caption without a word is zero.
  public func callAsFunction(_ captions: [String]) -> Tensor {
    let features = captions.map(Self.features)
    let indices = features.flatMap { $0 }
    let width = table.shape[1]
    guard !indices.isEmpty else {
      return Tensor(NDArray.zeros([captions.count, width], device: table.device))
    }
    // A row per caption with 1 / (its features) at each of them: the mean as a product.
    var weights = [Float](repeating: 0, count: captions.count * indices.count)
    var start = 0
    for (row, own) in features.enumerated() {
      for i in own.indices { weights[row * indices.count + start + i] = 1 / Float(own.count) }
      start += own.count
    }
    let mean = Tensor(weights, shape: [captions.count, indices.count], device: table.device)
    return matmul(mean, embedding(table, indices))
  }

  /// The buckets of a caption's words and pairs of neighbouring words, in lower case.
  static func features(_ caption: String) -> [Int] {
    let words = caption.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
    let pairs = zip(words, words.dropFirst()).map { "\($0) \($1)" }
    return (words + pairs).map { Int(fnv1a($0)) % buckets }
  }
}
