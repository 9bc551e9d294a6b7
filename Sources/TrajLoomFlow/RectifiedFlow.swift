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
  }

  public enum TimeSampling: String, ConfigChoice {
    case uniform
    /// sigmoid(N(0, 1))
    case logitNormal = "logit_normal"
  }

  public var x0Mode: Source
  public var x0NoiseStd: Double
  public var fmUseVisMask: Bool
  public var fmInvisWeight: Double
  /// Deviation of the noise that is added to the model's input and not to its target.
  public var fmSigma: Double
  public var tSampling: TimeSampling
  /// With this probability t is drawn uniformly from [0, `tSmallMax`].
  public var tSmallProb: Double
  public var tSmallMax: Double

  public init(
    x0Mode: Source, x0NoiseStd: Double, fmUseVisMask: Bool, fmInvisWeight: Double, fmSigma: Double,
    tSampling: TimeSampling, tSmallProb: Double, tSmallMax: Double
  ) {
    self.x0Mode = x0Mode
    self.x0NoiseStd = x0NoiseStd
    self.fmUseVisMask = fmUseVisMask
    self.fmInvisWeight = fmInvisWeight
    self.fmSigma = fmSigma
    self.tSampling = tSampling
    self.tSmallProb = tSmallProb
    self.tSmallMax = tSmallMax
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
  /// The source state. `anchor_first` starts the first future step from the last history latent.
  ///
  /// - Parameters:
  ///   - noise: N(0, 1), [B, L, N, C].
  ///   - anchorNoise: N(0, 1), [B, 1, N, C].
  ///   - history: scaled history latents, [B, L, N, C].
  public static func source(
    noise: NDArray, anchorNoise: NDArray, history: NDArray, _ mode: FlowMatchingConfig.Source,
    noiseDeviation: Float
  ) -> NDArray {
    guard mode == .anchorFirst else { return noise }
    let steps = noise.shape[1]
    let last = Tensor(history).sliced(axis: 1, steps - 1..<steps)
    let anchored = last + noiseDeviation * Tensor(anchorNoise)
    return concatenated([anchored, Tensor(noise).sliced(axis: 1, 1..<steps)], axis: 1).array
  }

  /// Weights that sum to 1 for each sample: visible tokens count 1, invisible ones
  /// `invisibleWeight`.
  /// - Parameter visibility: 0 or 1, [B, L, N].
  /// - Returns: [B, L, N]
  public static func tokenWeights(_ visibility: NDArray, invisibleWeight: Float) -> NDArray {
    let visible = Tensor(visibility)
    let weights = visible + invisibleWeight * (1 - visible)
    return (weights / weights.sum([1, 2], keepingAxes: true)).array
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
