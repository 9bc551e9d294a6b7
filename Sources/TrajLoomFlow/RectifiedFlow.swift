import Autograd
import Foundation
import Training

/// How noisy inputs and their weights are made in training (arXiv 2603.22606, section 3.3; the
/// published keys).
public struct FlowMatchingConfig: Codable, Sendable, Equatable {
  public enum Source: String, ConfigChoice {
    /// N(0, I)
    case noise
    /// N(0, I), and at the first future step the last history latent plus a little noise.
    case anchorFirst = "anchor_first"
    /// The last history latent plus a little noise at every future step, as the paper first writes
    /// it.
    case anchorAll = "anchor_all"
    /// The latents of the history's continuation plus a little noise, so that what goes on as it was
    /// has no way to go. Not in the paper.
    case continuation
  }

  public enum TimeSampling: String, ConfigChoice {
    case uniform
    /// sigmoid(N(0, 1))
    case logitNormal = "logit_normal"
  }

  public var x0Mode: Source
  public var x0NoiseStd: Double
  /// What is left of a point's last velocity after each frame of its continuation, from 0 (it stands
  /// still) to 1 (it goes on).
  public var x0VelocityDecay: Double
  public var fmUseVisMask: Bool
  public var fmInvisWeight: Double
  /// Deviation of the noise that is added to the model's input and not to its target.
  public var fmSigma: Double
  public var tSampling: TimeSampling
  /// With this probability t is drawn uniformly from [0, `tSmallMax`].
  public var tSmallProb: Double
  public var tSmallMax: Double
  /// How many tokens of each clip a training step looks at, drawn by importance; 0 for all of them.
  public var tokenDraws: Int

  public init(
    x0Mode: Source, x0NoiseStd: Double, x0VelocityDecay: Double = 1, fmUseVisMask: Bool,
    fmInvisWeight: Double, fmSigma: Double,
    tSampling: TimeSampling, tSmallProb: Double, tSmallMax: Double,
    tokenDraws: Int = 0
  ) {
    self.x0Mode = x0Mode
    self.x0NoiseStd = x0NoiseStd
    self.x0VelocityDecay = x0VelocityDecay
    self.fmUseVisMask = fmUseVisMask
    self.fmInvisWeight = fmInvisWeight
    self.fmSigma = fmSigma
    self.tSampling = tSampling
    self.tSmallProb = tSmallProb
    self.tSmallMax = tSmallMax
    self.tokenDraws = tokenDraws
  }

  /// The flow time of one sample from three independent draws.
  /// - Parameters:
  ///   - choice: uniform in [0, 1): whether t is small.
  ///   - uniform: uniform in [0, 1).
  ///   - normal: from N(0, 1).
  func time(choice: Float, uniform: Float, normal: Float) -> Float {
    if choice < Float(tSmallProb) { return uniform * Float(tSmallMax) }
    switch tSampling {
    case .uniform: return uniform
    case .logitNormal: return 1 / (1 + expf(-normal))
    }
  }
}

/// Rectified flow over latents: straight paths z_t = (1 - t) z_0 + t z_1 from a source to the data.
public enum RectifiedFlow {
  /// What a source state can start from, scaled, [B, L, N, C].
  public struct Anchors {
    public var history: NDArray
    /// Of the history as it would go on; `continuation` alone needs it.
    public var continuation: NDArray?

    public init(history: NDArray, continuation: NDArray? = nil) {
      self.history = history
      self.continuation = continuation
    }
  }

  /// The source state. `anchor_first` starts the first future step from the last history latent,
  /// `anchor_all` every one, `continuation` each from what the history would go on to.
  ///
  /// - Parameters:
  ///   - noise: N(0, 1), [B, L, N, C].
  ///   - anchorNoise: N(0, 1), [B, 1, N, C].
  /// - Precondition: with `continuation` the anchors have it.
  public static func source(
    noise: NDArray, anchorNoise: NDArray, anchors: Anchors, _ mode: FlowMatchingConfig.Source,
    noiseDeviation: Float
  ) -> NDArray {
    let steps = noise.shape[1]
    let last = Tensor(anchors.history).sliced(axis: 1, steps - 1..<steps)
    switch mode {
    case .noise:
      return noise
    case .anchorFirst:
      let anchored = last + noiseDeviation * Tensor(anchorNoise)
      return concatenated([anchored, Tensor(noise).sliced(axis: 1, 1..<steps)], axis: 1).array
    case .anchorAll:
      return (last + noiseDeviation * Tensor(noise)).array
    case .continuation:
      guard let continuation = anchors.continuation else {
        preconditionFailure("RectifiedFlow.source: no continuation to start from")
      }
      return (Tensor(continuation) + noiseDeviation * Tensor(noise)).array
    }
  }

  /// Weights that sum to 1 for each sample: visible tokens count 1, invisible ones
  /// `invisibleWeight`.
  /// - Parameter visibility: 0 or 1, [B, L, N].
  /// - Returns: [B, L, N]
  public static func tokenWeights(_ visibility: NDArray, invisibleWeight: Float) -> NDArray {
    let visible = Tensor(visibility)
    let weights = visible + invisibleWeight * (1 - visible)
    // Where all of a clip is invisible and such tokens weigh nothing, it weighs nothing.
    let sums = weights.sum([1, 2], keepingAxes: true)
    return (weights / maximum(sums, Tensor(NDArray(repeating: 1e-12, shape: sums.shape)))).array
  }

  /// The time that remains at each t, never nothing, [B, 1, 1, 1].
  private static func remaining(_ time: [Float], _ device: Device) -> Tensor {
    Tensor(
      time.map { max(1 - $0, leastRemaining) }, shape: [time.count, 1, 1, 1], device: device)
  }

  /// The time over which an endpoint is approached at least; as long as a step of 1000.
  private static let leastRemaining: Float = 0.001

  /// The velocity that leads from `z` at each t to an endpoint; both [B, L, N, C].
  static func way(to endpoint: Tensor, from z: Tensor, _ time: [Float]) -> Tensor {
    (endpoint - z) / remaining(time, z.device)
  }

  /// Token weights that make the loss of velocities that of the endpoints they lead to: an error of
  /// the velocity at t is one of the endpoint by the time that remains.
  static func endpointWeights(_ weights: NDArray, _ time: [Float]) -> NDArray {
    let factors = square(remaining(time, weights.device)).reshaped([time.count, 1, 1])
    return (factors * Tensor(weights)).array
  }

  /// (1 - t) a + t b with one t per sample.
  static func interpolate(_ a: NDArray, _ b: NDArray, _ time: [Float]) -> NDArray {
    let t = Tensor(time, shape: [time.count, 1, 1, 1], device: a.device)
    return ((1 - t) * Tensor(a) + t * Tensor(b)).array
  }

  /// The batch mean of Σ weight · |prediction - target|² / C.
  /// - Parameters:
  ///   - prediction: [B, L, N, C], and `target` likewise.
  ///   - weights: [B, L, N], summing to 1 for each sample.
  public static func loss(_ prediction: Tensor, target: Tensor, weights: NDArray) -> Tensor {
    let (batch, channels) = (prediction.shape[0], prediction.shape[3])
    let perToken = square(prediction - target).sum([3])  // [B, L, N]
    return (Tensor(weights) * perToken).sum() / Float(batch * channels)
  }
}
