import Autograd
import Training

/// How a drawn future is made from the history's continuation: by what the model changes of it.
///
/// The continuation is known in pixels and, decoded from its latents, as the VAE sees it. A future is
/// the former plus what its own decoding differs by from the latter, so that the VAE's error drops
/// out of what goes on as it was. The difference is smoothed, and shrunk to nothing where it is no
/// larger than the model's error. Not in the paper.
public struct ContinuationCorrection: Codable, Sendable, Equatable {
  /// False to take futures as they are decoded.
  public var correctContinuation: Bool
  /// The odd number of frames that a quadratic is fitted to, around each; 0 for no smoothing.
  public var smoothFrames: Int
  /// Pixels; a point that is never moved further than this goes on as it was.
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

  /// Futures [1, T, N, 2], in pixels.
  /// - Parameters:
  ///   - decoded: the future as the VAE decodes it, and `decodedContinuation` likewise.
  ///   - continuation: in pixels.
  func apply(_ decoded: NDArray, _ decodedContinuation: NDArray, to continuation: NDArray)
    -> NDArray
  {
    let (frames, points) = (decoded.shape[1], decoded.shape[2])
    var change = (Tensor(decoded) - Tensor(decodedContinuation)).reshaped([frames, points * 2])
    if smoothFrames > 0 {
      change = matmul(Tensor(Self.smoothing(frames: frames, window: smoothFrames)), change)
    }
    if shrinkPx > 0 {
      // The positive part of James and Stein's estimator, on each point's largest change.
      let farthest = square(change.reshaped([frames, points, 2])).sum([2]).max([0])  // [N]
      let kept = relu(1 - Float(shrinkPx * shrinkPx) / (farthest + 1e-12))
      change = (change.reshaped([frames, points, 2]) * kept.reshaped([1, points, 1]))
    }
    return (Tensor(continuation) + change.reshaped(continuation.shape)).array
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
