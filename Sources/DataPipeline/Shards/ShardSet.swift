/// A folder of `trajloom-shard/1` files, or one of them, checked on opening; clips are read on
/// demand.
public final class ShardSet: Sendable {
  /// What is known of a clip without reading it.
  public struct ClipInfo: Sendable, Equatable {
    public let id: String
    public let caption: String
    public let source: String
    /// Which file, in the order of the names.
    public let shardIndex: Int
    /// Which row of that file.
    public let row: Int
    /// The frames of the history video; 0 when there is none.
    public let videoFrames: Int
    /// [L, N, Cv]; nil when the clip has none.
    public let videoLatentShape: [Int]?
    /// E; nil when the clip has no text embedding.
    public let textEmbeddingSize: Int?
    public let hasObjectID: Bool

    public var hasVideo: Bool { videoFrames > 0 }
  }

  public let path: String
  public let geometry: GridGeometry
  /// T, the frames of every clip.
  public let frames: Int
  public let fps: Double
  public let createdBy: String
  public let clips: [ClipInfo]
  /// SHA-256 over the names, sizes, attributes and strings of the files and the checksum of every
  /// stored row, as 64 hexadecimal digits. The same wherever the folder lies.
  public let contentHash: String
  /// Size and fingerprint of each file, by name.
  public let fingerprints: [String: String]

  private let collection: ShardCollection

  /// The paths of the files, in the order of `ClipInfo.shardIndex`.
  public var shardPaths: [String] { collection.files.map(\.path) }

  /// - Throws: `DataError` naming the file, and the dataset or attribute, for anything that is not
  ///   as the format says, shards that disagree, and clip ids that occur twice.
  public init(path: String) throws {
    let collection = try ShardCollection(path: path, schema: .tracks)
    self.path = path
    self.collection = collection
    geometry = collection.header.geometry
    frames = collection.header.frames
    fps = collection.header.fps
    createdBy = collection.header.createdBy
    contentHash = collection.contentHash
    fingerprints = collection.fingerprints
    clips = collection.places.map { place in
      let file = collection.files[place.file]
      return ClipInfo(
        id: file.ids[place.row], caption: file.captions[place.row], source: file.sources[place.row],
        shardIndex: place.file, row: place.row, videoFrames: file.shape(of: "video")?[0] ?? 0,
        videoLatentShape: file.shape(of: "video_latents"),
        textEmbeddingSize: file.shape(of: "text_embedding")?[0],
        hasObjectID: file.shape(of: "object_id") != nil)
    }
  }

  /// Reads a clip and checks every value of it.
  /// - Parameter fields: what to read; the rest stays empty (or nil).
  /// - Precondition: `index` is one of `clips`.
  /// - Throws: `DataError` naming shard, clip and dataset for a failed checksum, a coordinate that
  ///   is not finite, or a visibility other than 0 and 1.
  public func readClip(_ index: Int, fields: ClipFields = .all) throws -> Clip {
    let row = try collection.read(fields.datasets, clip: index)
    return Clip(
      id: row.id, caption: row.caption, source: row.source, tracks: row.floats("tracks") ?? [],
      visibility: row.bytes("visibility") ?? [], video: row.bytes("video"),
      videoLatents: row.floats("video_latents"),
      videoLatentShape: row.columns["video_latents"]?.shape,
      textEmbedding: row.floats("text_embedding"), objectID: row.integers("object_id"))
  }

  /// The clips for training and those for validation, as ascending indices: no source video is on
  /// both sides. See `splitBySource`.
  public func split(validationFraction: Double) throws -> (train: [Int], validation: [Int]) {
    try splitBySource(clips.map(\.source), validationFraction: validationFraction, path: path)
  }
}

extension ShardSet {
  /// Reads clips on all cores and hands them over one by one in the order of `indices`.
  /// - Throws: what `readClip` throws for the first faulty clip, and what `body` throws.
  public func readClips(
    _ indices: [Int], fields: ClipFields = .all, _ body: (Clip) throws -> Void
  ) throws {
    try inOrder(indices.count) {
      try readClip(indices[$0], fields: fields)
    } use: { _, clip in
      try body(clip.get())
      return true
    }
  }
}
