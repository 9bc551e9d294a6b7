import Foundation
import Synchronization
import Testing

@testable import DataPipeline

/// Imports the clips a...j in shards of two.
private func options(_ source: ImportSource, _ folder: URL) -> ImportOptions {
  source.options(folder) { $0.clipsPerShard = 2 }
}

private let stems = (0..<10).map { "clip\($0)" }

@Test func stoppedImportsGoOnWhereTheyWere() throws {
  let source = try ImportSource()
  try withTemporaryFolder { folder in
    for stem in stems { try source.write(source.tracks(), to: folder, stem: stem) }
    let importer = TrackImporter(options: options(source, folder))
    let output = importer.options.output
    let isStopped = Atomic<Bool>(false)
    let part = try importer.run(
      isStopped: { isStopped.load(ordering: .relaxed) },
      progress: { done, _, _ in if done == 5 { isStopped.store(true, ordering: .relaxed) } })
    #expect(!part.isComplete && part.clips.map(\.id) == Array(stems[..<5]))
    // Complete shards and nothing else: the third holds one clip.
    let names = try FileManager.default.contentsOfDirectory(atPath: output).sorted()
    #expect(
      names == ["import_report.json"] + (0..<3).map { "shard-0000\($0).h5" })
    #expect(verify(output) == [])
    let before = try Data(contentsOf: URL(fileURLWithPath: output + "/shard-00001.h5"))

    var seen: [String] = []
    let whole = try importer.run(progress: { seen.append("\($0)/\($1) \($2)") })
    #expect(seen.first == "6/10 clip5" && seen.count == 5)
    #expect(whole.isComplete && whole.clips.map(\.id) == stems)
    #expect(try ShardSet(path: output).clips.map(\.id) == stems)
    #expect(try Data(contentsOf: URL(fileURLWithPath: output + "/shard-00001.h5")) == before)

    let again = try importer.run(progress: { _, _, _ in Issue.record("nothing is left") })
    #expect(again == whole)
  }
}

@Test func mendedClipsJoinTheOthers() throws {
  let source = try ImportSource()
  try withTemporaryFolder { folder in
    for stem in stems[..<4] { try source.write(source.tracks(), to: folder, stem: stem) }
    try source.write(source.tracks(frames: 3), to: folder, stem: "clip1")
    let importer = TrackImporter(options: options(source, folder))
    let first = try importer.run()
    #expect(first.faults.map(\.clip) == ["clip1"] && first.clips.count == 3)
    try source.write(source.tracks(), to: folder, stem: "clip1")
    let second = try importer.run()
    #expect(second.faults == [] && second.clips.map(\.id) == ["clip0", "clip2", "clip3", "clip1"])
    #expect(try ShardSet(path: importer.options.output).clips.count == 4)
    // A clip that is in a shard and whose file has become another of the same size.
    var moved = source.tracks()
    moved[7][3].x += 1
    try source.write(moved, to: folder, stem: "clip2")
    let third = try importer.run()
    #expect(third.faults.map(\.clip) == ["clip2"] && third.clips.count == 4)
    #expect(third.faults.first?.message.contains("another tracks") == true)
  }
}

@Test func captionsThatComeLaterAreNoticed() throws {
  let source = try ImportSource()
  try withTemporaryFolder { folder in
    for stem in stems[..<2] { try source.write(source.tracks(), to: folder, stem: stem) }
    _ = try TrackImporter(options: options(source, folder)).run()
    let csv = folder.appendingPathComponent("captions.csv").path
    try "videoid,video_path,text\nclip1,,A dog.\n".write(
      toFile: csv, atomically: true, encoding: .utf8)
    var later = options(source, folder)
    later.captions = csv
    let report = try TrackImporter(options: later).run()
    #expect(report.faults.map(\.clip) == ["clip1"])
    #expect(report.faults.first?.message.contains("another caption") == true)
  }
}

/// Turns the open file of a folder into one that cannot be written to.
private func breakOpenFile(in folder: URL) throws {
  let table = "/proc/self/fd"
  let place = folder.resolvingSymlinksInPath().path
  for name in try FileManager.default.contentsOfDirectory(atPath: table) {
    let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(table)/\(name)")
    guard target?.hasPrefix(place + "/.shard") == true, let descriptor = Int32(name) else {
      continue
    }
    let readOnly = open("/dev/null", O_RDONLY)
    dup2(readOnly, descriptor)
    close(readOnly)
  }
}

