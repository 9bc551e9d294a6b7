import Foundation

/// Writes clips into `trajloom-shard/1` files: `shard-00000.h5`, `shard-00001.h5`, ...
///
/// The files appear under these names, complete and synced to the disk, when `finish()` returns; a
/// writer dropped before that leaves nothing behind.
public final class ShardWriter {
  public let geometry: GridGeometry
  /// T, the frames of every clip.
  public let frames: Int
  private let writer: ColumnarWriter

  /// - Parameters:
  ///   - createdBy: goes into the `created_by` attribute, such as the program and its version.
  ///   - clipsPerShard: the rows of every file but the last.
  /// - Throws: `DataError` when the folder cannot be made, somebody else writes into it, or it
  ///   already holds shards.
  public convenience init(
    directory: String, geometry: GridGeometry, frames: Int, fps: Double, createdBy: String,
    clipsPerShard: Int = 64
  ) throws {
    try self.init(
      directory: directory, geometry: geometry, frames: frames, fps: fps, createdBy: createdBy,
      clipsPerShard: clipsPerShard, publication: .together)
  }

  /// - Parameter publication: when the files get their names.
  /// - Throws: as above, and for shards that are there with another header.
  init(
    directory: String, geometry: GridGeometry, frames: Int, fps: Double, createdBy: String,
    clipsPerShard: Int, publication: ColumnarWriter.Publication
  ) throws {
    self.geometry = geometry
    self.frames = frames
    writer = try ColumnarWriter(
      directory: URL(fileURLWithPath: directory), schema: .tracks,
      header: ShardHeader(
        geometry: geometry, frames: frames, fps: fps, createdBy: createdBy, texts: [:]),
      rowsPerFile: clipsPerShard, publication: publication)
  }

  /// A clip that is checked and packed, ready to be written.
  public struct PackedClip: Sendable {
    let row: PackedRow
  }

  /// Checks and packs clips for `append`, on any thread: the part of writing that takes time.
  public struct Packer: Sendable {
    let geometry: GridGeometry
    let frames: Int
    let rows: RowPacker

    /// - Throws: `DataError` for a wrong shape, a value that is not finite, or a visibility other
    ///   than 0 or 1.
    public func pack(_ clip: Clip) throws -> PackedClip {
      PackedClip(row: try rows.pack(row(clip)))
    }
  }

  public var packer: Packer { Packer(geometry: geometry, frames: frames, rows: writer.packer) }

  /// Appends a clip.
  /// - Throws: what `Packer.pack` and `append(_: PackedClip)` throw.
  public func append(_ clip: Clip) throws { try append(packer.pack(clip)) }

  /// Appends a clip.
  /// - Throws: `DataError` for an id that was there before, or optional data that the other clips of
  ///   the shard do not have; of kind `.resource` when it cannot be written.
  public func append(_ clip: PackedClip) throws { try writer.append(clip.row) }

  /// Completes the last file and gives all their names.
  /// - Returns: the paths of the files, in order.
  @discardableResult
  public func finish() throws -> [String] { try writer.finish().map(\.path) }
}

extension ShardWriter.Packer {
  private func row(_ clip: Clip) -> ShardRow {
    let grid = [geometry.rows, geometry.columns]
    var columns = conditionColumns(
      video: clip.video, videoLatents: clip.videoLatents, videoLatentShape: clip.videoLatentShape,
      textEmbedding: clip.textEmbedding, geometry: geometry)
    columns["tracks"] = ColumnData(.floats(clip.tracks), shape: [frames] + grid + [2])
    columns["visibility"] = ColumnData(.bytes(clip.visibility), shape: [frames] + grid)
    if let objects = clip.objectID {
      columns["object_id"] = ColumnData(.integers(objects), shape: grid)
    }
    return ShardRow(id: clip.id, caption: clip.caption, source: clip.source, columns: columns)
  }
}
