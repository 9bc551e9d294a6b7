import Autograd
import Foundation

/// Writes latents into `trajloom-latents/1` files: `latents-00000.h5`, ... They appear as those of
/// `ShardWriter` do: complete, synced, all in `finish()`.
public final class LatentShardWriter {
  private let geometry: GridGeometry
  private let writer: ColumnarWriter

  /// - Parameters:
  ///   - frames: T of the clips that were encoded, history and future together.
  ///   - vaeSHA256: the hash of the encoder's weights.
  ///   - dataHash: `ShardSet.contentHash` of the encoded data.
  /// - Throws: `DataError` when the folder cannot be made or already holds shards.
  public init(
    directory: String, geometry: GridGeometry, frames: Int, fps: Double, createdBy: String,
    vaeSHA256: String, dataHash: String, clipsPerShard: Int = 64
  ) throws {
    self.geometry = geometry
    writer = try ColumnarWriter(
      directory: URL(fileURLWithPath: directory), schema: .latents,
      header: ShardHeader(
        geometry: geometry, frames: frames, fps: fps, createdBy: createdBy,
        texts: ["vae_sha256": vaeSHA256, "data_hash": dataHash]),
      rowsPerFile: clipsPerShard)
  }

  /// Appends a clip; refuses what `ShardWriter.append` refuses.
  public func append(_ clip: LatentClip) throws {
    var columns = conditionColumns(
      video: clip.video, videoLatents: clip.videoLatents, videoLatentShape: clip.videoLatentShape,
      textEmbedding: clip.textEmbedding, geometry: geometry)
    columns["z_hist"] = ColumnData(.floats(clip.zHistory), shape: clip.latentShape)
    columns["z_fut"] = ColumnData(.floats(clip.zFuture), shape: clip.latentShape)
    if let continuation = clip.zContinuation {
      columns["z_cont"] = ColumnData(.floats(continuation), shape: clip.latentShape)
    }
    let mask = Array(clip.latentShape.dropLast())
    columns["hist_visibility"] = ColumnData(.bytes(clip.historyVisibility), shape: mask)
    columns["fut_visibility"] = ColumnData(.bytes(clip.futureVisibility), shape: mask)
    try writer.append(
      ShardRow(id: clip.id, caption: clip.caption, source: clip.source, columns: columns))
  }

  /// Completes the last file and gives all their names.
  /// - Returns: the paths of the files, in order.
  @discardableResult
  public func finish() throws -> [String] { try writer.finish().map(\.path) }
}
