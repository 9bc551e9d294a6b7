import Foundation
import TestSupport
import Testing

@testable import TrajLoomBench

/// The published benchmark scripts' numbers on stored tracks.
@Suite struct MetricsGoldenTests {
  private static let files = GoldenFolder.files(with: "v0.gt_tracks", "out.fvmd_vis")

  @Test(arguments: files)
  func motionDistances(_ golden: GoldenFile) throws {
    let clips = try GoldenClip.all(of: golden)
    let window = try GoldenClip.window(of: golden)
    for (name, isMasked) in [("out.fvmd_vis", true), ("out.fvmd_novis", false)] {
      let grid = clips[0].grid
      var fvmd = try #require(
        FVMD(
          sets: 1, rows: grid.rows, columns: grid.columns, frames: clips[0].truth.frames,
          window: window))
      for clip in clips {
        fvmd.add(
          truth: isMasked ? clip.truth : clip.truth.unhidden, predictions: [clip.prediction],
          grid: clip.grid)
      }
      let found = try #require(fvmd.distances()[0])
      let expected = try golden.values(name)
      let values = [found.velocity, found.acceleration, found.combined]
      for (value, expected) in zip(values, expected) {
        expectNear(value, expected, within: 1e-5, "\(golden) \(name)")
      }
    }
  }

  /// The small file holds every window's features, the full one their means.
  @Test(arguments: files)
  func motionHistograms(_ golden: GoldenFile) throws {
    let clips = try GoldenClip.all(of: golden)
    let grid = clips[0].grid
    let histograms = try #require(
      MotionHistograms(
        rows: grid.rows, columns: grid.columns, frames: clips[0].truth.frames,
        window: GoldenClip.window(of: golden)))
    for (set, tracks) in [("gt", clips.map(\.truth)), ("pred", clips.map(\.prediction))] {
      let all = zip(clips, tracks).flatMap {
        histograms.features(of: $1, seenIn: $0.truth, grid: $0.grid)
      }
      let windows = clips.count * histograms.windows
      for (kind, columns) in [
        ("v", histograms.velocityFeatures), ("a", histograms.accelerationFeatures),
      ] {
        let features = (0..<windows).flatMap { window in
          columns.map { Double(all[window * histograms.features + $0]) * MotionHistograms.unit }
        }
        if golden.has("feat.\(kind)_\(set)") {
          expectNear(features, try golden.values("feat.\(kind)_\(set)"), "\(golden) \(kind) \(set)")
        } else {
          let means = columns.indices.map { column in
            stride(from: column - columns.lowerBound, to: features.count, by: columns.count)
              .reduce(0) { $0 + features[$1] } / Double(windows)
          }
          expectNear(
            means, try golden.values("feat_mean.\(kind)_\(set)"), "\(golden) \(kind) \(set)")
        }
      }
    }
  }

  @Test(arguments: files)
  func fieldEnergies(_ golden: GoldenFile) throws {
    let clips = try GoldenClip.all(of: golden)
    let variants: [(String, (GoldenClip) -> (PointTracks, PointTracks))] = [
      ("quality_vis", { ($0.prediction, $0.truth) }),
      ("quality_novis", { ($0.prediction, $0.truth.unhidden) }),
      ("quality_predvis_eval24", { ($0.prediction[0..<24], $0.prediction[0..<24]) }),
    ]
    for (name, tracks) in variants {
      var all = FieldEnergies()
      let perVideo = try golden.values("out.\(name).per_video")
      for (number, clip) in clips.enumerated() {
        var one = FieldEnergies()
        let (prediction, mask) = tracks(clip)
        one.add(prediction, seenIn: mask, grid: clip.grid)
        all.add(prediction, seenIn: mask, grid: clip.grid)
        let (variation, energy) = (try #require(one.flowSmoothTV), try #require(one.divCurlEnergy))
        expectNear(variation, perVideo[2 * number], within: 1e-5, "\(golden) \(name) TV")
        expectNear(energy, perVideo[2 * number + 1], within: 1e-5, "\(golden) \(name) energy")
      }
      let (variation, energy) = (try #require(all.flowSmoothTV), try #require(all.divCurlEnergy))
      expectNear(
        variation, try golden.values("out.\(name).flowsmooth_tv")[0], within: 1e-5, "\(name) TV")
      expectNear(
        energy, try golden.values("out.\(name).divcurl")[0], within: 1e-5, "\(name) energy")
    }
  }

  @Test(arguments: files)
  func visiblePointErrors(_ golden: GoldenFile) throws {
    var (masked, unmasked) = (VisiblePointError(), VisiblePointError())
    for clip in try GoldenClip.all(of: golden) {
      masked.add(prediction: clip.prediction, truth: clip.truth)
      let later = 1..<clip.truth.frames
      unmasked.add(prediction: clip.prediction[later], truth: clip.truth.unhidden[later])
    }
    let (a, b) = (try #require(masked.value), try #require(unmasked.value))
    expectNear(a, try golden.values("out.vepe_vis")[0], within: 1e-5, "\(golden) VEPE")
    expectNear(
      b, try golden.values("out.vepe_novis_exclude_t0")[0], within: 1e-5, "\(golden) VEPE, all")
  }

  private func expectNear(
    _ found: Double, _ expected: Double, within tolerance: Double, _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let error = abs(found - expected) / abs(expected)
    #expect(
      error <= tolerance, "\(what): \(found), expected \(expected), relative error \(error)",
      sourceLocation: sourceLocation)
  }

  /// All within 1e-6.
  private func expectNear(
    _ found: [Double], _ expected: [Double], _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let error = zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity
    #expect(
      found.count == expected.count && error <= 1e-6,
      "\(what): \(found.count) features, \(expected.count) expected, error \(error)",
      sourceLocation: sourceLocation)
  }
}

