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

/// The curve that a point moved along where its history ends, if it moved smoothly there.
struct LastCurve {
  /// Pixels, at the last frame.
  let position: SIMD2<Double>
  /// Pixels per frame.
  let velocity: SIMD2<Double>
  /// Pixels per frame and frame.
  let acceleration: SIMD2<Double>

  /// How many frames the quadratic is fitted to, all of them visible.
  static let fittedFrames = 9
  /// Pixels, the root mean square that may be left of the fit. Beyond it the second difference is
  /// that of the tracker's noise.
  static let tolerance = 0.02
  /// What is left of the acceleration after one frame: what speeds up or turns does not do so for
  /// ever.
  static let fade = 0.98

  /// - Returns: nil for a history that is shorter, hidden or not smooth at its end.
  init?(frames: Int, position: (Int) -> SIMD2<Float>, isVisible: (Int) -> Bool) {
    let count = Self.fittedFrames
    guard frames >= count, (frames - count..<frames).allSatisfy(isVisible) else { return nil }
    let last = SIMD2<Double>(position(frames - 1))
    // Times around the middle of the fit, where the sums of odd powers are zero.
    let half = count / 2
    let times = (-half...half).map(Double.init)
    let s2 = times.reduce(0) { $0 + $1 * $1 }
    let s4 = times.reduce(0) { $0 + $1 * $1 * $1 * $1 }
    let n = Double(count)
    // Relative to the last position, to keep the sums small.
    let points = times.indices.map { SIMD2<Double>(position(frames - count + $0)) - last }
    var (sum, first, second) = (SIMD2<Double>.zero, SIMD2<Double>.zero, SIMD2<Double>.zero)
    for (time, point) in zip(times, points) {
      sum += point
      first += time * point
      second += time * time * point
    }
    let scale = n * s4 - s2 * s2
    let middle = (s4 * sum - s2 * second) / scale
    let slope = first / s2
    let curve = (n * second - s2 * sum) / scale
    var rest = SIMD2<Double>.zero
    for (time, point) in zip(times, points) {
      let error = middle + time * slope + time * time * curve - point
      rest += error * error
    }
    guard max(rest.x, rest.y) <= n * Self.tolerance * Self.tolerance else { return nil }
    let end = Double(half)
    self.position = last
    velocity = slope + 2 * end * curve
    acceleration = 2 * curve
  }

  /// Pixels, `frames` frames after the history.
  func path(frames: Int) -> [SIMD2<Double>] {
    var (place, step, bend) = (position, velocity, acceleration)
    return (0..<frames).map { _ in
      bend *= Self.fade
      step += bend
      place += step
      return place
    }
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
///   - curves: whether points that moved smoothly keep their acceleration for a while, whatever the
///     decay.
/// - Returns: [`frames`, N, 2], pixels; frame 0 is the first after the history.
public func continuation(
  of tracks: NDArray, visibility: NDArray, decay: Double, curves: Bool = false, frames: Int,
  height: Int, width: Int
) -> NDArray {
  let (history, points) = (tracks.shape[0], tracks.shape[1])
  precondition(
    tracks.shape == [history, points, 2] && visibility.shape == [history, points],
    "continuation: tracks \(tracks.shape), visibility \(visibility.shape)")
  let (positions, seen) = (tracks.scalars, visibility.scalars)
  // Frames' worth of the last velocity.
  var (travel, share) = ([Float](), 1.0)
  for frame in 0..<frames {
    share *= decay
    travel.append((frame == 0 ? 0 : travel[frame - 1]) + Float(share))
  }
  let edge = SIMD2(Float(width - 1), Float(height - 1))
  let paths = (0..<points).map { point -> [SIMD2<Float>] in
    func position(_ frame: Int) -> SIMD2<Float> {
      let index = 2 * (frame * points + point)
      return SIMD2(positions[index], positions[index + 1])
    }
    func isVisible(_ frame: Int) -> Bool { seen[frame * points + point] > 0.5 }
    let motion = LastMotion(frames: history, position: position, isVisible: isVisible)
    let curve =
      curves ? LastCurve(frames: history, position: position, isVisible: isVisible) : nil
    // A point that is outside already may come back, so only a crossing stops it.
    let low = SIMD2<Float>.zero.replacing(with: motion.position, where: motion.position .< 0)
    let high = edge.replacing(with: motion.position, where: motion.position .> edge)
    let free =
      curve?.path(frames: frames).map { SIMD2<Float>($0) }
      ?? travel.map { motion.position + $0 * motion.velocity }
    return free.map { $0.clamped(lowerBound: low, upperBound: high) }
  }
  return NDArray(shape: [frames, points, 2]) { output in
    for frame in 0..<frames {
      for path in paths {
        output.append(path[frame].x)
        output.append(path[frame].y)
      }
    }
  }
}
