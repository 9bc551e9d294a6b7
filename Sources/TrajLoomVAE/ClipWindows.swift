import DataPipeline
import Training

/// Which clips a run reads, and how their frames are divided: the shared keys of a `data` block.
public struct ClipWindows: Codable, Sendable, Equatable {
  /// A folder of shards, or one shard.
  public var path: String
  public var histLen: Int
  public var futureLen: Int
  public var trackStride: Int
  public var rawHeight: Int
  public var rawWidth: Int
  /// The share of source videos that is held out.
  public var valFraction: Double

  /// Checks that the windows are those of a model.
  /// - Parameter block: the model's block of the configuration, for messages.
  /// - Throws: `ConfigError` that names the key and what it must agree with.
  public func check(frames: Int, patch: Int, height: Int, width: Int, block: String) throws {
    func check(_ key: String, _ found: Int, _ expected: Int, _ other: String) throws {
      guard found == expected else {
        throw ConfigError(
          key: "data.\(key)", expected: "\(expected), as \(block).\(other)", found: "\(found)")
      }
    }
    try check("hist_len", histLen, frames, "num_frames_in")
    try check("future_len", futureLen, frames, "num_frames_in")
    try check("track_stride", trackStride, patch, "patch_size")
    try check("raw_height", rawHeight, height, "input_height")
    try check("raw_width", rawWidth, width, "input_width")
    guard (0..<1).contains(valFraction) else {
      throw ConfigError(
        key: "data.val_fraction", expected: "a number in [0, 1)", found: "\(valFraction)")
    }
  }

  /// Checks that shards have the grid and the frames that the configuration asks for.
  /// - Parameter needsFuture: whether a history alone is not enough.
  /// - Throws: `ConfigError` that names the key and what the shards have.
  public func check(_ geometry: GridGeometry, frames: Int, needsFuture: Bool = true) throws {
    func check(_ key: String, _ found: Int, _ inShards: Int) throws {
      guard found == inShards else {
        throw ConfigError(
          key: "data.\(key)",
          problem:
            "\(path) has \(inShards), and the configuration says \(found); change the key, or make "
            + "shards of this size with `trajloom data`")
      }
    }
    try check("raw_height", rawHeight, geometry.height)
    try check("raw_width", rawWidth, geometry.width)
    try check("track_stride", trackStride, geometry.stride)
    let needed = needsFuture ? histLen + futureLen : histLen
    guard needed <= frames else {
      throw ConfigError(
        key: needsFuture ? "data.hist_len + data.future_len" : "data.hist_len",
        expected: "at most the \(frames) frames of \(path)", found: "\(needed)")
    }
  }
}
