import Foundation
import Testing

@testable import TrajLoomBench

@Suite struct BSplineTangentTests {
  /// Value 0.1·39² and slope 2·0.1·39 at the end of x = t²/10.
  @Test func aParabolaGoesOnAlongItsTangent() {
    let history = tracks(frames: 0..<40) { [(0.1 * $0 * $0, 7 - 2 * $0)] }
    let future = Baseline.bSplineTangent.predict(history: history, frames: 3)
    for frame in 0..<3 {
      let time = Float(frame + 1)
      expect(future, frame, near: SIMD2(152.1 + 7.8 * time, -71 - 2 * time))
    }
  }

  /// A turn in 200 frames: the direction at the last frame, not the one two frames before.
  @Test func aCircleGoesOnAlongItsTangent() {
    let history = tracks(frames: 0..<81) { [place(onCircleAt: $0)] }
    let velocity = 100 * 2 * Float.pi / 200
    let angle = 80 * 2 * Float.pi / 200
    let expected = SIMD2(
      100 * cos(angle) - 10 * velocity * sin(angle), 100 * sin(angle) + 10 * velocity * cos(angle))
    func error(_ baseline: Baseline) -> Double {
      (baseline.predict(history: history, frames: 10).position(frame: 9, point: 0) - expected)
        .length
    }
    #expect(error(.bSplineTangent) < 0.1)
    #expect(error(.constantVelocity) > 1)
  }

  @Test func onlyTheLastStretchCounts() {
    let history = tracks(frames: 0..<100) { time in [time < 68 ? (900 - time, 5) : (time, 1)] }
    let future = Baseline.bSplineTangent.predict(history: history, frames: 1)
    expect(future, 0, near: SIMD2(100, 1))
  }

  /// Every third frame and the last two are hidden, and hold garbage.
  @Test func hiddenFramesDoNotCount() {
    let hidden = Set((0..<40).filter { $0 % 3 == 1 || $0 > 37 }.map { [$0, 0] })
    let history = tracks(frames: 0..<40, hidden: hidden) { time in
      hidden.contains([Int(time), 0]) ? [(5000, -5000)] : [(3 * time, 10 + time)]
    }
    let future = Baseline.bSplineTangent.predict(history: history, frames: 2)
    expect(future, 0, near: SIMD2(120, 50))
    expect(future, 1, near: SIMD2(123, 51))
    #expect(future.visibility == [0, 0])
  }

  /// Noise of one pixel makes a velocity no noisier than that of a line through five frames.
  @Test func noiseIsNotAmplified() {
    var random = Scatter(state: 11)
    var noise: [Float] = []
    for _ in 0..<40 * 300 {
      // Twelve numbers of variance 1/12 each.
      var sum: Float = -6
      for _ in 0..<12 { sum += random.next() }
      noise.append(sum)
    }
    let history = PointTracks(
      frames: 40, points: 300, positions: noise.flatMap { [$0, -$0] },
      visibility: Array(repeating: 1, count: noise.count))
    func deviation(_ baseline: Baseline) -> Double {
      let future = baseline.predict(history: history, frames: 2)
      let squares = (0..<300).reduce(0.0) { sum, point in
        let step = Double(
          (future.position(frame: 1, point: point) - future.position(frame: 0, point: point)).x)
        return sum + step * step
      }
      return (squares / 300).squareRoot()
    }
    let (spline, line) = (deviation(.bSplineTangent), deviation(.constantVelocity))
    #expect(spline > 0.2 && spline < 0.4 && abs(spline - line) < 0.1, "\(spline) \(line)")
  }

  /// Fewer visible frames than the two pieces need, down to none; all in one half.
  @Test func fewVisibleFramesHaveConstantVelocity() {
    let patterns: [[Int]] =
      (0...15).map { Array(80 - $0..<80) } + [[0, 40, 79], [79], Array(60..<80), Array(48..<64)]
    for visible in patterns {
      let hidden = Set((0..<80).filter { !visible.contains($0) }.map { [$0, 0] })
      let history = tracks(frames: 0..<80, hidden: hidden) { [($0 * $0, 40 - $0)] }
      let found = Baseline.bSplineTangent.predict(history: history, frames: 4)
      let isFinite = found.positions.allSatisfy { $0.isFinite }
      #expect(isFinite)
      if visible.count < 16 {
        let expected = Baseline.constantVelocity.predict(history: history, frames: 4)
        #expect(found == expected, "\(visible)")
      }
    }
  }

  @Test(arguments: [1, 2, 3, 15, 16])
  func shortHistoriesAreNoTrap(frames: Int) {
    let history = tracks(frames: 0..<frames) { [(5, 5), ($0, 2 * $0)] }
    let future = Baseline.bSplineTangent.predict(history: history, frames: 2)
    expect(future, 1, near: SIMD2(5, 5))
    let isFinite = future.positions.allSatisfy { $0.isFinite }
    #expect(isFinite)
  }

  private func place(onCircleAt time: Float) -> Place {
    let angle = time * 2 * Float.pi / 200
    return (100 * cos(angle), 100 * sin(angle))
  }

  private func expect(
    _ future: PointTracks, _ frame: Int, near: SIMD2<Float>,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let found = future.position(frame: frame, point: 0)
    #expect(
      (found - near).length < 1e-2, "frame \(frame): \(found), expected \(near)",
      sourceLocation: sourceLocation)
  }
}
