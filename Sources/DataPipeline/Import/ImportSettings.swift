/// What to do with a coordinate that is not finite although its point is marked visible.
public enum NonFinitePolicy: String, Sendable, CaseIterable, Codable {
  case refuse
  /// The point becomes invisible there and holds its nearest finite position.
  case invisible
}

/// How clips are read: what an import that goes on must find unchanged.
public struct ImportSettings: Sendable, Codable, Equatable {
  public var geometry: GridGeometry
  /// T; longer clips lose their end, shorter ones are errors.
  public var frames: Int
  /// The frames of video to keep.
  public var history: Int
  public var fps: Double
  /// Nil to detect; likewise the next three.
  public var axes: TrackAxes?
  public var units: TrackConvention.Units?
  public var axisOrder: TrackConvention.AxisOrder?
  public var polarity: VisibilityPolarity?
  /// The frame that pixel coordinates refer to; nil for that of the geometry.
  public var sourceSize: FrameSize?
  public var nonFinite: NonFinitePolicy
  /// The greatest share of grid cells that may stay without a point.
  public var maxEmpty: Double
  /// The names of the arrays; nil for the customary ones.
  public var trackKey: String?
  public var visibilityKey: String?
  /// Whether clips get the history frames of their videos.
  public var hasVideo: Bool
  /// Whether grid, frames and video are those of a model, so that messages name no option that would
  /// change them. No setting of its own: it is not kept.
  public var isForModel = false

  public init(
    geometry: GridGeometry, frames: Int = 162, history: Int = 81, fps: Double = 25,
    axes: TrackAxes? = nil, units: TrackConvention.Units? = nil,
    axisOrder: TrackConvention.AxisOrder? = nil,
    polarity: VisibilityPolarity? = nil, sourceSize: FrameSize? = nil,
    nonFinite: NonFinitePolicy = .refuse, maxEmpty: Double = 0.5, trackKey: String? = nil,
    visibilityKey: String? = nil, hasVideo: Bool = false, isForModel: Bool = false
  ) {
    self.geometry = geometry
    self.frames = frames
    self.history = history
    self.fps = fps
    self.axes = axes
    self.units = units
    self.axisOrder = axisOrder
    self.polarity = polarity
    self.sourceSize = sourceSize
    self.nonFinite = nonFinite
    self.maxEmpty = maxEmpty
    self.trackKey = trackKey
    self.visibilityKey = visibilityKey
    self.hasVideo = hasVideo
    self.isForModel = isForModel
  }

  enum CodingKeys: String, CodingKey {
    case geometry, frames, history, fps, axes, units, polarity
    case axisOrder = "axis_order"
    case sourceSize = "source_size"
    case nonFinite = "nonfinite"
    case maxEmpty = "max_empty"
    case trackKey = "track_key"
    case visibilityKey = "visibility_key"
    case hasVideo = "video"
  }
}

extension ImportSettings {
  /// The first setting in which another import differs, by its flag, with both values; nil for none.
  func difference(from other: ImportSettings) -> String? {
    func text(_ value: (some Any)?) -> String { value.map { "\($0)" } ?? "none" }
    let settings: [(flag: String, own: String, other: String)] = [
      (
        "--height, --width or --stride", geometry.description, other.geometry.description
      ),
      ("--frames", text(frames), text(other.frames)), ("--fps", text(fps), text(other.fps)),
      ("--axes", text(axes), text(other.axes)), ("--units", text(units), text(other.units)),
      ("--axis-order", text(axisOrder), text(other.axisOrder)),
      ("--polarity", text(polarity), text(other.polarity)),
      ("--source-size", text(sourceSize), text(other.sourceSize)),
      ("--nonfinite", text(nonFinite), text(other.nonFinite)),
      ("--max-empty", text(maxEmpty), text(other.maxEmpty)),
      ("--track-key", text(trackKey), text(other.trackKey)),
      ("--visibility-key", text(visibilityKey), text(other.visibilityKey)),
      ("--videos or --no-video", text(hasVideo), text(other.hasVideo)),
    ]
    return settings.first { $0.own != $0.other }.map { "\($0.flag) \($0.own) (not \($0.other))" }
  }
}
