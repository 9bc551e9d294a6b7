import Foundation
import TestSupport
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// What a run leaves for people to look at, and what it says before it begins.
@Suite(.serialized)
struct RunFolderTests {
  private let files = FileManager.default

  @Test(arguments: FaultRuns.kinds)
  func reportsShowTheRun(_ kind: FaultRuns.Kind) throws {
    let run = try FaultRuns(kind, ["train.val_every=2"])
    try run.finish(["train.preview_every=4"])
    let page = try #require(files.contents(atPath: "\(run.path)/report.html"))
    #expect(XMLParser(data: page).parse(), "well-formed")
    let text = String(decoding: page, as: UTF8.self)
    for part in [
      run.name, "step 8 of 8", "finished", "gradient norm", "learning rate",
      "checkpoints/step-0000008",
      "&quot;max_steps&quot;", "fingerprint", "BLAS kernel",
    ] { #expect(text.contains(part), "\(part)") }
    // One picture of step 4 and one of step 8, as they lie in the folder.
    let previews = try files.contentsOfDirectory(atPath: "\(run.path)/previews").sorted()
    #expect(previews == ["step-0000004.png", "step-0000008.png"])
    for name in previews {
      let png = try #require(files.contents(atPath: "\(run.path)/previews/\(name)"))
      #expect(png.starts(with: [0x89, 0x50, 0x4E, 0x47]) && png.count > 1000)
      #expect(text.contains(png.base64EncodedString()))
    }
    // Made again of the folder alone, it has the same curves.
    let again = "\(run.path)/again.html"
    #expect(try Program("render", "--run", run.path, "--out", again).code == 0)
    let copy = try String(contentsOfFile: again, encoding: .utf8)
    func curves(_ page: String) -> [Substring] {
      page.matches(of: /<path[^>]*d="[^"]+"/).map(\.output)
    }
    #expect(curves(copy) == curves(text) && curves(text).count > 8)
    run.remove()
  }

  /// The page is of the last validation while a run goes on.
  @Test func reportsAreRefreshedAtValidations() throws {
    let run = try FaultRuns(FaultRuns.vae)
    let cut = try FaultyProgram(
      run.arguments(), .kill, at: 7, of: "write", on: "\(run.name)/metrics.jsonl")
    #expect(cut.ending == .killed(signal: SIGKILL))
    let page = try String(contentsOfFile: "\(run.path)/report.html", encoding: .utf8)
    #expect(page.contains("step 4 of 8") && !page.contains("finished"))
    run.remove()
  }

  /// A page that cannot be written costs no training.
  @Test func reportsThatCannotBeWrittenAreWarnings() throws {
    let run = try FaultRuns(FaultRuns.vae)
    let full = try FaultyProgram(
      run.arguments(["train.preview_every=4"]), .noSpace, count: 0, of: "open,mkdir",
      on: "\(run.name)/report.html")
    #expect(full.ending == .exited(0), "\(full.errors)")
    #expect(full.errors.contains("WARNING: the report of step 4 was not written"), "\(full.errors)")
    #expect(!files.fileExists(atPath: "\(run.path)/report.html"))
  }

  @Test func runsRecordWithWhatTheyWereMade() throws {
    let run = try FaultRuns(FaultRuns.vae)
    _ = try FaultyProgram(
      run.arguments(), .kill, at: 7, of: "write", on: "\(run.name)/metrics.jsonl")
    try run.finish()
    let data = try #require(files.contents(atPath: "\(run.path)/run.json"))
    let record = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect((record["data_hash"] as? String)?.count == 64)
    #expect((record["data_files"] as? [String: String])?.keys.sorted() == ["shard-00000.h5"])
    let starts = try #require(record["starts"] as? [[String: Any]])
    #expect(starts.compactMap { $0["step"] as? Int } == [0, 3])
    for start in starts {
      #expect((start["command"] as? [String])?.suffix(2) == ["--name", run.name])
      for key in ["time", "pid", "folder", "machine", "versions"] {
        #expect(start[key] != nil, "\(key)")
      }
    }
    // The configuration as it was resolved, overrides included.
    let config = try String(contentsOfFile: "\(run.path)/config.json", encoding: .utf8)
    #expect(config.contains("\"gradient_accumulation_steps\" : 2"))
  }

  @Test func dryRunsEstimateAndWriteNothing() throws {
    for kind in FaultRuns.kinds {
      let run = try FaultRuns(kind)
      let program = try Program(run.arguments(options: ["--dry-run"]))
      #expect(program.code == 0, "\(program.errors)")
      for part in [
        "one step, loss ", " of arrays at the most", "a checkpoint, ", " free",
        "nothing was written",
      ] { #expect(program.errors.contains(part), "\(part): \(program.errors)") }
      #expect(!files.fileExists(atPath: run.path))
    }
    // It finds what a start would find.
    let run = try FaultRuns(FaultRuns.vae)
    try run.finish()
    expectFailure(
      4, "another configuration", "train.seed",
      from: try Program(run.arguments(["train.seed=9"], options: ["--dry-run"])))
    let other = try TemporaryFolder.make("other-data")
    #expect(try TinyRuns(other).synthesize(seed: 4).code == 0)
    expectFailure(
      4, "shard-00000.h5 has other contents",
      from: try Program(run.arguments(["data.path=\(other)/shards"], options: ["--dry-run"])))
    let weights = "\(run.path)/checkpoints/step-0000008/model.safetensors"
    let good = try #require(files.contents(atPath: weights))
    try good.dropLast().write(to: URL(fileURLWithPath: weights))
    expectFailure(
      4, "model.safetensors", "damaged",
      from: try Program(run.arguments(options: ["--dry-run", "--strict"])))
    let lenient = try Program(run.arguments(options: ["--dry-run"]))
    #expect(lenient.code == 0, "\(lenient.errors)")
    #expect(lenient.errors.contains("WARNING: a damaged checkpoint would be passed over"))
    #expect(files.fileExists(atPath: weights), "it is not set aside")
    try good.write(to: URL(fileURLWithPath: weights))
    expectFailure(
      6, "free for checkpoints, found",
      from: try Program(
        run.arguments(
          ["train.keep_every=1", "train.save_every=1", "train.max_steps=1000000000"],
          options: ["--dry-run", "--resume", "never"]
        ).map { $0 == run.name ? "\(run.name)-other" : $0 }))
  }

  @Test func settingsThatDoNotFitAreRefusedAtTheStart() throws {
    let run = try FaultRuns(FaultRuns.vae)
    expectFailure(
      2, "train.keep_best", "vepe_px, loss",
      from: try Program(run.arguments(["train.keep_best=accuracy"])))
    #expect(try Program("--version").output.hasPrefix("trajloom "))
  }
}
