import Autograd
import DataPipeline
import Training

/// Training of the trajectory VAE: reconstruction, KL and spatiotemporal consistency of history and
/// future segments.
public struct VAEObjective: Objective {
  public let model: TrajectoryVAE
  private let lossConfig: VAELossConfig
  private let noise: Philox
  /// A stream of its own: validation draws the same noise whenever it comes.
  private let validationNoise: Philox

  public init(_ model: TrajectoryVAE, _ loss: VAELossConfig, seed: UInt64) {
    self.model = model
    lossConfig = loss
    noise = Philox(seed: seed, stream: "posterior")
    validationNoise = Philox(seed: seed, stream: "posterior/validation")
  }

  public func loss(_ batch: TrackBatch, at place: BatchPlace) -> (loss: Tensor, terms: [Term]) {
    let (points, visibility) = model.inputs(batch)
    let (total, terms) = model.loss(
      points: points, visibility: visibility,
      noise: noise.normal(
        model.latentShape(batch: batch.clips.count), step: place.number,
        firstSample: place.slots.lowerBound), lossConfig)
    return (
      total,
      [
        Term("reconstruction", terms.reconstruction), Term("kl", terms.kl),
        Term("velocity", terms.velocity), Term("neighbor", terms.neighbor),
      ]
    )
  }

  /// VEPE, the mean distance in pixels between visible points and their reconstruction from the
  /// posterior mean; and the training loss.
  public func evaluate(_ batch: TrackBatch, index: Int) -> [PooledMetric] {
    let (points, visibility) = model.inputs(batch)
    let posterior = model.encode(points)
    let (loss, _) = model.loss(
      of: posterior, points: points, visibility: visibility,
      noise: validationNoise.normal(model.latentShape(batch: batch.clips.count), step: index),
      lossConfig)
    let reconstruction = model.reconstruct(posterior)
    let difference =
      Tensor(reconstruction) - Tensor(batch.tracks.reshaped(reconstruction.shape))
    let distances = sqrt(square(difference).sum([3])) * Tensor(visibility)
    return [
      PooledMetric(
        "vepe_px", sum: Double(distances.sum().array.item),
        count: Double(Tensor(visibility).sum().array.item)),
      PooledMetric(
        "loss", sum: Double(loss.array.item) * Double(batch.clips.count),
        count: Double(batch.clips.count)),
    ]
  }

  public var monitored: [String] { ["vepe_px", "loss"] }

  public func clips(_ batch: TrackBatch) -> [String] { batch.clips }
}

extension TrajectoryVAE {
  /// A batch as the model takes it: normalised points [B, T, N, 2] and visibility [B, T, N].
  public func inputs(_ batch: TrackBatch) -> (points: NDArray, visibility: NDArray) {
    let shape = [batch.clips.count, batch.tracks.shape[1], config.tokens]
    return (anchor.normalize(batch.tracks.reshaped(shape + [2])), batch.visibility.reshaped(shape))
  }

  /// What follows a history if every point goes on as it last moved: see
  /// `DataPipeline.continuation`.
  /// - Parameters:
  ///   - tracks: [T, N, 2], pixels; `visibility`: 0 or 1, [T, N].
  /// - Returns: as many frames as the model takes, [T, N, 2], pixels.
  public func continuation(
    of tracks: NDArray, _ visibility: NDArray, decay: Double, curves: Bool = false
  ) -> NDArray {
    DataPipeline.continuation(
      of: tracks, visibility: visibility, decay: decay, curves: curves, frames: config.numFramesIn,
      height: config.inputHeight, width: config.inputWidth)
  }

  /// A batch's tracks as the posterior mean keeps them, in pixels, [B, T, N, 2].
  public func reconstruct(_ batch: TrackBatch) -> NDArray {
    reconstruct(encode(inputs(batch).points))
  }

  /// The points that a posterior's mean stands for, in pixels, [B, T, N, 2].
  func reconstruct(_ posterior: Posterior) -> NDArray {
    anchor.denormalize(decodePoints(posterior.mean).array)
  }

  /// [B, L, N, C]
  public func latentShape(batch: Int) -> [Int] {
    [batch, config.numFramesLatent, config.tokens, config.latentChannels]
  }
}
