import Autograd

/// Latents to zero mean and unit deviation per channel and back: z = (latent - mean) / deviation.
///
/// An argument everywhere it is needed: the published code keeps it in a module global that scales
/// by nothing when unset.
public struct LatentScaling: Sendable, Equatable {
  public let mean: [Float]  // [C]
  public let deviation: [Float]  // [C]

  /// - Precondition: as many deviations as means, all positive.
  public init(mean: [Float], deviation: [Float]) {
    precondition(
      mean.count == deviation.count && deviation.allSatisfy { $0 > 0 },
      "latent scaling: means \(mean), deviations \(deviation)")
    self.mean = mean
    self.deviation = deviation
  }

  /// [..., C] → [..., C]
  public func scale(_ latents: NDArray) -> NDArray {
    ((Tensor(latents) - perChannel(mean, latents)) / perChannel(deviation, latents)).array
  }

  /// The inverse of `scale`.
  public func unscale(_ z: NDArray) -> NDArray {
    (Tensor(z) * perChannel(deviation, z) + perChannel(mean, z)).array
  }

  private func perChannel(_ values: [Float], _ like: NDArray) -> Tensor {
    precondition(
      like.shape.last == values.count, "latent scaling of \(values.count) channels: \(like.shape)")
    return Tensor(values, shape: [values.count], device: like.device)
  }
}