/// One clip of a file of benchmark numbers.
private struct GoldenClip {
  let truth: PointTracks
  /// With its own visibility.
  let prediction: PointTracks
  let grid: PointGrid

  static func all(of golden: GoldenFile) throws -> [GoldenClip] {
    let count = try #require(golden.metadata()["n_vid"] as? Int)
    return try (0..<count).map { try GoldenClip(golden, "v\($0)") }
  }

  static func window(of golden: GoldenFile) throws -> FVMD.Window {
    let clip = try #require(golden.metadata()["clip"] as? [Int])
    return FVMD.Window(frames: clip[0], stride: clip[1])
  }

  private init(_ golden: GoldenFile, _ name: String) throws {
    let shape = try golden.file.get().shape(of: "\(name).gt_tracks")
    func tracks(_ kind: String) throws -> PointTracks {
      PointTracks(
        frames: shape[0], points: shape[1],
        positions: try golden.values("\(name).\(kind)_tracks").map(Float.init),
        visibility: try golden.values("\(name).\(kind)_visibility").map { UInt8($0) })
    }
    truth = try tracks("gt")
    prediction = try tracks("pred")
    let places = try golden.values("\(name).query_xy").map(Float.init)
    grid = try #require(
      PointGrid(queryPoints: (0..<shape[1]).map { SIMD2(places[2 * $0], places[2 * $0 + 1]) }))
  }
}

extension PointTracks {
  fileprivate var unhidden: PointTracks {
    PointTracks(
      frames: frames, points: points, positions: positions,
      visibility: Array(repeating: 1, count: visibility.count))
  }

  fileprivate subscript(range: Range<Int>) -> PointTracks {
    PointTracks(
      frames: range.count, points: points,
      positions: Array(positions[2 * range.lowerBound * points..<2 * range.upperBound * points]),
      visibility: Array(visibility[range.lowerBound * points..<range.upperBound * points]))
  }
}
