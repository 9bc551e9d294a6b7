import Autograd
import Testing

@testable import DataPipeline

/// A history of one point per path, all frames of the same visibility unless hidden.
private func continued(
  _ paths: [[SIMD2<Float>]], hidden: Set<Int> = [], decay: Double = 1, curves: Bool = false,
  frames: Int = 4
) -> [[SIMD2<Float>]] {
  let (history, points) = (paths[0].count, paths.count)
  let tracks = (0..<history).flatMap { frame in paths.flatMap { [$0[frame].x, $0[frame].y] } }
  let seen = (0..<history).flatMap { frame in
    paths.map { _ in hidden.contains(frame) ? Float(0) : 1 }
  }
  let values = continuation(
    of: NDArray(tracks, shape: [history, points, 2]),
    visibility: NDArray(seen, shape: [history, points]), decay: decay, curves: curves,
    frames: frames, height: 48,
    width: 64
  ).scalars
  return (0..<points).map { point in
    (0..<frames).map { frame in
      let index = 2 * (frame * points + point)
      return SIMD2(values[index], values[index + 1])
    }
  }
}

@Test func aPointGoesOnAtItsLastVelocityAndStopsAtTheEdge() {
  let right = (0..<8).map { SIMD2<Float>(20 + 2 * Float($0), 10) }
  let fast = (0..<8).map { SIMD2<Float>(50, 6 * Float($0)) }
  let paths = continued([right, fast])
  #expect(paths[0] == [SIMD2(36, 10), SIMD2(38, 10), SIMD2(40, 10), SIMD2(42, 10)])
  #expect(paths[1] == [SIMD2(50, 47), SIMD2(50, 47), SIMD2(50, 47), SIMD2(50, 47)])
}

@Test func aPointOutsideMayComeBackButGoesNoFurther() {
  let returning = (0..<8).map { SIMD2<Float>(-9 + Float($0), 10) }
  let leaving = (0..<8).map { SIMD2<Float>(-1 - Float($0), 10) }
  let paths = continued([returning, leaving])
  #expect(paths[0].map(\.x) == [-1, 0, 1, 2])
  #expect(paths[1].map(\.x) == [-8, -8, -8, -8])
}

@Test func aVelocityDecaysAndHiddenFramesDoNotCount() {
  let right = (0..<8).map { SIMD2<Float>(2 * Float($0), 0) }
  #expect(continued([right], decay: 0)[0].map(\.x) == [14, 14, 14, 14])
  let half = continued([right], decay: 0.5)[0].map(\.x)
  #expect(half == [15, 15.5, 15.75, 15.875])
  // Where it jumps it is not seen; it goes on from there at the velocity that was seen.
  var jumping = right
  jumping[7] = SIMD2(40, 0)
  #expect(continued([jumping], hidden: [7])[0].map(\.x) == [42, 44, 46, 48])
  #expect(continued([right], hidden: Set(0..<7))[0].map(\.x) == [14, 14, 14, 14])
}

/// What speeds up smoothly speeds up for a while; what shakes goes straight on.
@Test func aSmoothPointCurvesAndARoughOneDoesNot() {
  let speeding = (0..<12).map { SIMD2<Float>(0.25 * Float($0 * $0), 10) }
  let curved = continued([speeding], curves: true)[0].map(\.x)
  // Speed 5.5 and acceleration 0.5 at x = 30.25.
  var (place, speed, gain) = (30.25, 5.5, 0.5)
  let expected = (0..<4).map { _ -> Float in
    gain *= 0.98
    speed += gain
    place += speed
    return Float(place)
  }
  let isNear = zip(curved, expected).allSatisfy { abs($0 - $1) < 1e-3 }
  #expect(isNear, "\(curved) for \(expected)")

  let shaking = speeding.enumerated().map { SIMD2($1.x, $1.y + ($0 % 2 == 0 ? 0.1 : -0.1)) }
  let straight = continued([shaking], curves: true)[0]
  #expect(straight == continued([shaking])[0])
  let hidden = continued([speeding], hidden: [6], curves: true)[0]
  #expect(hidden == continued([speeding], hidden: [6])[0])
  // It stops at the edge as well.
  #expect(continued([speeding], curves: true, frames: 12)[0].last?.x == 63)
}
