import Autograd
import Training

/// How a drawn future is made from the history's continuation: by what the model changes of it.
///
/// The continuation is known in pixels and, decoded from its latents, as the VAE sees it. A future is
/// the former plus what its own decoding differs by from the latter, so that the VAE's error drops
/// out of what goes on as it was. That difference is smoothed. Where the future is then no further
/// than the model's error from where smooth motion would curve to, it is shrunk to that. Not in the
/// paper.
public struct ContinuationCorrection: Codable, Sendable, Equatable {
  /// False to take futures as they are decoded.
  public var correctContinuation: Bool
  /// The odd number of frames that a quadratic is fitted to, around each; 0 for no smoothing.
  public var smoothFrames: Int
  /// Pixels; a point that is never further than this from its curved continuation takes that.
  public var shrinkPx: Double

  public init(correctContinuation: Bool, smoothFrames: Int, shrinkPx: Double) {
    self.correctContinuation = correctContinuation
    self.smoothFrames = smoothFrames
    self.shrinkPx = shrinkPx
  }

  /// - Parameter frames: T, of a future.
  /// - Throws: `ConfigError`
  func validate(frames: Int, hasContinuation: Bool) throws {
    func check(_ holds: Bool, _ key: String, _ expected: String, _ found: Any) throws {
      guard holds else {
        throw ConfigError(key: "sample.\(key)", expected: expected, found: "\(found)")
      }
    }
    try check(
      !correctContinuation || hasContinuation, "correct_continuation",
      "false, as there is no continuation: train.x0_mode is another and "
        + "flow.use_continuation_cond is false", correctContinuation)
    try check(
      smoothFrames == 0
        || (smoothFrames >= 5 && smoothFrames % 2 == 1 && smoothFrames <= frames),
      "smooth_frames", "0, or an odd number from 5 to \(frames)", smoothFrames)
    try check(shrinkPx >= 0, "shrink_px", "a number >= 0", shrinkPx)
  }

  /// What futures of one clip are made from; all [1, T, N, 2], pixels.
  struct Base {
    let continuation: NDArray
    /// As the VAE decodes its latents.
    let decoded: NDArray
    /// Where points that moved smoothly would curve to, the others as the continuation.
    let curved: NDArray
  }

  /// - Parameter decoded: the future as the VAE decodes it, [1, T, N, 2], pixels.
  /// - Returns: the future, likewise.
  func apply(_ decoded: NDArray, to base: Base) -> NDArray {
    let (frames, points) = (decoded.shape[1], decoded.shape[2])
    var change = Tensor(decoded) - Tensor(base.decoded)
    if smoothFrames > 0 {
      let matrix = Tensor(Self.smoothing(frames: frames, window: smoothFrames).on(decoded.device))
      change = matmul(matrix, change.reshaped([frames, points * 2])).reshaped(decoded.shape)
    }
    let future = Tensor(base.continuation) + change
    guard shrinkPx > 0 else { return future.array }
    // The positive part of James and Stein's estimator, on each point's largest distance.
    let distance = future - Tensor(base.curved)
    let farthest = square(distance).sum([3]).max([1])  // [1, N]
    let kept = relu(1 - Float(shrinkPx * shrinkPx) / (farthest + 1e-12))
    return (Tensor(base.curved) + distance * kept.reshaped([1, 1, points, 1])).array
  }

  /// The matrix [T, T] that puts the least-squares quadratic over a window around each frame in its
  /// place (Savitzky and Golay 1964). Before the first frame nothing is changed, which counts; at
  /// the end the last whole window serves.
  static func smoothing(frames: Int, window: Int) -> NDArray {
    let half = window / 2
    let offsets = (-half...half).map(Double.init)
    let s0 = Double(window)
    let s2 = offsets.reduce(0) { $0 + $1 * $1 }
    let s4 = offsets.reduce(0) { $0 + $1 * $1 * $1 * $1 }
    let scale = s0 * s4 - s2 * s2
    var rows = [Float](repeating: 0, count: frames * frames)
    for frame in 0..<frames {
      let centre = min(frame, frames - 1 - half)
      let x = Double(frame - centre)
      for u in offsets {
        let source = centre + Int(u)
        guard (0..<frames).contains(source) else { continue }
        let value = (s4 - s2 * u * u) / scale
        let slope = u / s2
        let curve = (s0 * u * u - s2) / scale
        rows[frame * frames + source] = Float(value + slope * x + curve * x * x)
      }
    }
    return NDArray(rows, shape: [frames, frames])
  }
}
