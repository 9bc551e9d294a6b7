import Autograd

/// The clips of a latent data set as training items, one each.
public struct LatentItems: Sendable {
  public let set: LatentSet
  /// Indices into `set.clips`.
  public let clips: [Int]
  /// Which conditions the batches carry.
  public let conditions: ClipFields

  public var count: Int { clips.count }

  /// - Parameter conditions: of `.video`, `.videoLatents`, `.textEmbedding`, `.continuation`; by
  ///   default those that all of the clips have, in one shape.
  /// - Throws: `DataError` when a clip lacks a condition that is asked for, or has it in another
  ///   shape.
  public init(set: LatentSet, clips: [Int], conditions: ClipFields? = nil) throws {
    let infos = clips.map { set.clips[$0] }
    var present: ClipFields = []
    for (field, name, shape) in conditionShapes {
      let first = infos.first.flatMap(shape)
      let odd = infos.first { shape($0) != first }
      if first != nil, odd == nil { present.insert(field) }
      if !infos.isEmpty, conditions?.contains(field) == true, first == nil || odd != nil {
        throw DataError(
          file: set.path, clip: (first == nil ? infos.first : odd)?.id, dataset: name,
          expected: first.map { "shape \($0), as in the other clips" } ?? "values",
          found: odd.flatMap(shape).map { "shape \($0)" } ?? "none",
          advice: "add it to the data or switch this condition off")
      }
    }
    self.set = set
    self.clips = clips
    self.conditions = conditions ?? present
  }

  /// The clips `items` (positions in `clips`), stacked in that order.
  /// - Throws: `DataError` for a faulty clip.
  public func batch(items: [Int]) throws -> LatentBatch {
    let rows = try items.map { try set.readClip(clips[$0], fields: conditions) }
    let shape = [rows.count] + set.latentShape
    let mask = Array(shape.dropLast())
    var video: NDArray?
    if conditions.contains(.video), let first = items.first {
      let frame = [set.geometry.height / 4, set.geometry.width / 4, 3]
      video = stacked(
        rows.map { $0.video ?? [] },
        shape: [rows.count, set.clips[clips[first]].videoFrames] + frame
      ) { Float($0) / 255 }
    }
    var videoLatents: NDArray?
    if conditions.contains(.videoLatents), let extents = rows.first?.videoLatentShape {
      videoLatents = stacked(
        rows.map { $0.videoLatents ?? [] }, shape: [rows.count] + extents
      ) { $0 }
    }
    var textEmbedding: NDArray?
    if conditions.contains(.textEmbedding), let size = rows.first?.textEmbedding?.count {
      textEmbedding = stacked(
        rows.map { $0.textEmbedding ?? [] }, shape: [rows.count, size]
      ) { $0 }
    }
    var continuation: NDArray?
    if conditions.contains(.continuation) {
      continuation = stacked(rows.map { $0.zContinuation ?? [] }, shape: shape) { $0 }
    }
    return LatentBatch(
      clips: rows.map(\.id), captions: rows.map(\.caption),
      zHistory: stacked(rows.map(\.zHistory), shape: shape) { $0 },
      zFuture: stacked(rows.map(\.zFuture), shape: shape) { $0 }, zContinuation: continuation,
      historyVisibility: stacked(rows.map(\.historyVisibility), shape: mask, Float.init),
      futureVisibility: stacked(rows.map(\.futureVisibility), shape: mask, Float.init),
      video: video, videoLatents: videoLatents, textEmbedding: textEmbedding)
  }
}

/// The rows one after the other, every value brought to its place once.
private func stacked<Value>(
  _ rows: [[Value]], shape: [Int], _ float: (Value) -> Float
) -> NDArray {
  NDArray(shape: shape) { output in
    for row in rows {
      for value in row { output.append(float(value)) }
    }
  }
}

private let conditionShapes:
  [(field: ClipFields, name: String, shape: @Sendable (LatentSet.ClipInfo) -> [Int]?)] = [
    (.video, "video", { $0.hasVideo ? [$0.videoFrames] : nil }),
    (.videoLatents, "video_latents", { $0.videoLatentShape }),
    (.textEmbedding, "text_embedding", { $0.textEmbeddingSize.map { [$0] } }),
    (.continuation, "z_cont", { $0.continuationShape }),
  ]
