/// One clip: dense point tracks and, optionally, what a model may be conditioned on.
///
/// Dimension letters: T frames, Hc and Wc grid, N = Hc Wc, L latent frames, Cv channels of video
/// latents.
public struct Clip: Sendable, Equatable {
  /// Unique in a data set.
  public var id: String
  /// Empty when there is none.
  public var caption: String
  /// The video that the clip was cut from; clips of one source stay on one side of a split.
  public var source: String
  /// [T, Hc, Wc, 2], (x, y) in pixels, x right, y down. Finite, also where a point is invisible.
  public var tracks: [Float]
  /// [T, Hc, Wc], 1 where the point is visible, else 0.
  public var visibility: [UInt8]
  /// [history, H/4, W/4, 3], RGB, the frames of the history at a quarter of the size.
  public var video: [UInt8]?
  /// [L, N, Cv], stored in half precision.
  public var videoLatents: [Float]?
  /// The extents [L, N, Cv]; present when `videoLatents` is.
  public var videoLatentShape: [Int]?
  /// [E], stored in half precision.
  public var textEmbedding: [Float]?
  /// [Hc, Wc], the surface that each point lies on: 0 the background, 1... the objects.
  public var objectID: [Int32]?

  public init(
    id: String, caption: String = "", source: String, tracks: [Float], visibility: [UInt8],
    video: [UInt8]? = nil, videoLatents: [Float]? = nil, videoLatentShape: [Int]? = nil,
    textEmbedding: [Float]? = nil, objectID: [Int32]? = nil
  ) {
    self.id = id
    self.caption = caption
    self.source = source
    self.tracks = tracks
    self.visibility = visibility
    self.video = video
    self.videoLatents = videoLatents
    self.videoLatentShape = videoLatentShape
    self.textEmbedding = textEmbedding
    self.objectID = objectID
  }
}

/// Which parts of a clip to read; the others stay empty.
public struct ClipFields: OptionSet, Sendable {
  public let rawValue: Int
  public init(rawValue: Int) { self.rawValue = rawValue }

  public static let tracks = ClipFields(rawValue: 1)
  public static let visibility = ClipFields(rawValue: 2)
  public static let video = ClipFields(rawValue: 4)
  public static let videoLatents = ClipFields(rawValue: 8)
  public static let textEmbedding = ClipFields(rawValue: 16)
  public static let objectID = ClipFields(rawValue: 32)
  /// Of latents: those of the history's continuation.
  public static let continuation = ClipFields(rawValue: 64)
  public static let all: ClipFields = [
    .tracks, .visibility, .video, .videoLatents, .textEmbedding, .objectID, .continuation,
  ]

  var datasets: Set<String> {
    let names: [(ClipFields, String)] = [
      (.tracks, "tracks"), (.visibility, "visibility"), (.video, "video"),
      (.videoLatents, "video_latents"), (.textEmbedding, "text_embedding"),
      (.objectID, "object_id"), (.continuation, "z_cont"),
    ]
    return Set(names.filter { contains($0.0) }.map(\.1))
  }
}

/// The optional conditions of a clip, as datasets: what track shards and latent shards share.
func conditionColumns(
  video: [UInt8]?, videoLatents: [Float]?, videoLatentShape: [Int]?, textEmbedding: [Float]?,
  geometry: GridGeometry
) -> [String: ColumnData] {
  var columns: [String: ColumnData] = [:]
  if let video {
    let frame = [geometry.height / 4, geometry.width / 4, 3]
    let frames = video.count / max(1, frame.reduce(1, *))
    columns["video"] = ColumnData(.bytes(video), shape: [frames] + frame)
  }
  if let videoLatents {
    columns["video_latents"] = ColumnData(.floats(videoLatents), shape: videoLatentShape ?? [])
  }
  if let textEmbedding {
    columns["text_embedding"] = ColumnData(.floats(textEmbedding), shape: [textEmbedding.count])
  }
  return columns
}

extension ShardRow {
  func floats(_ dataset: String) -> [Float]? {
    guard case .floats(let values)? = columns[dataset]?.values else { return nil }
    return values
  }

  func bytes(_ dataset: String) -> [UInt8]? {
    guard case .bytes(let values)? = columns[dataset]?.values else { return nil }
    return values
  }

  func integers(_ dataset: String) -> [Int32]? {
    guard case .integers(let values)? = columns[dataset]?.values else { return nil }
    return values
  }
}
