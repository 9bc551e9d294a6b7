import Testing

@testable import TrajLoomBench

@Suite struct BaselinesTests {
  /// Two points at constant velocities (2, -1) and (0, 0.5) for eight frames.
  private func linearHistory(hidden: Set<[Int]> = []) -> PointTracks {
    tracks(frames: 0..<8, hidden: hidden) { [(10 + 2 * $0, 50 - $0), (7, 0.5 * $0)] }
  }

  @Test func staticHoldsTheLastPosition() {
    let future = Baseline.static.predict(history: linearHistory(hidden: [[7, 1]]), frames: 3)
    for frame in 0..<3 {
      #expect(future.position(frame: frame, point: 0) == SIMD2(24, 43))
      #expect(future.position(frame: frame, point: 1) == SIMD2(7, 3.5))
    }
    #expect(future.visibility == [1, 0, 1, 0, 1, 0])
  }

  @Test func constantVelocityContinuesALine() {
    let future = Baseline.constantVelocity.predict(history: linearHistory(), frames: 4)
    for frame in 0..<4 {
      let time = Float(8 + frame)
      expect(future, frame, 0, near: SIMD2(10 + 2 * time, 50 - time))
      expect(future, frame, 1, near: SIMD2(7, 0.5 * time))
    }
  }

  /// Least squares over five frames of x = t² at t = 3...7: the slope of a parabola's chord is
  /// 2·mean(t) = 10.
  @Test func velocityIsTheSlopeOverTheLastFiveFrames() {
    let history = tracks(frames: 0..<8) { [($0 * $0, 0)] }
    let future = Baseline.constantVelocity.predict(history: history, frames: 2)
    expect(future, 0, 0, near: SIMD2(59, 0))
    expect(future, 1, 0, near: SIMD2(69, 0))
  }

  /// With frames 3, 5 and 7 hidden, the last five visible ones are 0, 1, 2, 4 and 6; the garbage
  /// does not count.
  @Test func velocityIgnoresHiddenFrames() {
    let history = tracks(frames: 0..<8, hidden: [[3, 0], [5, 0], [7, 0]]) { time in
      [(time == 3 || time == 5 ? 900 : 3 * time, 1)]
    }
    let future = Baseline.constantVelocity.predict(history: history, frames: 1)
    expect(future, 0, 0, near: SIMD2(24, 1))
  }

  @Test func oneVisibleFrameHasNoVelocity() {
    let hidden = Set((0..<8).filter { $0 != 4 }.map { [$0, 0] })
    for baseline in Baseline.allCases {
      let future = baseline.predict(history: linearHistory(hidden: hidden), frames: 5)
      #expect(future.position(frame: 4, point: 0) == SIMD2(24, 43))
    }
  }

  /// The displacement after k frames is the geometric series v·(1 - 0.9ᵏ) / (1 - 0.9).
  @Test func dampedVelocityIsAGeometricSeries() {
    let future = Baseline.dampedVelocity.predict(history: linearHistory(), frames: 40)
    var kept: Float = 1
    for frame in 0..<40 {
      kept *= 0.9
      let reach = (1 - kept) / 0.1
      expect(future, frame, 0, near: SIMD2(24 + 2 * reach, 43 - reach))
    }
  }

  @Test func aLastPositionThatIsNoNumberIsReplacedByTheOneBefore() {
    let history = tracks([[(1, 1)], [(2, 1)], [(.nan, .nan)]])
    let future = Baseline.static.predict(history: history, frames: 1)
    #expect(future.position(frame: 0, point: 0) == SIMD2(2, 1))
    #expect(future.visibility == [0])
  }

  private func expect(_ future: PointTracks, _ frame: Int, _ point: Int, near: SIMD2<Float>) {
    let error = (future.position(frame: frame, point: point) - near).length
    #expect(error < 1e-4, "frame \(frame), point \(point)")
  }
}
