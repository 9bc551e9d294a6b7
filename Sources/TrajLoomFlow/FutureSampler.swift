import Autograd
import DataPipeline
import Foundation
import TrajLoomVAE

/// Draws futures: latents by solving the flow, points through the VAE's decoder, visibility through
/// its head.
public struct FutureSampler {
  /// One drawn future of one clip.
  public struct Future: Sendable {
    /// [T, N, 2], pixels.
    public let positions: [Float]
    /// Probability of being visible, [T, N]; 1 without a head.
    public let probability: [Float]
  }

  private let flow: TrajectoryDiT
  private let vae: TrajectoryVAE
  private let visibility: VisibilityPredictor?
  private let scaling: LatentScaling
  private let matching: FlowMatchingConfig
  private let correction: ContinuationCorrection
  private let solver: ODESolver
  private let steps: Int
  private let seed: UInt64

  /// - Parameter visibility: nil to look at positions alone.
  public init(
    flow: TrajectoryDiT, vae: TrajectoryVAE, visibility: VisibilityPredictor?,
    scaling: LatentScaling, matching: FlowMatchingConfig, correction: ContinuationCorrection,
    solver: ODESolver, steps: Int, seed: UInt64
  ) {
    self.flow = flow
    self.vae = vae
    self.visibility = visibility
    self.scaling = scaling
    self.matching = matching
    self.correction = correction
    self.solver = solver
    self.steps = steps
    self.seed = seed
  }

  /// Encodes a history and its conditions. Done once for all samples of a clip.
  /// - Parameters:
  ///   - tracks: [T, N, 2], pixels; `visibility`: 0 or 1, [T, N].
  ///   - video: frames [T, H/4, W/4, 3] in [0, 1], or latents [L, N, Cv]; as the flow's
  ///     configuration has it.
  ///   - text: [E], when it comes precomputed.
  public func prepare(
    id: String, tracks: NDArray, visibility: NDArray, caption: String, video: NDArray?,
    text: NDArray?
  ) -> PreparedClip {
    func batched(_ array: NDArray) -> NDArray { array.reshaped([1] + array.shape) }
    let stride = vae.config.latentStride
    let isPatch = flow.config.videoSource == .patch
    func encoded(_ tracks: NDArray) -> NDArray {
      vae.encode(vae.anchor.normalize(batched(tracks))).mean.array
    }
    let latents = encoded(tracks)
    let continuation =
      flow.config.useContinuationCond || matching.x0Mode == .continuation
      ? vae.continuation(of: tracks, visibility, decay: matching.x0VelocityDecay) : nil
    let zContinuation = continuation.map(encoded)
    let batch = LatentBatch(
      clips: [id], captions: [caption], zHistory: latents, zFuture: latents,
      zContinuation: zContinuation,
      historyVisibility: latentVisibility(batched(visibility), stride: stride),
      futureVisibility: latentVisibility(batched(visibility), stride: stride),
      video: isPatch ? video.map(batched) : nil, videoLatents: isPatch ? nil : video.map(batched),
      textEmbedding: text.map(batched))
    var base: ContinuationCorrection.Base?
    if correction.correctContinuation, let continuation, let zContinuation {
      let curved = vae.continuation(
        of: tracks, visibility, decay: matching.x0VelocityDecay, curves: true)
      base = ContinuationCorrection.Base(
        continuation: batched(continuation), decoded: decoded(zContinuation),
        curved: batched(curved))
    }
    return PreparedClip(
      id: id, anchors: RectifiedFlow.Anchors(batch, scaling),
      base: base,
      context: flow.context(flow.conditions(batch, scaling, keepsText: nil)))
  }

  /// A prepared clip.
  public struct PreparedClip {
    let id: String
    let anchors: RectifiedFlow.Anchors  // of one clip
    /// What futures correct, where they do.
    let base: ContinuationCorrection.Base?
    let context: FlowContext
  }

  /// Sample number `sample` of a clip: it depends on the seed, the clip's id and the number alone.
  public func draw(_ clip: PreparedClip, sample: Int) -> Future {
    draw(clip, sample: sample, willStep: { _ in })
  }

  /// The same.
  /// - Parameter willStep: called before each step of the solver with its number; what it throws ends
  ///   the drawing.
  public func draw(
    _ clip: PreparedClip, sample: Int, willStep: (_ step: Int) throws -> Void
  ) rethrows -> Future {
    let stream = "sample/\(clip.id)"
    let shape = clip.anchors.history.shape
    let source = RectifiedFlow.source(
      noise: Philox(seed: seed, stream: stream)
        .normal(shape, step: 0, firstSample: sample),
      anchorNoise: Philox(seed: seed, stream: stream + "/anchor")
        .normal([1, 1, shape[2], shape[3]], step: 0, firstSample: sample),
      anchors: clip.anchors, matching.x0Mode, noiseDeviation: Float(matching.x0NoiseStd))
    let z = try solver.solve(from: source, steps: steps, willStep: willStep) { z, time in
      flow.velocity(z, time: [time], clip.context)
    }
    let own = decoded(scaling.unscale(z))  // [1, T, N, 2]
    let points = clip.base.map { correction.apply(own, to: $0) } ?? own
    let (frames, stride) = (vae.config.numFramesIn, vae.config.latentStride)
    let probability = visibility.map { head in
      let logits = head(Tensor(z), history: Tensor(clip.anchors.history))
      return framewise(sigmoid(logits).array, frames: frames, stride: stride).scalars
    }
    return Future(
      positions: points.scalars,
      probability: probability ?? Array(repeating: 1, count: points.count / 2))
  }

  /// Unscaled latents as points in pixels.
  private func decoded(_ latents: NDArray) -> NDArray {
    vae.anchor.denormalize(vae.decodePoints(Tensor(latents)).array)
  }
}
