import Foundation
import Testing

@testable import TrajLoomBench

@Suite struct MotionHistogramsTests {
  @Test func directionsCountFromUpwardsAgainstX() {
    for bin in 0..<8 {
      let angle = -Float.pi + (Float(bin) + 0.5) * Float.pi / 4
      #expect(MotionHistograms.entry([2 * sin(angle), 2 * cos(angle)]).bin == bin)
    }
  }

  /// What numpy makes of them in single precision. Rounding π down would send (-1, 0) and (-1, -1)
  /// to the bin below.
  @Test func vectorsOnAnEdgeFallWhereNumpyPutsThem() {
    let expected: [(SIMD2<Float>, Int)] = [
      ([1, 0], 6), ([0, 1], 4), ([-1, 0], 2), ([0, -1], 7), ([1, 1], 5), ([1, -1], 7),
      ([-1, 1], 3),
      ([-1, -1], 1), ([-0.0, -1], 0),
    ]
    for (vector, bin) in expected {
      let found = MotionHistograms.entry(vector).bin
      #expect(found == bin, "\(vector)")
    }
  }

  @Test func weightsAreOrdersOfMagnitude() {
    let expected: [(Float, UInt16)] = [
      (0, 0), (0.01, 1), (1, 1), (1.01, 2), (3, 2), (3.01, 3), (127, 7), (128, 8), (255, 8),
      (1e6, 8), (.infinity, 8), (.nan, 0),
    ]
    for (length, weight) in expected {
      let found = MotionHistograms.entry([0, length]).weight
      #expect(found == weight, "\(length)")
    }
  }

  private let grid = TrajLoomBenchTests.grid(rows: 6, columns: 11)

  private func histograms(frames: Int, window: Int) throws -> MotionHistograms {
    try #require(
      MotionHistograms(
        rows: 6, columns: 11, frames: frames, window: .init(frames: window, stride: 3)))
  }

  /// 2 px right and 2.5 px down in every frame, bin 4 or 5 by its angle, weight ceil(log2(4.2)) = 3:
  /// 25 points in 3 of the 4 frames of a window's first cube, in all 4 of the second. No
  /// acceleration.
  @Test func evenMotion() throws {
    let histograms = try histograms(frames: 14, window: 9)
    let tracks = wandering(grid, frames: 14, seed: 1, hiddenShare: 0).mapped { frame, point, _ in
      SIMD2(Float(point) + 2 * Float(frame), 2.5 * Float(frame))
    }
    let found = histograms.features(of: tracks, seenIn: tracks, grid: grid)
    #expect(histograms.windows == 2 && histograms.features == 2 * 2 * 2 * 8)
    var cube = [UInt16](repeating: 0, count: 8)
    cube[MotionHistograms.entry([2, 2.5]).bin] = 1
    let counts: [UInt16] = [225, 225, 300, 300]
    let window = counts.flatMap { count in cube.map { $0 * count } }
    let expected = window + Array(repeating: 0, count: 32) + window + Array(repeating: 0, count: 32)
    #expect(found == expected)
  }

  /// An eighth of a turn takes every vector to the next bin.
  @Test func rotationMovesEveryBin() throws {
    let histograms = try histograms(frames: 12, window: 12)
    let tracks = wandering(grid, frames: 12, seed: 7)
    let (c, s) = (cos(Double.pi / 4), sin(Double.pi / 4))
    let rotated = tracks.mapped { _, _, place in
      let (x, y) = (Double(place.x), Double(place.y))
      return SIMD2(Float(c * x + s * y), Float(c * y - s * x))
    }
    let before = histograms.features(of: tracks, seenIn: tracks, grid: grid)
    let after = histograms.features(of: rotated, seenIn: tracks, grid: grid)
    let moved = before.indices.map { before[$0 / 8 * 8 + ($0 + 7) % 8] }
    // A vector that lies almost on an edge, or has almost a length of 2^k - 1, may round otherwise.
    let unequal = zip(after, moved).count { $0 != $1 }
    #expect(before != after && unequal < 5, "\(unequal) of \(before.count)")
  }

  /// Wherever the truth hides a point, the prediction may be anything.
  @Test func hiddenPointsDoNotCount() throws {
    let histograms = try histograms(frames: 12, window: 8)
    let truth = wandering(grid, frames: 12, seed: 3, hiddenShare: 0.2)
    let prediction = wandering(grid, frames: 12, seed: 4)
    let garbled = prediction.mapped { frame, point, place in
      truth.isVisible(frame: frame, point: point) ? place : SIMD2(.nan, 1e30)
    }
    let expected = histograms.features(of: prediction, seenIn: truth, grid: grid)
    #expect(histograms.features(of: garbled, seenIn: truth, grid: grid) == expected)
    let unmasked = histograms.features(of: prediction, seenIn: truth.unhidden, grid: grid)
    #expect(unmasked != expected)
  }
}
