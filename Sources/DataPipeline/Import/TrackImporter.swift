import Foundation

/// Turns track files, videos and captions into shards.
///
/// Complete shards stay: an import that was stopped, or that found faults, goes on where it was when
/// it is run again, and does not read again what is in them.
public struct TrackImporter: Sendable {
  public let options: ImportOptions

  public init(options: ImportOptions) { self.options = options }

  /// Imports everything that is not in the output folder yet, and writes `import_report.json`.
  ///
  /// Faulty clips are left out; all of them are in the report.
  /// - Parameters:
  ///   - isStopped: asked between clips; true ends the import with what it has.
  ///   - progress: called with (clips done, all clips, id of the last).
  /// - Returns: the report: complete, or not when it was stopped.
  /// - Throws: `DataError` for what stands in the way of every clip: no files, settings that differ
  ///   from those of the shards that are there, a folder in use, a full disk.
  public func run(
    isStopped: @Sendable () -> Bool = { false },
    progress: (_ done: Int, _ total: Int, _ clip: String) -> Void = { _, _, _ in }
  ) throws -> ImportReport {
    let plan = try ImportPlan(options, isStopped: isStopped)
    let inputs = try ImportInputs(options)
    try checkCaptions(inputs.captions, plan)
    let lock = try FolderLock(options.output)
    // Until the last report is written.
    defer { withExtendedLifetime(lock) {} }
    var journal = try ImportJournal(options, plan, inputs)
    let settings = options.reading
    let writer = try ShardWriter(
      directory: options.output, geometry: settings.geometry, frames: settings.frames,
      fps: settings.fps, createdBy: options.createdBy, clipsPerShard: options.clipsPerShard,
      publication: .oneByOne(after: journal.shards, lock: lock))
    // Before the first shard, which needs it to be known as one of an import.
    try journal.write(isComplete: false, captionsWithoutClip: [])
    let work = ClipImport(options: options, inputs: inputs, packer: writer.packer)
    let items = journal.waiting
    let before = plan.items.count - items.count
    try inOrder(items.count) { number in
      guard !isStopped() else { throw CancellationError() }
      return try work.run(items[number])
    } use: { number, outcome in
      // The terminal's Ctrl-C ends the decoding children too: what they leave is no fault.
      guard !isStopped() else { return false }
      do {
        let outcome = try outcome.get()
        try journal.checkConvention(outcome.report)
        if !journal.isInShard(outcome.report.id) { try writer.append(outcome.clip) }
        journal.add(outcome.report)
        try journal.writeNowAndThen()
      } catch let error as DataError where error.kind == .data {
        journal.add(.init(clip: items[number].id, message: error.message))
      }
      progress(before + number + 1, plan.items.count, items[number].id)
      return true
    }
    try writer.finish()
    return try journal.write(
      isComplete: !isStopped(),
      captionsWithoutClip: inputs.captions?.ids(without: plan.items.map(\.stem)) ?? [])
  }

  /// - Throws: `DataError` when no clip has a caption: the names must be different ones.
  private func checkCaptions(_ captions: CaptionTable?, _ plan: ImportPlan) throws {
    guard let captions, let path = options.captions, let first = plan.items.first,
      !plan.items.contains(where: { captions.has($0.stem) })
    else { return }
    throw DataError(
      file: path, expected: "the 'videoid' of at least one clip (such as '\(first.stem)')",
      found: captions.ids.first.map { "'\($0)'" } ?? "no rows",
      advice: "name the rows like the track files")
  }
}
