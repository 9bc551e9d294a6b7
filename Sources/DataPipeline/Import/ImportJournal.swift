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

  /// - Throws: `DataError` for shards that no import has made, or one with other settings.
  init(_ options: ImportOptions, _ plan: ImportPlan) throws {
    self.options = options
    faults = plan.faults
    let names = (try? FileManager.default.contentsOfDirectory(atPath: options.output)) ?? []
    guard let shard = names.filter({ $0.hasSuffix(".h5") && !$0.hasPrefix(".") }).min() else {
      (shards, waiting, clips, inShards) = (nil, plan.items, [], [])
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
    if let difference = settingsDifference(earlier.settings, options.reading) {
      throw DataError(
        file: path, expected: "the settings of the import that is there",
        found: "another \(difference)",
        advice: "pass the same options, or choose another output folder", kind: .usage)
    }
    let shards = try ShardCollection(path: options.output, schema: .tracks)
    let inShards = Set(shards.files.flatMap(\.ids))
    let known = Dictionary(earlier.clips.map { ($0.id, $0) }) { $1 }
    clips = earlier.clips.filter { inShards.contains($0.id) }
    self.shards = shards
    self.inShards = inShards
    var waiting: [ImportItem] = []
    for item in plan.items {
      guard inShards.contains(item.id), let report = known[item.id] else {
        waiting.append(item)
        continue
      }
      guard report.fileBytes == fileSize(item.file) else {
        let error = DataError(
          file: item.file, clip: item.id, expected: "the file that was imported before",
          found: "\(fileSize(item.file)) bytes instead of \(report.fileBytes)",
          advice: "import into another folder, or rename the clip")
        faults.append(.init(clip: item.id, message: error.message))
        continue
      }
    }
    self.waiting = waiting
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

  /// Writes the report beside the shards.
  @discardableResult
  func write(isComplete: Bool, captions: CaptionTable?) throws -> ImportReport {
    let used = Set(clips.filter(\.hasCaption).map { URL(fileURLWithPath: $0.file).stem })
    let report = ImportReport(
      settings: options.reading, isComplete: isComplete, clips: clips, faults: faults,
      captionsWithoutClip: try (captions?.ids ?? []).filter { id in
        try !used.contains { try captions?.row(stem: $0)?.id == id }
      })
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let path = ImportJournal.path(options)
    do {
      try AtomicFile.write(encoder.encode(report), to: path)
    } catch {
      throw DataError(
        "\(path): cannot be written (\(error)); check the disk", kind: .resource)
    }
    return report
  }

  private static func path(_ options: ImportOptions) -> String {
    URL(fileURLWithPath: options.output).appendingPathComponent(ImportReport.fileName).path
  }
}

extension URL {
  fileprivate var stem: String { deletingPathExtension().lastPathComponent }
}

/// The first setting that differs, with both values; nil when none does.
private func settingsDifference(_ a: ImportSettings, _ b: ImportSettings) -> String? {
  for (old, new) in zip(Mirror(reflecting: a).children, Mirror(reflecting: b).children) {
    let (before, after) = ("\(old.value)", "\(new.value)")
    if before != after { return "\(old.label ?? "setting") (\(after) instead of \(before))" }
  }
  return nil
}
