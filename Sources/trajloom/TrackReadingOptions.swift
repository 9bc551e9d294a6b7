import DataPipeline
import Training

/// How people's track files are to be understood; of every command that reads them.
let trackReadingOptions: [Option] = [
  Option(
    "--units", "pixel|unit|norm", "pixels, [0, 1] or [-1, 1] (default: detected, and reported)"),
  Option("--axis-order", "xy|yx", "the coordinates' order (default: detected, and reported)"),
  Option("--source-size", "WxH", "the frame that pixels refer to (default: the clips' own)"),
  Option("--polarity", "visible|occluded", "what 1 means (default: from the array's name)"),
  Option("--track-key", "NAME", "the array of tracks in .npz files (default: the usual names)"),
  Option("--visibility-key", "NAME|none", "the array of visibility (default: the usual names)"),
  Option("--axes", "nt|tn", "points or frames first (default: detected, and reported)"),
  Option(
    "--nonfinite", "refuse|invisible",
    "what to do with NaN where a point is visible (default refuse)"),
  Option(
    "--max-empty", "SHARE", "how many of the grid's cells may be without a point (default 0.5)"),
  Option("--fps", "F", "frames a second of the clips, recorded with them (default 25)"),
]

extension Arguments {
  /// What `trackReadingOptions` say, for clips of this form.
  /// - Throws: `ConfigError`
  func importSettings(
    geometry: GridGeometry, frames: Int, history: Int, hasVideo: Bool, isForModel: Bool = false
  ) throws -> ImportSettings {
    let size = try string("--source-size").map { text in
      guard let size = FrameSize(text) else {
        throw ConfigError(key: "--source-size", expected: "WxH such as 1280x720", found: text)
      }
      return size
    }
    return ImportSettings(
      geometry: geometry, frames: frames, history: history,
      fps: try number("--fps", 1e-3...1e6) ?? 25,
      axes: try choice("--axes", TrackAxes.self),
      units: try choice("--units", TrackConvention.Units.self),
      axisOrder: try choice("--axis-order", TrackConvention.AxisOrder.self),
      polarity: try choice("--polarity", VisibilityPolarity.self), sourceSize: size,
      nonFinite: try choice("--nonfinite", NonFinitePolicy.self) ?? .refuse,
      maxEmpty: try number("--max-empty", 0...1) ?? 0.5, trackKey: string("--track-key"),
      visibilityKey: string("--visibility-key"), hasVideo: hasVideo, isForModel: isForModel)
  }

  private func number(_ name: String, _ range: ClosedRange<Double>) throws -> Double? {
    guard let text = string(name) else { return nil }
    guard let value = Double(text), range.contains(value) else {
      throw ConfigError(
        key: name, expected: "a number from \(range.lowerBound) to \(range.upperBound)",
        found: text)
    }
    return value
  }
}
