/// The tracks of one clip as they stand in their file, units unknown.
struct TrackFile: Sendable {
  let path: String
  /// Which axis counts what.
  let layout: TrackLayout
  /// The pairs of numbers of (point, frame), as `layout` has them.
  private let scalars: [Float]
  /// As `layout` has them; nil when the file says nothing of visibility.
  private let visible: [Bool]?
  /// How the file was understood, for the report.
  let evidence: [String]

  /// N, the number of points.
  var points: Int { layout.points }
  /// T.
  var frames: Int { layout.frames }

  /// The stored pair of numbers.
  func pair(point: Int, frame: Int) -> SIMD2<Float> {
    let index = 2 * layout.index(point: point, frame: frame)
    return SIMD2(scalars[index], scalars[index + 1])
  }

  /// Whether the point is marked visible; nil when the file does not say.
  func isMarked(point: Int, frame: Int) -> Bool? {
    visible?[layout.index(point: point, frame: frame)]
  }

  /// - Parameters:
  ///   - expectedFrames: helps to tell the axes apart.
  ///   - expectedPoints: likewise.
  ///   - axes: their order; nil to detect.
  ///   - polarity: what 1 means; nil to follow the key: a name of occlusion says occluded.
  /// - Throws: `DataError` naming the file, the key, what was expected and found.
  init(
    _ arrays: TrackArrays, expectedFrames: Int, expectedPoints: Int, axes: TrackAxes? = nil,
    polarity: VisibilityPolarity? = nil
  ) throws {
    var evidence: [String] = []
    let layout = try TrackLayout(
      arrays.tracks, path: arrays.path, key: arrays.trackKey, frames: expectedFrames,
      points: expectedPoints, order: axes)
    evidence.append("'\(arrays.trackKey)' \(arrays.tracks.shape) is \(layout.evidence)")
    path = arrays.path
    self.layout = layout
    scalars = arrays.tracks.scalars
    if let (key, flags) = arrays.visibility {
      let values = try layout.flags(flags, path: path, key: key)
      let isOcclusion = polarity.map { $0 == .occluded } ?? TrackArrays.namesOcclusion(key)
      if !flags.isIntegral && values.contains(where: { $0 != 0 && $0 != 1 }) {
        evidence.append("'\(key)' holds probabilities, cut at 0.5")
      }
      let visible = values.map { ($0 > 0.5) != isOcclusion }
      let started = (0..<layout.points).count { visible[layout.index(point: $0, frame: 0)] }
      // Points are queried on frame 0, where they are seen: the other way round is a misread file.
      if polarity == nil, 2 * started < layout.points {
        throw DataError(
          file: path, dataset: key,
          expected: "most points to be visible on frame 0, where they start",
          found: "\(started) of \(layout.points)",
          advice: "pass --polarity visible or --polarity occluded")
      }
      evidence.append("'\(key)': 1 means \(isOcclusion ? "occluded" : "visible")")
      self.visible = visible
    } else {
      evidence.append("no visibility: every finite point on the frame counts as visible")
      visible = nil
    }
    self.evidence = evidence
  }
}

/// What 1 means in an array of visibility.
public enum VisibilityPolarity: String, Sendable, CaseIterable, Codable {
  case visible
  case occluded
}
