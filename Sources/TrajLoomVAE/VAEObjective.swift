import Autograd
import DataPipeline
import Training

/// Training of the trajectory VAE: reconstruction, KL and spatiotemporal consistency of history and
/// future segments.
public struct VAEObjective: Objective {
  public let model: TrajectoryVAE
  private let lossConfig: VAELossConfig
  private let noise: Philox

  public init(_ model: TrajectoryVAE, _ loss: VAELossConfig, seed: UInt64) {
    self.model = model
    lossConfig = loss
    noise = Philox(seed: seed, stream: "posterior")
  }

  public func loss(_ batch: TrackBatch, index: Int) -> (loss: Tensor, terms: [Term]) {
    let (points, visibility) = model.inputs(batch)
    let (total, terms) = model.loss(
      points: points, visibility: visibility,
      noise: noise.normal(model.latentShape(batch: batch.clips.count), step: index), lossConfig)
    return (
      total,
      [
        Term("reconstruction", terms.reconstruction), Term("kl", terms.kl),
        Term("velocity", terms.velocity), Term("neighbor", terms.neighbor),
      ]
    )
  }

  /// VEPE: the mean distance in pixels between visible points and their reconstruction from the
  /// posterior mean.
  public func evaluate(_ batch: TrackBatch, index: Int) -> [PooledMetric] {
    let reconstruction = model.reconstruct(batch)
    let visibility = batch.visibility.reshaped(Array(reconstruction.shape.dropLast()))
    let difference =
      Tensor(reconstruction) - Tensor(batch.tracks.reshaped(reconstruction.shape))
    let distances = sqrt(square(difference).sum([3])) * Tensor(visibility)
    return [
      PooledMetric(
        "vepe_px", sum: Double(distances.sum().array.item),
        count: Double(Tensor(visibility).sum().array.item))
    ]
  }

  public func clips(_ batch: TrackBatch) -> [String] { batch.clips }
}

extension TrajectoryVAE {
  /// A batch as the model takes it: normalised points [B, T, N, 2] and visibility [B, T, N].
  public func inputs(_ batch: TrackBatch) -> (points: NDArray, visibility: NDArray) {
    let shape = [batch.clips.count, batch.tracks.shape[1], config.tokens]
    return (anchor.normalize(batch.tracks.reshaped(shape + [2])), batch.visibility.reshaped(shape))
  }

  /// A batch's tracks as the posterior mean keeps them, in pixels, [B, T, N, 2].
  public func reconstruct(_ batch: TrackBatch) -> NDArray {
    let posterior = encode(inputs(batch).points)
    return anchor.denormalize(decodePoints(Tensor(posterior.mean.array)).array)
  }

  /// [B, L, N, C]
  public func latentShape(batch: Int) -> [Int] {
    [batch, config.numFramesLatent, config.tokens, config.latentChannels]
  }
}
