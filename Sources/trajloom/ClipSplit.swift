import DataPipeline
import TrajLoomVAE

/// Which clips of a data set a command looks at: `--split`.
enum ClipSplit: String, CaseIterable {
  case all, validation

  /// Indices into `set.clips`.
  /// - Throws: `DataError` when nothing is held out.
  func clips(of set: ShardSet, _ windows: ClipWindows) throws -> [Int] {
    if self == .all { return Array(set.clips.indices) }
    let clips = try set.split(validationFraction: windows.valFraction).validation
    guard !clips.isEmpty else {
      throw DataError(
        "\(set.path): expected held-out clips, and data.val_fraction 0 holds out none; use --split all"
      )
    }
    return clips
  }
}
