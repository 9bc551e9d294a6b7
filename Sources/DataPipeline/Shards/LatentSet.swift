import Autograd

/// A folder of `trajloom-latents/1` files, or one of them, checked on opening.
public final class LatentSet: Sendable {
  /// What is known of a clip without reading it.
  public struct ClipInfo: Sendable, Equatable {
    public let id: String
    public let caption: String
    public let source: String
    /// The frames of the history video; 0 when there is none.
    public let videoFrames: Int
    /// [L, N, Cv]; nil when the clip has none.
    public let videoLatentShape: [Int]?
    /// E; nil when the clip has no text embedding.
    public let textEmbeddingSize: Int?
    /// [L, N, C] of the continuation's latents; nil when the clip has none.
    public let continuationShape: [Int]?

    public var hasVideo: Bool { videoFrames > 0 }
  }

  public let path: String
  public let geometry: GridGeometry
  /// T of the encoded clips, history and future together.
  public let frames: Int
  public let fps: Double
  /// The hash of the weights that encoded the clips.
  public let vaeSHA256: String
  /// `ShardSet.contentHash` of the encoded data.
  public let dataHash: String
  /// [L, N, C] of history and future latents alike.
  public let latentShape: [Int]
  public let clips: [ClipInfo]
  /// As `ShardSet.contentHash`.
  public let contentHash: String
  /// Size and fingerprint of each file, by name.
  public let fingerprints: [String: String]

  private let collection: ShardCollection

  /// - Throws: `DataError` as `ShardSet.init` does, also for latents of unequal shapes.
  public init(path: String) throws {
    let collection = try ShardCollection(path: path, schema: .latents)
    let shape = collection.files[0].shape(of: "z_hist") ?? []
    for file in collection.files {
      let expected = [
        ("z_hist", shape), ("z_fut", shape), ("hist_visibility", Array(shape.dropLast())),
        ("fut_visibility", Array(shape.dropLast())),
      ]
      let optional = file.shape(of: "z_cont") == nil ? [] : [("z_cont", shape)]
      for (name, expected) in expected + optional where file.shape(of: name) != expected {
        throw DataError(
          file: file.path, dataset: name, expected: "\(expected) per clip",
          found: "\(file.shape(of: name) ?? [])", advice: "encode the data again")
      }
    }
    self.path = path
    self.collection = collection
    latentShape = shape
    geometry = collection.header.geometry
    frames = collection.header.frames
    fps = collection.header.fps
    vaeSHA256 = collection.header.texts["vae_sha256"] ?? ""
    dataHash = collection.header.texts["data_hash"] ?? ""
    contentHash = collection.contentHash
    fingerprints = collection.fingerprints
    clips = collection.places.map { place in
      let file = collection.files[place.file]
      return ClipInfo(
        id: file.ids[place.row], caption: file.captions[place.row], source: file.sources[place.row],
        videoFrames: file.shape(of: "video")?[0] ?? 0,
        videoLatentShape: file.shape(of: "video_latents"),
        textEmbeddingSize: file.shape(of: "text_embedding")?[0],
        continuationShape: file.shape(of: "z_cont"))
    }
  }

  /// Reads a clip and checks every value of it.
  /// - Parameter fields: which conditions to read; the latents and their visibility always are.
  /// - Throws: `DataError` as `ShardSet.readClip` does.
  public func readClip(_ index: Int, fields: ClipFields = .all) throws -> LatentClip {
    let latents: Set = ["z_hist", "z_fut", "hist_visibility", "fut_visibility"]
    let row = try collection.read(latents.union(fields.datasets), clip: index)
    return LatentClip(
      id: row.id, caption: row.caption, source: row.source, zHistory: row.floats("z_hist") ?? [],
      zFuture: row.floats("z_fut") ?? [], zContinuation: row.floats("z_cont"),
      latentShape: latentShape,
      historyVisibility: row.bytes("hist_visibility") ?? [],
      futureVisibility: row.bytes("fut_visibility") ?? [], video: row.bytes("video"),
      videoLatents: row.floats("video_latents"),
      videoLatentShape: row.columns["video_latents"]?.shape,
      textEmbedding: row.floats("text_embedding"))
  }

  /// As `ShardSet.split`: the same sources on the same sides.
  public func split(validationFraction: Double) throws -> (train: [Int], validation: [Int]) {
    try splitBySource(clips.map(\.source), validationFraction: validationFraction, path: path)
  }
}
