import Foundation

/// What is in a data set of tracks, and how its points move.
public struct ShardReport: Sendable, Equatable, Codable {
  /// One file of the set.
  public struct Shard: Sendable, Equatable, Codable {
    public let name: String
    public let clips: Int
    public let bytes: Int
  }

  public let path: String
  public let shards: [Shard]
  public let clips: Int
  public let sources: Int
  public let geometry: GridGeometry
  public let frames: Int
  public let fps: Double
  /// Clips that have each optional dataset, by its name.
  public let conditions: [String: Int]
  /// Least and greatest x of visible points, pixels; zeros when none is visible.
  public let xRange: [Float]
  /// Least and greatest y of visible points, pixels.
  public let yRange: [Float]
  /// The share of points and frames that are visible and on the frame.
  public let meanVisibility: Double
  /// The mean distance of visible points from their place on frame 0, pixels.
  public let meanDisplacement: Double
  /// The greatest such distance, pixels.
  public let largestDisplacement: Double
  /// The mean step of points visible on both frames, pixels per frame.
  public let meanSpeed: Double
  /// The greatest such step, pixels per frame.
  public let largestSpeed: Double
  /// The share of points that get more than 8 pixels away from their start while visible.
  public let movingShare: Double
  /// The share of the variance of absolute coordinates that the place on the grid explains, 0 to 1
  /// (arXiv 2603.22606, figure 3b).
  public let etaSquaredAbsolute: Double
  /// The same for offsets from the query points.
  public let etaSquaredOffset: Double
}

/// Reads all tracks of a set and sums them up.
/// - Parameter progress: called with (clips read, all clips, id of the last).
/// - Throws: `DataError` at the first faulty clip.
public func inspect(
  _ set: ShardSet, progress: (_ done: Int, _ total: Int, _ clip: String) -> Void = { _, _, _ in }
) throws -> ShardReport {
  let geometry = set.geometry
  var absolute = GridVariance(cells: geometry.count)
  var offset = GridVariance(cells: geometry.count)
  var motion = MotionStatistics()
  var done = 0
  try set.readClips(Array(set.clips.indices), fields: [.tracks, .visibility]) { clip in
    let isVisible = clip.visibility.indices.map {
      clip.visibility[$0] == 1
        && geometry.contains(x: clip.tracks[2 * $0], y: clip.tracks[2 * $0 + 1])
    }
    motion.add(clip, isVisible: isVisible, geometry: geometry)
    for point in isVisible.indices where isVisible[point] {
      let cell = point % geometry.count
      let query = geometry.queryPoint(cell: cell)
      let size = SIMD2(Double(geometry.width), Double(geometry.height))
      let place = SIMD2(Double(clip.tracks[2 * point]), Double(clip.tracks[2 * point + 1]))
      let anchor = SIMD2(Double(query.x), Double(query.y))
      absolute.add(2 * place / size - 1, cell: cell)
      offset.add(2 * (place - anchor) / size, cell: cell)
    }
    done += 1
    progress(done, set.clips.count, clip.id)
  }
  let conditions: [(String, (ShardSet.ClipInfo) -> Bool)] = [
    ("video", { $0.hasVideo }), ("video_latents", { $0.videoLatentShape != nil }),
    ("text_embedding", { $0.textEmbeddingSize != nil }), ("object_id", { $0.hasObjectID }),
    ("caption", { !$0.caption.isEmpty }),
  ]
  return ShardReport(
    path: set.path,
    shards: set.shardPaths.enumerated().map { index, path in
      ShardReport.Shard(
        name: URL(fileURLWithPath: path).lastPathComponent,
        clips: set.clips.count { $0.shardIndex == index }, bytes: fileSize(path))
    }, clips: set.clips.count, sources: Set(set.clips.map(\.source)).count,
    geometry: geometry, frames: set.frames, fps: set.fps,
    conditions: Dictionary(
      uniqueKeysWithValues: conditions.map { name, has in (name, set.clips.count(where: has)) }),
    xRange: motion.visible > 0 ? motion.xRange : [0, 0],
    yRange: motion.visible > 0 ? motion.yRange : [0, 0],
    meanVisibility: ratio(motion.visible, motion.points),
    meanDisplacement: ratio(motion.displacement, motion.displaced),
    largestDisplacement: motion.largestDisplacement,
    meanSpeed: ratio(motion.speed, motion.steps), largestSpeed: motion.largestSpeed,
    movingShare: ratio(motion.moving, motion.tracks),
    etaSquaredAbsolute: absolute.explainedShare, etaSquaredOffset: offset.explainedShare)
}

extension ShardReport: CustomStringConvertible {
  /// Some lines for a terminal.
  public var description: String {
    func short(_ value: Double) -> String {
      let scaled = (abs(value) * 1000).rounded() / 1000
      return (value < 0 ? "-" : "") + "\(scaled)"
    }
    let present = conditions.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    let sizes = shards.map { shard in
      "\n  \(shard.name)  \(shard.clips) clips, \(short(Double(shard.bytes) / 0x1p20)) MiB"
    }
    return """
      \(path): \(clips) clips of \(sources) sources, \(frames) frames at \(short(fps)) fps
      grid          \(geometry): \(geometry.rows) x \(geometry.columns) = \(geometry.count) points
      clips with    \(present.joined(separator: ", "))
      x, y          \(xRange[0]) to \(xRange[1]), \(yRange[0]) to \(yRange[1]) px where visible
      visible       \(short(100 * meanVisibility)) %
      displacement  mean \(short(meanDisplacement)), at most \(short(largestDisplacement)) px
      speed         mean \(short(meanSpeed)), at most \(short(largestSpeed)) px/frame
      moving        \(short(100 * movingShare)) % of the points (more than 8 px)
      eta^2         absolute \(short(etaSquaredAbsolute)), offset \(short(etaSquaredOffset))
      shards        \(shards.count)\(sizes.joined())
      """
  }
}

private func ratio(_ sum: Double, _ count: Int) -> Double { count == 0 ? 0 : sum / Double(count) }
private func ratio(_ part: Int, _ whole: Int) -> Double { ratio(Double(part), whole) }
