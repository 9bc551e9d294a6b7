/// What an import did: written beside the shards as `import_report.json`.
public struct ImportReport: Codable, Sendable, Equatable {
  public struct ClipReport: Codable, Sendable, Equatable {
    public let id: String
    public let source: String
    public let file: String
    /// Sizes and checksums of what the clip was made from, by kind (`tracks`, `visibility`, `video`,
    /// `caption`): what has changed since is not what the shard holds.
    public let inputs: [String: String]
    public let units: String
    public let axisOrder: String
    /// Why the file was read this way, in words.
    public let evidence: [String]
    /// `exact`, `reordered` or `nearest`.
    public let gridMatch: String
    /// How far the points start from the query points that they stand for, pixels.
    public let meanStartDistance: Double
    /// Cells that no point is near; they are invisible in all frames.
    public let emptyCells: Int
    /// Points of the file that serve no cell.
    public let unusedPoints: Int
    /// Frames after those that were kept.
    public let droppedFrames: Int
    /// Coordinates that were not finite and hold the nearest finite position of their point
    /// instead.
    public let heldPositions: Int
    /// Of those, the ones that the file called visible.
    public let hiddenNonFinite: Int
    /// The share of points and frames that are visible.
    public let meanVisibility: Double
    public let hasVideo: Bool
    public let hasCaption: Bool

    enum CodingKeys: String, CodingKey {
      case id, source, file, inputs, units, evidence
      case axisOrder = "axis_order"
      case gridMatch = "grid_match"
      case meanStartDistance = "mean_start_distance"
      case emptyCells = "empty_cells"
      case unusedPoints = "unused_points"
      case droppedFrames = "dropped_frames"
      case heldPositions = "held_positions"
      case hiddenNonFinite = "hidden_nonfinite"
      case meanVisibility = "mean_visibility"
      case hasVideo = "has_video"
      case hasCaption = "has_caption"
    }
  }

  /// A clip that could not be imported, and why.
  public struct Fault: Codable, Sendable, Equatable {
    public let clip: String
    public let message: String
  }

  public let settings: ImportSettings
  /// False while the import runs, and when it was stopped.
  public let isComplete: Bool
  public let clips: [ClipReport]
  public let faults: [Fault]
  /// Rows of the captions table that no clip belongs to.
  public let captionsWithoutClip: [String]

  public static let fileName = "import_report.json"

  enum CodingKeys: String, CodingKey {
    case settings, clips, faults
    case isComplete = "complete"
    case captionsWithoutClip = "captions_without_clip"
  }
}

extension ImportReport: CustomStringConvertible {
  /// A few lines for a terminal.
  public var description: String {
    func total(_ count: (ClipReport) -> Int) -> Int { clips.reduce(0) { $0 + count($1) } }
    let sources = Set(clips.map(\.source)).count
    var lines = [
      "\(clips.count) clips of \(sources) sources, \(settings.geometry), \(settings.frames) frames"
    ]
    if let first = clips.first { lines.append("evidence, from \(first.id): ") }
    lines += (clips.first?.evidence ?? []).map { "  \($0)" }
    let notes: [(Int, String)] = [
      (total { $0.hasVideo ? 1 : 0 }, "clips with video"),
      (total { $0.hasCaption ? 0 : 1 }, "clips without a caption"),
      (captionsWithoutClip.count, "captions without a clip"),
      (total { $0.droppedFrames > 0 ? 1 : 0 }, "clips were longer and lost their last frames"),
      (total { $0.gridMatch == "nearest" ? 1 : 0 }, "clips took the nearest point for each cell"),
      (total(\.emptyCells), "empty cells, invisible throughout"),
      (total(\.unusedPoints), "points of the files serve no cell"),
      (total(\.heldPositions), "positions were not finite and hold the nearest finite one"),
      (total(\.hiddenNonFinite), "of those were visible and are now invisible"),
    ]
    lines += notes.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
    return lines.joined(separator: "\n")
  }
}
