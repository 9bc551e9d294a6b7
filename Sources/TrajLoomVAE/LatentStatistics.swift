import Autograd
import Foundation
import Training

/// Running moments of latents per channel, over any number of clips.
public struct LatentMoments: Sendable {
  private var count = 0.0
  private var means: [Double]
  /// Sums of squared differences from the mean.
  private var spreads: [Double]
  private var minima: [Double]
  private var maxima: [Double]

  public init(channels: Int) {
    means = [Double](repeating: 0, count: channels)
    spreads = means
    minima = [Double](repeating: .infinity, count: channels)
    maxima = [Double](repeating: -.infinity, count: channels)
  }

  /// Adds latents [..., C].
  public mutating func add(_ latents: NDArray) {
    let x = Tensor(latents)
    let axes = Array(0..<latents.rank - 1)
    let mean = x.mean(axes)
    // Centred first: squares of a large mean would drown a small deviation.
    let spread = square(x - mean).sum(axes)
    var own = LatentMoments(channels: means.count)
    own.count = Double(latents.count / means.count)
    own.means = mean.array.scalars.map(Double.init)
    own.spreads = spread.array.scalars.map(Double.init)
    own.minima = x.min(axes).array.scalars.map(Double.init)
    own.maxima = x.max(axes).array.scalars.map(Double.init)
    add(own)
  }

  /// Merges two sets of moments (Chan, Golub and LeVeque 1979).
  public mutating func add(_ other: LatentMoments) {
    let total = count + other.count
    guard total > 0 else { return }
    for channel in means.indices {
      let difference = other.means[channel] - means[channel]
      means[channel] += difference * other.count / total
      spreads[channel] +=
        other.spreads[channel] + difference * difference * count * other.count / total
      minima[channel] = min(minima[channel], other.minima[channel])
      maxima[channel] = max(maxima[channel], other.maxima[channel])
    }
    count = total
  }

  /// The moments of all channels taken together.
  private var pooled: LatentMoments {
    means.indices.reduce(into: LatentMoments(channels: 1)) { pooled, channel in
      var own = LatentMoments(channels: 1)
      own.count = count
      (own.means, own.spreads) = ([means[channel]], [spreads[channel]])
      (own.minima, own.maxima) = ([minima[channel]], [maxima[channel]])
      pooled.add(own)
    }
  }

  private var deviations: [Double] { spreads.map { ($0 / max(count, 1)).squareRoot() } }

  /// - Precondition: latents have been added.
  var statistics: LatentStatistics.Block {
    precondition(count > 0, "LatentMoments: statistics of nothing")
    let pooled = pooled
    return .init(
      count: Int(pooled.count), mean: pooled.means[0], std: pooled.deviations[0],
      min: pooled.minima[0], max: pooled.maxima[0],
      perChannel: .init(
        count: Int(count), mean: means, std: deviations, min: minima, max: maxima))
  }
}

/// `latent_stats.json`, in the published layout: moments per channel of the history's, the future's
/// and all latents of the training set, and what they were computed from.
public struct LatentStatistics: Codable, Sendable {
  /// What the latents were made of. Files from elsewhere have none.
  public struct Origin: Codable, Sendable, Equatable {
    public var vaeSha256: String
    /// Of the VAE's configuration, which weights of the same shapes can differ in.
    public var vaeConfigSha256: String?
    public var dataHash: String
    public var valFraction: Double
    /// The `decay` of the continuations that were encoded too; nil when none were.
    public var continuationDecay: Double?

    public init(
      vaeSha256: String, vaeConfigSha256: String, dataHash: String, valFraction: Double,
      continuationDecay: Double? = nil
    ) {
      self.vaeSha256 = vaeSha256
      self.vaeConfigSha256 = vaeConfigSha256
      self.dataHash = dataHash
      self.valFraction = valFraction
      self.continuationDecay = continuationDecay
    }
  }

  struct Channels: Codable, Sendable {
    var count: Int?
    var mean: [Double]
    var std: [Double]
    var min: [Double]?
    var max: [Double]?
  }

  /// Of all channels together, and of each. Only the latter is computed with.
  struct Block: Codable, Sendable {
    var count: Int?
    var mean: Double?
    var std: Double?
    var min: Double?
    var max: Double?
    var perChannel: Channels
  }

  public var origin: Origin?
  var zHist: Block
  var zFut: Block
  var zAll: Block
  /// 1 / the deviation of all latents together, for those who scale by one number.
  var suggestedLatentScale: Double?

  /// - Precondition: both have latents.
  public init(history: LatentMoments, future: LatentMoments, origin: Origin? = nil) {
    self.origin = origin
    var all = history
    all.add(future)
    zHist = history.statistics
    zFut = future.statistics
    zAll = all.statistics
    suggestedLatentScale = zAll.std.flatMap { $0 > 0 ? 1 / $0 : nil }
  }

  /// The scaling that everything uses, from all latents. The published visibility head mixes
  /// statistics; this does not.
  /// - Throws: `ConfigError` naming a channel whose deviation is not positive.
  public func scaling(source: String) throws -> LatentScaling {
    let channels = zAll.perChannel
    guard channels.mean.count == channels.std.count, !channels.std.isEmpty else {
      throw ConfigError(
        source: source, key: "z_all.per_channel",
        problem: "expected as many deviations as means, found \(channels.std.count) and "
          + "\(channels.mean.count)")
    }
    if let flat = channels.std.firstIndex(where: { !($0 > 1e-8) }) {
      throw ConfigError(
        source: source, key: "z_all.per_channel.std[\(flat)]",
        problem:
          "expected a positive deviation, found \(channels.std[flat]): this latent channel is constant; train the "
          + "VAE longer, or with fewer latent_channels")
    }
    return LatentScaling(
      mean: channels.mean.map { Float($0) }, deviation: channels.std.map { Float($0) })
  }

  /// - Throws: `ConfigError` for a file that is missing or not of this layout.
  public static func read(_ path: String) throws -> LatentStatistics {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ConfigError(
        source: path, key: "",
        problem: "no such file; `trajloom encode` writes it beside the latents")
    }
    return try LatentStatistics(json: data, source: path)
  }

  /// - Throws: `ConfigError` for JSON of another layout.
  public init(json: Data, source: String) throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do { self = try decoder.decode(LatentStatistics.self, from: json) } catch {
      throw ConfigError(
        source: source, key: "z_all.per_channel",
        problem: "expected latent statistics with mean and std")
    }
  }

  /// The file's text.
  public func json() throws -> Data { Data(try StrictConfig.text(self).utf8) }
}
