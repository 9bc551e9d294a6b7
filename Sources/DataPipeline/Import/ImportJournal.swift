import Autograd
import Foundation

/// What an import has done so far, in this run and in those before it.
struct ImportJournal {
  /// The shards that are there already; nil for none.
  let shards: ShardCollection?
  /// The clips that are to be read.
  let waiting: [ImportItem]
  private(set) var clips: [ImportReport.ClipReport]
  private(set) var faults: [ImportReport.Fault]
  private let options: ImportOptions
  private let inShards: Set<String>
  private var lastWrite = ContinuousClock.now

  /// - Throws: `DataError` for shards that no import has made, or one with other settings.
  init(_ options: ImportOptions, _ plan: ImportPlan, _ inputs: ImportInputs) throws {
    self.options = options
    let names = (try? FileManager.default.contentsOfDirectory(atPath: options.output)) ?? []
    guard let shard = names.filter({ $0.hasSuffix(".h5") && !$0.hasPrefix(".") }).min() else {
      (shards, waiting, clips, inShards) = (nil, plan.items, [], [])
      faults = plan.faults
      return
    }
    let path = ImportJournal.path(options)
    guard let data = FileManager.default.contents(atPath: path),
      let earlier = try? JSONDecoder().decode(ImportReport.self, from: data)
    else {
      throw DataError(
        file: options.output, expected: "a folder without shards, or with those of an import",
        found: "\(shard) without a readable \(ImportReport.fileName)",
        advice: "choose another output folder or remove its .h5 files", kind: .resource)
    }
    if let difference = options.reading.difference(from: earlier.settings) {
      throw DataError(
        file: path, expected: "the settings of the import that is there",
        found: difference,
        advice: "pass the same options, or choose another output folder", kind: .usage)
    }
    let shards = try ShardCollection(path: options.output, schema: .tracks)
    let inShards = Set(shards.files.flatMap(\.ids))
    let known = Dictionary(earlier.clips.map { ($0.id, $0) }) { $1 }
    clips = earlier.clips.filter { inShards.contains($0.id) }
    self.shards = shards
    self.inShards = inShards
    let done = plan.items.filter { inShards.contains($0.id) && known[$0.id] != nil }
    var faults = plan.faults
    try inOrder(done.count) {
      try inputs.identities(of: done[$0])
    } use: { number, identities in
      if let message = change(of: done[number], since: known, to: identities) {
        faults.append(.init(clip: done[number].id, message: message))
      }
      return true
    }
    self.faults = faults
    let doneIDs = Set(done.map(\.id))
    waiting = plan.items.filter { !doneIDs.contains($0.id) }
  }

  func isInShard(_ id: String) -> Bool { inShards.contains(id) }

  mutating func add(_ report: ImportReport.ClipReport) { clips.append(report) }
  mutating func add(_ fault: ImportReport.Fault) { faults.append(fault) }

  /// All clips of an import are read in one way.
  /// - Throws: `DataError` for a clip that would be read otherwise than the first.
  func checkConvention(_ report: ImportReport.ClipReport) throws {
    guard let first = clips.first,
      (first.units, first.axisOrder) != (report.units, report.axisOrder)
    else { return }
    throw DataError(
      file: report.file, clip: report.id,
      expected: "\(first.units) \(first.axisOrder), as in \(first.file)",
      found: "\(report.units) \(report.axisOrder)",
      advice: "pass --units and --axis-order, or import the files apart")
  }

  /// Writes the report beside the shards if that was long ago. A clip of a complete shard that the
  /// report does not have costs no more than to be read once more.
  mutating func writeNowAndThen() throws {
    guard ContinuousClock.now - lastWrite > .seconds(5) else { return }
    try write(isComplete: false, captionsWithoutClip: [])
    lastWrite = .now
  }

  /// Writes the report beside the shards.
  @discardableResult
  func write(isComplete: Bool, captionsWithoutClip: [String]) throws -> ImportReport {
    let report = ImportReport(
      settings: options.reading, isComplete: isComplete, clips: clips, faults: faults,
      captionsWithoutClip: captionsWithoutClip)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let path = ImportJournal.path(options)
    do {
      try AtomicFile.write(encoder.encode(report), to: path)
    } catch {
      throw DataError("\(path): cannot be written (\(error)); check the disk", kind: .resource)
    }
    return report
  }

  private static func path(_ options: ImportOptions) -> String {
    URL(fileURLWithPath: options.output).appendingPathComponent(ImportReport.fileName).path
  }
}

/// What is to be said of a clip that is in a shard and whose inputs are others now; nil when they are
/// not.
private func change(
  of item: ImportItem, since reports: [String: ImportReport.ClipReport],
  to identities: Result<[String: String], any Error>
) -> String? {
  let (before, now): ([String: String], [String: String])
  do { (before, now) = (reports[item.id]?.inputs ?? [:], try identities.get()) } catch {
    return "\(error)"
  }
  let changed = Set(before.keys).union(now.keys).filter { before[$0] != now[$0] }.sorted()
  guard !changed.isEmpty else { return nil }
  return DataError(
    file: item.file, clip: item.id, expected: "what was imported before",
    found: "another \(changed.joined(separator: ", "))",
    advice: "import into another folder, or rename the clip"
  ).message
}
