/// What an import did: written beside the shards as `import_report.json`.
public struct ImportReport: Codable, Sendable, Equatable {
  public struct ClipReport: Codable, Sendable, Equatable {
    public let id: String
    public let source: String
    public let file: String
    public let units: String
    public let axisOrder: String
    /// Why the file was read this way, in words.
    public let evidence: [String]
    /// `exact`, `reordered` or `nearest`.
    public let gridMatch: String
    /// Cells that no point is near; they are invisible in all frames.
    public let emptyCells: Int
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
      case id, source, file, units, evidence
      case axisOrder = "axis_order"
      case gridMatch = "grid_match"
      case emptyCells = "empty_cells"
      case droppedFrames = "dropped_frames"
      case heldPositions = "held_positions"
      case hiddenNonFinite = "hidden_nonfinite"
      case meanVisibility = "mean_visibility"
      case hasVideo = "has_video"
      case hasCaption = "has_caption"
    }
  }

  public let geometry: GridGeometry
  public let frames: Int
  public let clips: [ClipReport]
  /// Rows of the captions table that no clip belongs to.
  public let captionsWithoutClip: [String]

  enum CodingKeys: String, CodingKey {
    case geometry, frames, clips
    case captionsWithoutClip = "captions_without_clip"
  }
}

extension ImportReport: CustomStringConvertible {
  /// A few lines for a terminal.
  public var description: String {
    func total(_ count: (ClipReport) -> Int) -> Int { clips.reduce(0) { $0 + count($1) } }
    let sources = Set(clips.map(\.source)).count
    var lines = ["\(clips.count) clips of \(sources) sources, \(geometry), \(frames) frames"]
    if let first = clips.first {
      lines.append("coordinates: \(first.units), \(first.axisOrder) (\(first.evidence.last ?? ""))")
    }
    let notes: [(Int, String)] = [
      (total { $0.hasVideo ? 1 : 0 }, "clips with video"),
      (total { $0.hasCaption ? 0 : 1 }, "clips without a caption"),
      (captionsWithoutClip.count, "captions without a clip"),
      (total { $0.droppedFrames > 0 ? 1 : 0 }, "clips were longer and lost their last frames"),
      (total { $0.gridMatch == "nearest" ? 1 : 0 }, "clips took the nearest point for each cell"),
      (total(\.emptyCells), "empty cells, invisible throughout"),
      (total(\.heldPositions), "positions were not finite and hold the nearest finite one"),
      (total(\.hiddenNonFinite), "of those were visible and are now invisible"),
    ]
    lines += notes.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
    return lines.joined(separator: "\n")
  }
}
