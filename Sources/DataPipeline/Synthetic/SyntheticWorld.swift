import Foundation

/// Endless clips with exact tracks: rigid and bending shapes at different depths that fall, bounce,
/// spin, swing, are pushed and hide each other over a textured background, under a moving camera.
/// Equal to the byte on any machine.
public struct SyntheticWorld: Sendable {
  public let config: SyntheticConfig

  public init(config: SyntheticConfig) { self.config = config }

  /// Clip `index`, a pure function of the configuration and the index. Its `source` is its history,
  /// so the futures of one history stay on one side of a split. Future f of a history does not
  /// depend on how many there are.
  public func makeClip(index: Int) -> Clip {
    let (number, future) = index.quotientAndRemainder(dividingBy: config.futures)
    let timeline = SceneTimeline(config: config, scene: number, future: future)
    let (tracks, visibility, objectID) = timeline.track()
    return Clip(
      id: name(index), caption: timeline.caption, source: name(number * config.futures),
      tracks: tracks, visibility: visibility,
      video: config.renderVideo ? timeline.render() : nil,
      objectID: objectID)
  }

  /// Makes clips 0..<count on all cores and appends them in order.
  /// - Parameter progress: called with (clips written, count, id of the last).
  /// - Throws: what the writer and `progress` throw.
  public func synthesize(
    count: Int, into writer: ShardWriter,
    progress: (_ done: Int, _ total: Int, _ clip: String) throws -> Void = { _, _, _ in }
  ) throws {
    let packer = writer.packer
    try inOrder(count) {
      try packer.pack(makeClip(index: $0))
    } use: { number, clip in
      try writer.append(clip.get())
      try progress(number + 1, count, name(number))
      return true
    }
  }

  private func name(_ index: Int) -> String {
    let digits = String(index)
    return "synth-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
  }
}
