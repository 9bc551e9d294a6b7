import Autograd

/// Where a point is when its history ends, and how it moves there.
public struct LastMotion: Sendable {
  /// Pixels. Of the last frame that has a position; non-finite for a point that never had one.
  public let position: SIMD2<Float>
  /// Pixels per frame: the slope of a least-squares line through the last visible frames, zero where
  /// fewer than two are visible.
  public let velocity: SIMD2<Float>

  /// How many visible frames the velocity is fitted to.
  static let fittedFrames = 5

  /// - Parameters:
  ///   - frames: of the history, at least one.
  ///   - position: of a frame, in pixels.
  ///   - isVisible: false wherever the position is not finite.
  public init(
    frames: Int, position: (Int) -> SIMD2<Float>, isVisible: (Int) -> Bool
  ) {
    precondition(frames > 0, "LastMotion: a history of no frames")
    let backwards = (0..<frames).reversed()
    let last = backwards.first { position($0).x.isFinite && position($0).y.isFinite }
    self.position = position(last ?? frames - 1)
    let fitted = Array(backwards.lazy.filter(isVisible).prefix(Self.fittedFrames))
    velocity = Self.slope(fitted, position)
  }

  private static func slope(
    _ frames: [Int], _ position: (Int) -> SIMD2<Float>
  ) -> SIMD2<Float> {
    guard frames.count >= 2 else { return .zero }
    let meanTime = Float(frames.reduce(0, +)) / Float(frames.count)
    var spread: Float = 0
    var slope = SIMD2<Float>.zero
    // The mean position drops out of the slope, because the times below sum to zero; the first
    // position is subtracted instead, to keep the products small.
    let reference = position(frames[0])
    for frame in frames {
      let time = Float(frame) - meanTime
      spread += time * time
      slope += time * (position(frame) - reference)
    }
    return slope / spread
  }
}

/// Tracks that go on as they last moved: every point starts with its last velocity, and stops at the
/// edge of the frame, beyond which nothing is seen of it.
///
/// - Parameters:
///   - tracks: the history, [T, N, 2], pixels, finite.
///   - visibility: 0 or 1, [T, N].
///   - decay: what is left of the velocity after one frame; 1 keeps it, 0 lets every point stand
///     still at once.
/// - Returns: [`frames`, N, 2], pixels; frame 0 is the first after the history.
public func continuation(
  of tracks: NDArray, visibility: NDArray, decay: Double, frames: Int, height: Int, width: Int
) -> NDArray {
  let (history, points) = (tracks.shape[0], tracks.shape[1])
  precondition(
    tracks.shape == [history, points, 2] && visibility.shape == [history, points],
    "continuation: tracks \(tracks.shape), visibility \(visibility.shape)")
  let (positions, seen) = (tracks.scalars, visibility.scalars)
  let motions = (0..<points).map { point in
    LastMotion(
      frames: history,
      position: {
        let index = 2 * ($0 * points + point)
        return SIMD2(positions[index], positions[index + 1])
      }, isVisible: { seen[$0 * points + point] > 0.5 })
  }
  let edge = SIMD2(Float(width - 1), Float(height - 1))
  return NDArray(shape: [frames, points, 2]) { output in
    var (travel, share) = (0.0, 1.0)  // frames' worth of the last velocity
    for _ in 0..<frames {
      share *= decay
      travel += share
      for motion in motions {
        // A point that is outside already may come back, so only a crossing stops it.
        let free = motion.position + Float(travel) * motion.velocity
        let low = SIMD2<Float>.zero.replacing(with: motion.position, where: motion.position .< 0)
        let high = edge.replacing(with: motion.position, where: motion.position .> edge)
        let held = free.clamped(lowerBound: low, upperBound: high)
        output.append(held.x)
        output.append(held.y)
      }
    }
  }
}
