import Autograd
import DataPipeline
import Training
import TrajLoomBench
import TrajLoomFlow
import TrajLoomVAE

/// A few clips that a run does not train on, for pictures of what its model does to them.
struct HeldOutClips {
  private let data: SampleData
  private let indices: [Int]

  /// - Throws: `DataError`
  init(_ windows: ClipWindows) throws {
    let set = try ShardSet(path: windows.path)
    data = SampleData(name: windows.path, histories: set, futures: set, windows)
    indices = Array(try set.split(validationFraction: windows.valFraction).validation.prefix(2))
  }

  /// The clips with what `predict` makes of their futures.
  func rows(_ predict: (SampleClip, PointTracks) throws -> PointTracks) throws
    -> [FuturePicture.Row]
  {
    try indices.compactMap { index in
      let clip = try data.read(index)
      guard let truth = clip.truth else { return nil }
      let future = PointTracks(truth.tracks, truth.visibility)
      return FuturePicture.Row(
        title: clip.id, caption: clip.caption, frameWidth: clip.geometry.width,
        frameHeight: clip.geometry.height, history: PointTracks(clip.tracks, clip.visibility),
        truth: future, samples: [try predict(clip, future)],
        background: clip.conditions.lastFrame(clip.geometry))
    }
  }

  /// The true futures as a VAE reconstructs them.
  func reconstructions(_ vae: TrajectoryVAE) throws -> [FuturePicture.Row] {
    try rows { clip, future in
      let points = vae.anchor.normalize(clip.truth!.tracks.batched)
      let reconstruction = vae.anchor.denormalize(vae.decodePoints(vae.encode(points).mean).array)
      return PointTracks(reconstruction, clip.truth!.visibility)
    }
  }

  /// Futures that a generator draws.
  func futures(_ config: FlowRunConfig, _ sampler: FutureSampler) throws -> [FuturePicture.Row] {
    try rows { clip, future in
      let prepared = sampler.prepare(
        id: clip.id, tracks: clip.tracks, visibility: clip.visibility, caption: clip.caption,
        video: clip.video(for: config.flow), text: clip.text(for: config.flow))
      let drawn = sampler.draw(prepared, sample: 0)
      return PointTracks(
        frames: future.frames, points: future.points, positions: drawn.positions,
        visibility: drawn.probability.map { $0 > 0.5 ? 1 : 0 })
    }
  }

  /// The true futures with the visibility that a head makes of their latents.
  func visibilities(
    _ head: VisibilityPredictor, _ vae: TrajectoryVAE, _ scaling: LatentScaling, threshold: Float
  ) throws -> [FuturePicture.Row] {
    try rows { clip, future in
      func latents(_ tracks: NDArray) -> Tensor {
        Tensor(scaling.scale(vae.encode(vae.anchor.normalize(tracks.batched)).mean.array))
      }
      let logits = head(latents(clip.truth!.tracks), history: latents(clip.tracks))
      let probability = framewise(
        sigmoid(logits).array, frames: future.frames, stride: vae.config.latentStride)
      return PointTracks(
        frames: future.frames, points: future.points, positions: future.positions,
        visibility: probability.scalars.map { $0 > threshold ? 1 : 0 })
    }
  }
}

extension PointTracks {
  /// - Parameters:
  ///   - tracks: [T, N, 2], or one such in a batch; `visibility`: 0 or 1, [T, N].
  fileprivate init(_ tracks: NDArray, _ visibility: NDArray) {
    self.init(
      frames: visibility.shape[0], points: visibility.shape[1], positions: tracks.scalars,
      visibility: visibility.scalars.map { $0 > 0.5 ? 1 : 0 })
  }
}

extension NDArray {
  /// As a batch of one.
  fileprivate var batched: NDArray { reshaped([1] + shape) }
}
