/// A kind of shard: its name, its root attributes and the datasets that it may have.
///
/// Dimension letters: T frames, Hc and Wc grid, N = Hc Wc tracks, L latent frames.
struct ShardSchema: Sendable {
  let format: String
  /// Root attributes that hold text, beside those that every shard has.
  let textAttributes: [String]
  /// The part of the file name before the number.
  let filePrefix: String
  let columns: @Sendable (_ geometry: GridGeometry, _ frames: Int) -> [Column]

  static let version = 1

  /// Point tracks with what they are conditioned on.
  static let tracks = ShardSchema(
    format: "trajloom-shard/1", textAttributes: [], filePrefix: "shard"
  ) { geometry, frames in
    let grid = [geometry.rows, geometry.columns]
    return [
      Column(
        name: "tracks", type: .float32, shape: [frames] + grid + [2], isRequired: true,
        rule: .finite),
      Column(
        name: "visibility", type: .uint8, shape: [frames] + grid, isRequired: true,
        rule: .zeroOrOne),
      Column(name: "object_id", type: .int32, shape: grid, isRequired: false, rule: .any),
    ] + conditions(geometry)
  }

  /// Latents of the history and the future of each clip, unscaled posterior means.
  static let latents = ShardSchema(
    format: "trajloom-latents/1", textAttributes: ["vae_sha256", "data_hash"],
    filePrefix: "latents"
  ) { geometry, _ in
    let latents = ["z_hist", "z_fut"].map {
      Column(
        name: $0, type: .float32, shape: [nil, geometry.count, nil], isRequired: true,
        rule: .finite)
    }
    let visibility = ["hist_visibility", "fut_visibility"].map {
      Column(
        name: $0, type: .uint8, shape: [nil, geometry.count], isRequired: true, rule: .zeroOrOne)
    }
    let continuation = Column(
      name: "z_cont", type: .float32, shape: [nil, geometry.count, nil], isRequired: false,
      rule: .finite)
    return latents + [continuation] + visibility + conditions(geometry)
  }

  /// The optional datasets that both kinds share.
  private static func conditions(_ geometry: GridGeometry) -> [Column] {
    [
      Column(
        name: "video", type: .uint8, shape: [nil, geometry.height / 4, geometry.width / 4, 3],
        isRequired: false, rule: .any),
      Column(
        name: "video_latents", type: .float16, shape: [nil, geometry.count, nil],
        isRequired: false, rule: .finite),
      Column(
        name: "text_embedding", type: .float16, shape: [nil], isRequired: false, rule: .finite),
    ]
  }
}

/// The root attributes of a shard.
struct ShardHeader: Sendable, Equatable {
  let geometry: GridGeometry
  /// T, the frames of every clip.
  let frames: Int
  let fps: Double
  let createdBy: String
  /// The attributes that only this kind of shard has.
  let texts: [String: String]

  func attributes(of schema: ShardSchema) -> [(name: String, value: HDF5AttributeValue)] {
    [
      ("format", .text(schema.format)), ("version", .integer(ShardSchema.version)),
      ("height", .integer(geometry.height)), ("width", .integer(geometry.width)),
      ("stride", .integer(geometry.stride)), ("frames", .integer(frames)), ("fps", .number(fps)),
      ("created_by", .text(createdBy)),
    ] + schema.textAttributes.map { ($0, .text(texts[$0] ?? "")) }
  }
}

/// One clip as a row of a shard.
struct ShardRow: Sendable {
  let id: String
  let caption: String
  let source: String
  /// By dataset.
  let columns: [String: ColumnData]
}