/// A file that cannot be written ends the writing, as a fault of the machine; nothing half-written
/// gets a name.
@Test func writersThatFailWriteNoMore() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    let writer = try tiny.writer(folder, clipsPerShard: 3)
    for number in 0..<4 { try writer.append(tiny.clip(number)) }
    try breakOpenFile(in: folder)
    var faults: [DataError] = []
    for number in 4..<8 {
      do { try writer.append(tiny.clip(number)) } catch let error as DataError {
        faults.append(error)
      }
    }
    let finished = dataErrorMessage { _ = try writer.finish() }
    let areMachineFaults = faults.allSatisfy { $0.kind == .resource }
    #expect(faults.count >= 3 && areMachineFaults, "\(faults)")
    #expect(finished == faults.first?.message)
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(!left.contains("shard-00000.h5") && !left.contains("shard-00001.h5"))
  }
}

@Test func everyShardOfAnImportHasAReport() throws {
  let source = try ImportSource()
  try withTemporaryFolder { folder in
    for stem in stems[..<5] { try source.write(source.tracks(), to: folder, stem: stem) }
    let importer = TrackImporter(options: options(source, folder))
    var (shards, reports): ([Int], [Bool]) = ([], [])
    _ = try importer.run(progress: { _, _, _ in
      let names = (try? FileManager.default.contentsOfDirectory(atPath: importer.options.output))
      shards.append((names ?? []).count { $0.hasSuffix(".h5") })
      reports.append(names?.contains(ImportReport.fileName) == true)
    })
    #expect(shards == [0, 1, 1, 2, 2] && reports.allSatisfy { $0 })
  }
}

@Test func otherSettingsAndOtherShardsAreRefused() throws {
  let source = try ImportSource()
  try withTemporaryFolder { folder in
    try source.write(source.tracks(), to: folder)
    let importer = TrackImporter(options: options(source, folder))
    _ = try importer.run()
    let settings = dataErrorMessage {
      _ = try source.faults(folder) { $0.reading.nonFinite = .invisible }
    }
    #expect(try #require(settings).contains("--nonfinite invisible (not refuse)"))
    try FileManager.default.removeItem(
      atPath: importer.options.output + "/" + ImportReport.fileName)
    let foreign = dataErrorMessage { _ = try importer.run() }
    #expect(try #require(foreign).contains("shard-00000.h5 without a readable import_report.json"))
  }
}

/// A shard whose clips are not in the report yet: the process was killed between the two.
@Test func lostReportsAreMadeAgain() throws {
  let source = try ImportSource()
  try withTemporaryFolder { folder in
    for stem in stems[..<4] { try source.write(source.tracks(), to: folder, stem: stem) }
    let importer = TrackImporter(options: options(source, folder))
    let whole = try importer.run()
    let path = URL(fileURLWithPath: importer.options.output + "/" + ImportReport.fileName)
    let cut = ImportReport(
      settings: whole.settings, isComplete: false, clips: Array(whole.clips[..<1]), faults: [],
      captionsWithoutClip: [])
    try JSONEncoder().encode(cut).write(to: path)
    let again = try importer.run()
    #expect(again == whole)
    #expect(try ShardSet(path: importer.options.output).clips.count == 4)
  }
}

@Test func leftoversOfEndedProcessesAreRemoved() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    func leave(_ name: String) -> URL {
      let file = folder.appendingPathComponent(name)
      _ = FileManager.default.createFile(atPath: file.path, contents: Data([1]))
      return file
    }
    let (ours, other) = (leave(".shard-00007.h5.partial"), leave(".notes.partial"))
    try tiny.write([tiny.clip(0)], to: folder)
    let exists = [ours, other].map { FileManager.default.fileExists(atPath: $0.path) }
    #expect(exists == [false, true])
  }
}

@Test func oneWriterAtATimeHasAFolder() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    do {
      let first = try tiny.writer(folder)
      try first.append(tiny.clip(0))
      // The system counts per open folder, so that a second writer of this process is refused too.
      let second = dataErrorMessage { _ = try tiny.writer(folder) }
      #expect(second?.contains("nobody else writes into, found process \(getpid())") == true)
      let leftAlone = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      #expect(leftAlone == [".shard-00000.h5.partial"])
    }
    _ = try tiny.writer(folder)
  }
}
