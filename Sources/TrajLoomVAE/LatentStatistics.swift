import Autograd
import Foundation
import Training

/// Running moments of latents per channel, over any number of batches.
public struct LatentMoments: Sendable {
  private var count = 0.0
  private var sums: [Double]
  private var squares: [Double]

  public init(channels: Int) {
    sums = [Double](repeating: 0, count: channels)
    squares = sums
  }

  /// Adds latents [..., C].
  public mutating func add(_ latents: NDArray) {
    let x = Tensor(latents)
    let axes = Array(0..<latents.rank - 1)
    for (channel, value) in x.sum(axes).array.scalars.enumerated() { sums[channel] += Double(value) }
    for (channel, value) in square(x).sum(axes).array.scalars.enumerated() {
      squares[channel] += Double(value)
    }
    count += Double(latents.count / sums.count)
  }

  public mutating func add(_ other: LatentMoments) {
    count += other.count
    sums = zip(sums, other.sums).map(+)
    squares = zip(squares, other.squares).map(+)
  }

  var statistics: LatentStatistics.Channels {
    let means = sums.map { $0 / max(count, 1) }
    let deviations = zip(squares, means).map { max(0, $0 / max(count, 1) - $1 * $1).squareRoot() }
    return .init(count: Int(count), mean: means, std: deviations)
  }
}

/// `latent_stats.json`, in the published layout: moments per channel of the history's, the future's and all latents of the
/// training set.
public struct LatentStatistics: Codable, Sendable {
  struct Channels: Codable, Sendable {
    var count: Int
    var mean: [Double]
    var std: [Double]
  }

  struct Block: Codable, Sendable {
    var perChannel: Channels
  }

  var zHist: Block
  var zFut: Block
  var zAll: Block

  public init(history: LatentMoments, future: LatentMoments) {
    var all = history
    all.add(future)
    zHist = Block(perChannel: history.statistics)
    zFut = Block(perChannel: future.statistics)
    zAll = Block(perChannel: all.statistics)
  }

  /// The scaling that everything uses, from all latents. The published visibility head mixes statistics; this does not.
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
        problem: "expected a positive deviation, found \(channels.std[flat]): this latent channel is constant; train the "
          + "VAE longer, or with fewer latent_channels")
    }
    return LatentScaling(mean: channels.mean.map { Float($0) }, deviation: channels.std.map { Float($0) })
  }

  /// - Throws: `ConfigError` for a file that is missing or not of this layout.
  public static func read(_ path: String) throws -> LatentStatistics {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ConfigError(
        source: path, key: "", problem: "no such file; `trajloom encode` writes it beside the latents")
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do { return try decoder.decode(LatentStatistics.self, from: data) } catch {
      throw ConfigError(
        source: path, key: "z_all.per_channel", problem: "expected latent statistics with mean and std")
    }
  }

  public func write(_ path: String) throws {
    try AtomicFile.write(Data(StrictConfig.text(self).utf8), to: path)
  }
}
