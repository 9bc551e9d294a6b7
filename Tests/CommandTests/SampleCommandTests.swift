import Autograd
import DataPipeline
import Foundation
import TestSupport
import Testing

/// Models that `sample` reads, trained for three steps once for all tests here.
private enum SampleRuns {
  /// `shards`, `quick-vae`, `quick-visibility`, `quick-flow` (with video and text), `plain` (a flow
  /// with neither); `other-vae` and its head `other-head`.
  static let folder: Result<String, any Error> = Result {
    let folder = try TemporaryFolder.make("sample")
    let tiny = TinyRuns(folder)
    func succeed(_ program: Program) throws {
      try #require(program.code == 0, "\(program.errors)")
    }
    try succeed(tiny.synthesize())
    try succeed(TinyRuns.train("vae", tiny.vae))
    try succeed(TinyRuns.train("visibility", tiny.head))
    try succeed(TinyRuns.train("flow", tiny.flow))
    let without = ["--set", "flow.use_video_cond=false", "--set", "flow.use_text_cond=false"]
    try succeed(TinyRuns.train("flow", tiny.flow + without, "--name", "plain"))
    try succeed(
      TinyRuns.train("vae", tiny.vae + ["--set", "train.seed=5"], "--name", "other-vae"))
    let others = [
      "--set", "data.vae=\(folder)/other-vae", "--set", "data.latents=\(folder)/other-latents",
    ]
    try succeed(TinyRuns.train("visibility", tiny.head + others, "--name", "other-head"))
    return folder
  }
}

/// `trajloom sample` on small models: people's files, formats, stopping, and bad input.
@Suite(.serialized)
struct SampleCommandTests {
  /// Of the models.
  private let runs: String
  /// Of one test.
  private let folder: String
  private let files = FileManager.default

  init() throws {
    runs = try SampleRuns.folder.get()
    folder = try TemporaryFolder.make("sample-test")
  }

  private func sample(
    flow: String = "plain", _ data: String, to out: String = "out", _ more: String...
  ) throws -> Program {
    try sample(flow: flow, data, to: out, more)
  }

  /// Temporary files go into `temporary`, which has to be empty afterwards.
  private func sample(
    flow: String = "plain", _ data: String, to out: String = "out", _ more: [String]
  ) throws -> Program {
    let temporary = "\(folder)/temporary"
    try files.createDirectory(atPath: temporary, withIntermediateDirectories: true)
    let program = try Program(
      [
        "sample", "--flow", "\(runs)/\(flow)", "--data", "\(folder)/\(data)", "--out",
        "\(folder)/\(out)",
      ] + more, environment: ["TMPDIR": temporary])
    let left = try files.contentsOfDirectory(atPath: temporary)
    #expect(left.isEmpty, "\(left)")
    return program
  }

  private func sampleShards(to out: String = "out", _ more: String...) throws -> Program {
    try sampleShards(to: out, more)
  }

  private func sampleShards(to out: String = "out", _ more: [String]) throws -> Program {
    try Program(
      [
        "sample", "--flow", "\(runs)/plain", "--data", "\(runs)/shards", "--out",
        "\(folder)/\(out)",
      ] + more)
  }

  private func bytes(_ path: String) -> Data? { files.contents(atPath: "\(folder)/\(path)") }

  private func array(_ path: String) throws -> NPYArray {
    try NPYArray(npy: Array(try #require(bytes(path), "\(path)")), file: path)
  }

  private func meta(_ clip: String) throws -> [String: Any] {
    let data = try #require(bytes("\(clip)/meta.json"))
    return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  /// Six points that drift from the grid of 64 x 96, [N, T, 2].
  private func drift(frames: Int) -> [Float] {
    var values: [Float] = []
    for point in 0..<6 {
      for frame in 0..<frames {
        values.append(Float(32 * (point % 3)) + 0.5 * Float(frame))
        values.append(Float(32 * (point / 3)) + 0.25 * Float(frame))
      }
    }
    return values
  }

  /// Writes `<name>.npy`, and `<name>_visibility.npy` if there is one.
  private func write(
    _ name: String, frames: Int, visible: [Bool]? = nil,
    _ change: (inout [Float]) -> Void = { _ in }
  ) throws {
    var values = drift(frames: frames)
    change(&values)
    let path = "\(folder)/\(name)"
    try files.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try NPYFile.write(NPYFile.encode(values, shape: [6, frames, 2]), to: "\(path).npy")
    guard let visible else { return }
    try NPYFile.write(
      NPYFile.encode(visible, shape: [6, frames]), to: "\(path)_visibility.npy")
  }

  // MARK: people's files

  @Test func historiesAloneAreEnough() throws {
    try write("in/short", frames: 9)
    try write("in/long", frames: 20)
    let program = try sample("in")
    #expect(program.code == 0, "\(program.errors)")
    #expect(program.errors.contains("pixel xy") && program.errors.contains("2 clips with 1 future"))
    let hasTruth = ["short", "long"].map { bytes("out/\($0)/gt_tracks.npy") != nil }
    #expect(hasTruth == [false, true])
    let truth = try array("out/long/gt_tracks.npy")
    #expect(truth.shape == [9, 6, 2])
    // Frame 9 of point 0, frame 17 of point 5.
    #expect(Array(truth.scalars.prefix(2)) == [4.5, 2.25])
    #expect(Array(truth.scalars.suffix(2)) == [72.5, 36.25])
    #expect(try array("out/short/pred_tracks.npy").shape == [9, 6, 2])
    #expect(try array("out/short/hist_tracks.npy").scalars.suffix(2) == [68, 34])

    // One file, and the same clip by way of shards: the same future.
    let alone = try sample("in/long.npy", to: "alone")
    #expect(alone.code == 0, "\(alone.errors)")
    let imported = try Program(
      "data", "import", "--tracks", "\(folder)/in/long.npy", "--out", "\(folder)/shards",
      "--height", "64", "--width", "96", "--frames", "18")
    #expect(imported.code == 0, "\(imported.errors)")
    let shards = try sample("shards", to: "from-shards", "--clip", "long")
    #expect(shards.code == 0, "\(shards.errors)")
    let prediction = bytes("out/long/pred_tracks.npy")
    let areSame = ["alone", "from-shards"].allSatisfy {
      bytes("\($0)/long/pred_tracks.npy") == prediction
    }
    #expect(prediction != nil && areSame)
    #expect(bytes("from-shards/long/gt_tracks.npy") == bytes("out/long/gt_tracks.npy"))
  }

  @Test func conventionsAreThoseOfImport() throws {
    try write("pixels", frames: 9)
    // Rows first, as shares of the frame.
    try write("shares", frames: 9) { values in
      for i in stride(from: 0, to: values.count, by: 2) {
        (values[i], values[i + 1]) = (values[i + 1] / 64, values[i] / 96)
      }
    }
    let plain = try sample("pixels.npy", to: "a")
    let said = try sample("shares.npy", to: "b", "--units", "unit", "--axis-order", "yx")
    #expect(plain.code == 0 && said.code == 0, "\(said.errors)")
    #expect(said.errors.contains("unit yx"))
    let (a, b) = (
      try array("a/pixels/hist_tracks.npy").scalars, try array("b/shares/hist_tracks.npy").scalars
    )
    let difference = zip(a, b).map { abs($0 - $1) }.max() ?? 1
    #expect(difference < 1e-3)
    expectFailure(
      2, "--units", "pixel, unit, norm", from: try sample("pixels.npy", "--units", "furlongs"))
  }

  @Test func shortHistoriesAreDataErrors() throws {
    try write("in/stub", frames: 5)
    expectFailure(
      3, "stub.npy", "at least 9 frames", "found 5", from: try sample("in/stub.npy"))
    try write("in/fine", frames: 9)
    try write("in/other", frames: 4)
    let both = try sample("in")
    expectFailure(3, "2 files are faulty", "1 are not", "--clip", from: both)
    #expect(both.errors.contains("found 5") && both.errors.contains("found 4"))
    #expect(bytes("out/fine/meta.json") == nil)
    let chosen = try sample("in", "--clip", "fine")
    #expect(chosen.code == 0, "\(chosen.errors)")
    expectFailure(2, "did you mean \"fine\"", from: try sample("in", "--clip", "fins"))

    let short = try Program(
      "data", "synth", "--out", "\(folder)/short", "--clips", "2", "--height", "64", "--width",
      "96",
      "--frames", "8")
    #expect(short.code == 0, "\(short.errors)")
    expectFailure(3, "\(folder)/short", "9 frames", "found 8", from: try sample("short"))
    expectFailure(3, "nowhere", "nothing there", from: try sample("nowhere"))
    try files.copyItem(atPath: "\(runs)/shards/shard-00000.h5", toPath: "\(folder)/in/x.h5")
    expectFailure(2, "both", "x.h5", "fine.npy", from: try sample("in"))
  }

  private func video(_ name: String, frames: Int) throws -> Bool {
    let ffmpeg = ["/usr/bin/ffmpeg", "/usr/local/bin/ffmpeg"].first {
      files.isExecutableFile(atPath: $0)
    }
    guard let ffmpeg else { return false }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: ffmpeg)
    process.arguments = [
      "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=192x128:rate=25", "-frames:v",
      "\(frames)", "\(folder)/\(name)",
    ]
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus == 0
  }

  @Test func videosLieBesideTheFileOrAreNamed() throws {
    try write("in/clip", frames: 9)
    expectFailure(
      3, "clip.mp4", "found none", "--video",
      from: try sample(flow: "quick-flow", "in/clip.npy"))
    guard try video("in/clip.mp4", frames: 12) else { return print("skipped: no ffmpeg in PATH") }
    let beside = try sample(flow: "quick-flow", "in/clip.npy")
    #expect(beside.code == 0, "\(beside.errors)")
    #expect(try array("out/clip/hist_last_frame.npy").shape == [16, 24, 3])
    try files.copyItem(atPath: "\(folder)/in/clip.mp4", toPath: "\(folder)/scene.mp4")
    try files.removeItem(atPath: "\(folder)/in/clip.mp4")
    let named = try sample(
      flow: "quick-flow", "in/clip.npy", to: "named", "--video", "\(folder)/scene.mp4")
    #expect(named.code == 0, "\(named.errors)")
    let isSame = bytes("named/clip/pred_tracks.npy") == bytes("out/clip/pred_tracks.npy")
    #expect(isSame)

    #expect(try video("stub.mp4", frames: 5))
    expectFailure(
      3, "stub.mp4", "9 frames", "found 5",
      from: try sample(flow: "quick-flow", "in/clip.npy", "--video", "\(folder)/stub.mp4"))
    expectFailure(
      3, "/no/video.mp4", "nothing there",
      from: try sample(flow: "quick-flow", "in/clip.npy", "--video", "/no/video.mp4"))
  }

  @Test func captionsReachTheGenerator() throws {
    try write("in/clip", frames: 9)
    guard try video("in/clip.mp4", frames: 9) else { return print("skipped: no ffmpeg in PATH") }
    try write("in/dog", frames: 9)
    try files.copyItem(atPath: "\(folder)/in/clip.mp4", toPath: "\(folder)/in/dog.mp4")
    try "videoid,video_path,text\ndog,,a dog runs\n".write(
      toFile: "\(folder)/captions.csv", atomically: true, encoding: .utf8)
    let table = try sample(
      flow: "quick-flow", "in", to: "table", "--captions", "\(folder)/captions.csv")
    #expect(table.code == 0, "\(table.errors)")
    let said = try sample(
      flow: "quick-flow", "in/dog.npy", to: "said", "--caption", "a dog runs")
    #expect(said.code == 0, "\(said.errors)")
    #expect(try meta("table/dog")["caption"] as? String == "a dog runs")
    #expect(try meta("table/clip")["caption"] as? String == "")
    let isSame = bytes("table/dog/pred_tracks.npy") == bytes("said/dog/pred_tracks.npy")
    #expect(isSame)
    expectFailure(
      3, "captions.csv", "'clip'",
      from: try sample(
        flow: "quick-flow", "in/clip.npy", "--captions", "\(folder)/captions.csv"))
  }

  @Test func optionsWithoutMeaningAreRefused() throws {
    try write("in/clip", frames: 9)
    func refused(_ more: String..., data: String = "in/clip.npy", because words: String) throws {
      expectFailure(2, more[0], words, from: try sample(data, more))
    }
    let (silent, blind) = ("\(runs)/plain, which was trained without text", "without video")
    try refused("--caption", "a dog", because: silent)
    try refused("--captions", "c.csv", because: silent)
    try refused("--video", "clip.mp4", because: blind)
    try refused("--video", "clip.mp4", data: "in", because: "one track file")
    try refused("--caption", "a dog", data: "in", because: "one track file")
    try refused("--split", "validation", data: "in", because: "--clip")
    try refused("--caption", "a", "--captions", "b.csv", because: "give one of them")
    for option in [
      ["--caption", "x"], ["--video", "x"], ["--units", "pixel"], ["--axes", "nt"],
    ] {
      expectFailure(2, option[0], "holds shards", from: try sampleShards(option))
    }
    let isThere = files.fileExists(atPath: "\(folder)/out")
    #expect(!isThere)
  }

  // MARK: what is not finite or not visible

  @Test func nonFinitePointsAreInvisibleAndHarmless() throws {
    // Point 1 is lost from frame 5 on, point 4 in frame 2.
    func lose(_ values: inout [Float], _ replacement: (Int, Int) -> (Float, Float)) {
      for frame in 5..<9 {
        (values[2 * (9 + frame)], values[2 * (9 + frame) + 1]) = replacement(1, frame)
      }
      (values[2 * (36 + 2)], values[2 * (36 + 2) + 1]) = replacement(4, 2)
    }
    try write("lost", frames: 9) { lose(&$0) { _, _ in (.nan, .infinity) } }
    let program = try sample("lost.npy")
    #expect(program.code == 0, "\(program.errors)")
    #expect(program.errors.contains("5 positions that were not finite"))
    for name in ["pred_tracks", "pred_visibility_prob", "hist_tracks"] {
      let isFinite = try array("out/lost/\(name).npy").scalars.allSatisfy(\.isFinite)
      #expect(isFinite, "\(name)")
    }
    let seen = try array("out/lost/hist_visibility.npy").scalars
    #expect(seen.count { $0 == 0 } == 5 && seen[6 * 5 + 1] == 0)

    // The nearest known position, marked invisible, is the same to the model.
    var visible = [Bool](repeating: true, count: 54)
    for index in [9 + 5, 9 + 6, 9 + 7, 9 + 8, 36 + 2] { visible[index] = false }
    try write("held/lost", frames: 9, visible: visible) { values in
      let copy = values
      lose(&values) { point, _ in
        let frame = point == 1 ? 4 : 1
        return (copy[2 * (9 * point + frame)], copy[2 * (9 * point + frame) + 1])
      }
    }
    #expect(try sample("held/lost.npy", to: "held-out").code == 0)
    let isSame = bytes("held-out/lost/pred_tracks.npy") == bytes("out/lost/pred_tracks.npy")
    #expect(isSame)

    // Marked visible all the same: refused, or hidden on demand.
    try write("marked/lost", frames: 9, visible: [Bool](repeating: true, count: 54)) {
      lose(&$0) { _, _ in (.nan, .nan) }
    }
    expectFailure(
      3, "lost.npy", "point 1, frame 5", "--nonfinite invisible",
      from: try sample("marked/lost.npy", to: "marked-out"))
    #expect(try sample("marked/lost.npy", to: "marked-out", "--nonfinite", "invisible").code == 0)
    let isHidden = bytes("marked-out/lost/pred_tracks.npy") == bytes("out/lost/pred_tracks.npy")
    #expect(isHidden)
  }

  @Test func nothingVisibleIsADataError() throws {
    try write("nothing", frames: 9) { $0 = $0.map { _ in .nan } }
    expectFailure(3, "nothing.npy", "finite points", from: try sample("nothing.npy"))
    // A clip that is seen in the future alone.
    let late = (0..<6 * 18).map { $0 % 18 >= 9 }
    try write("in/dark", frames: 18, visible: late)
    try write("in/light", frames: 18)
    expectFailure(
      3, "clip 'dark'", "visible", "none of 6", from: try sample("in", "--polarity", "visible"))
    let imported = try Program(
      "data", "import", "--tracks", "\(folder)/in", "--out", "\(folder)/shards", "--height", "64",
      "--width", "96", "--frames", "18", "--polarity", "visible")
    #expect(imported.code == 0, "\(imported.errors)")
    expectFailure(3, "\(folder)/shards", "clip 'dark'", "none of 6", from: try sample("shards"))
    let isThere = files.fileExists(atPath: "\(folder)/out")
    #expect(!isThere, "found before the first clip")
    #expect(try sample("shards", "--clip", "light").code == 0)
  }

  @Test func divergedModelsWriteNothing() throws {
    let run = "\(folder)/diverged"
    try files.copyItem(atPath: "\(runs)/plain", toPath: run)
    let place = "\(run)/checkpoints/step-0000003"
    var weights = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(place)/ema.safetensors")))
    let header = (0..<8).reduce(0) { $0 | Int(weights[$1]) << (8 * $1) }
    for index in 8 + header..<weights.count { weights[index] = 0xFF }  // NaN
    try Data(weights).write(to: URL(fileURLWithPath: "\(place)/ema.safetensors"))
    try Seal.renew(place)
    let program = try Program(
      "sample", "--flow", run, "--data", "\(runs)/shards", "--clip", "synth-000002", "--out",
      "\(folder)/out")
    expectFailure(5, "clip 'synth-000002'", "diverged", run, from: program)
    let isThere = files.fileExists(atPath: "\(folder)/out")
    #expect(!isThere)
  }

  // MARK: formats

  @Test func formatsHoldTheSameFuture() throws {
    let program = try sampleShards(
      "--clip", "synth-000001", "--samples", "2", "--format", "csv,wanmove,comfy")
    #expect(program.code == 0, "\(program.errors)")
    let place = "out/synth-000001/sample_01"
    let tracks = try array("\(place)/pred_tracks.npy").scalars  // [9, 6, 2]
    let visible = try array("\(place)/pred_visibility.npy").scalars
    let probability = try array("\(place)/pred_visibility_prob.npy").scalars
    #expect(
      try meta("out/synth-000001")["formats"] as? [String] == ["npy", "wanmove", "comfy", "csv"])

    let wan = try array("\(place)/wanmove_tracks.npy")
    let seen = try array("\(place)/wanmove_visibility.npy")
    #expect(wan.shape == [1, 9, 6, 2] && wan.type == "<f4" && wan.scalars == tracks)
    #expect(seen.shape == [1, 9, 6] && seen.type == "|b1" && seen.scalars == visible)

    let json = try JSONDecoder().decode(
      [[[String: Float]]].self, from: try #require(bytes("\(place)/comfy_tracks.json")))
    #expect(json.count == 6)
    let listed = (0..<9).flatMap { frame in
      json.flatMap { [$0[frame]["x"] ?? .nan, $0[frame]["y"] ?? .nan] }
    }
    #expect(listed == tracks)
    let isFull = json.allSatisfy { $0.count == 9 && $0.allSatisfy { $0.count == 2 } }
    #expect(isFull)

    let text = String(decoding: try #require(bytes("\(place)/tracks.csv")), as: UTF8.self)
    let rows = text.split(separator: "\n").map { $0.split(separator: ",").map(String.init) }
    #expect(rows[0].joined(separator: ",") == "frame,point,query_x,query_y,x,y,visible,probability")
    #expect(rows.count == 1 + 9 * 6)
    // Point 4 of frame 2 of the future: frame 11 of the clip.
    let index = 2 * 6 + 4
    #expect(rows[1 + index].prefix(4) == ["11", "4", "32", "32"])
    let numbers = rows[1 + index].suffix(4).map { Float($0) }
    #expect(
      numbers == [tracks[2 * index], tracks[2 * index + 1], visible[index], probability[index]])

    #expect(try sampleShards(to: "npy", "--clip", "synth-000001").code == 0)
    let others = try files.contentsOfDirectory(atPath: "\(folder)/npy/synth-000001")
    #expect(!others.contains { $0.hasPrefix("wan") || $0.hasPrefix("comfy") || $0 == "tracks.csv" })
    expectFailure(
      2, "--format", "npy, wanmove, comfy, csv", "did you mean comfy?",
      from: try sampleShards("--format", "npy,comfyui"))
    expectFailure(2, "--format", from: try sampleShards("--format", ""))
  }

  // MARK: which sample is which

  @Test func samplesDoNotDependOnTheOthers() throws {
    let all = try sampleShards(to: "all", "--samples", "3")
    #expect(all.code == 0, "\(all.errors)")
    #expect(all.errors.contains("clip 8/8") && all.errors.contains("8 clips with 3 futures each"))
    let some = try sampleShards(
      to: "some", "--samples", "2", "--clip", "synth-000006", "--clip", "synth-000002")
    #expect(some.code == 0, "\(some.errors)")
    let one = try sampleShards(to: "one", "--clip", "synth-000002")
    #expect(one.code == 0, "\(one.errors)")
    func future(_ place: String) -> Data? { bytes("\(place)/pred_tracks.npy") }
    for clip in ["synth-000002", "synth-000006"] {
      for sample in ["sample_00", "sample_01"] {
        let (a, b) = (future("all/\(clip)/\(sample)"), future("some/\(clip)/\(sample)"))
        #expect(a != nil && a == b, "\(clip) \(sample)")
      }
    }
    let (first, second) = (
      future("all/synth-000002/sample_00"), future("all/synth-000002/sample_01")
    )
    let isFirst = future("one/synth-000002") == first
    #expect(isFirst)
    #expect(first != second)
    #expect(try files.contentsOfDirectory(atPath: "\(folder)/some").count == 2)
  }

  // MARK: stopping

  @Test(arguments: [SIGINT, SIGTERM])
  func signalsKeepCompleteClips(_ signal: Int32) throws {
    let more = ["--samples", "16", "--steps", "30"]
    let process = Process()
    process.executableURL = Program.url
    process.arguments =
      [
        "sample", "--flow", "\(runs)/plain", "--data", "\(runs)/shards", "--out", "\(folder)/out",
      ] + more
    process.currentDirectoryURL = URL(fileURLWithPath: Program.package)
    let pipe = Pipe()
    process.standardError = pipe
    try process.run()
    let first = "\(folder)/out/synth-000000"
    for _ in 0..<6000 where !files.fileExists(atPath: first) {
      Thread.sleep(forTimeInterval: 0.005)
    }
    kill(process.processIdentifier, signal)
    let text = String(
      decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 75, "\(text)")
    let done = try files.contentsOfDirectory(atPath: "\(folder)/out").sorted()
    #expect(!done.isEmpty && done.count < 8 && !done.contains { $0.contains("partial") }, "\(done)")
    let last = text.split(separator: "\n").last ?? ""
    #expect(last.contains("\(done.count) of 8 clips are complete"), "\(text)")
    #expect(last.contains("--skip-existing"))

    let before = try files.attributesOfItem(atPath: "\(first)/meta.json")[.systemFileNumber] as? Int
    expectFailure(
      2, "--skip-existing", "noise_seed 5, found 0", "synth-000000",
      from: try sampleShards(more + ["--skip-existing", "--seed", "5"]))
    expectFailure(
      2, "--skip-existing", "formats",
      from: try sampleShards(more + ["--skip-existing", "--format", "csv"]))
    let again = try sampleShards(more + ["--skip-existing"])
    #expect(again.code == 0, "\(again.errors)")
    #expect(
      again.errors.contains("8 clips with 16 futures each, \(done.count) of them there before"))
    let after = try files.attributesOfItem(atPath: "\(first)/meta.json")[.systemFileNumber] as? Int
    #expect(before != nil && before == after, "a complete clip is left alone")
    #expect(try files.contentsOfDirectory(atPath: "\(folder)/out").count == 8)
    let alone = try sampleShards(to: "alone", more + ["--clip", "synth-000007"])
    #expect(alone.code == 0)
    let place = "synth-000007/sample_15/pred_tracks.npy"
    let isSame = bytes("out/\(place)") == bytes("alone/\(place)")
    #expect(isSame)
  }

  @Test func otherTracksOfTheSameNameAreNotKept() throws {
    try write("a/clip", frames: 9)
    try write("b/clip", frames: 9) { $0[17] += 1 }
    #expect(try sample("a/clip.npy").code == 0)
    #expect(try sample("a/clip.npy", "--skip-existing").errors.contains("1 of them there before"))
    expectFailure(
      2, "out/clip/meta.json", "input_sha256", from: try sample("b/clip.npy", "--skip-existing"))
    // Without it they are drawn anew.
    #expect(try sample("b/clip.npy").code == 0)
    try files.createDirectory(atPath: "\(folder)/taken/clip", withIntermediateDirectories: true)
    expectFailure(3, "taken/clip", "something else", from: try sample("a/clip.npy", to: "taken"))
  }

  // MARK: models and settings that cannot be

  private func hash(_ run: String) throws -> String {
    let hashes = try Seal.hashes("\(runs)/\(run)/checkpoints/step-0000003")
    return String(try #require(hashes["ema.safetensors"] ?? hashes["model.safetensors"]).prefix(12))
  }

  @Test func modelsThatDoNotBelongTogetherAreNamed() throws {
    let (own, other) = (try hash("quick-vae"), try hash("other-vae"))
    #expect(own != other)
    expectFailure(
      4, "other-vae", "weights \(own)", "found \(other)", "--vae",
      from: try sampleShards("--vae", "\(runs)/other-vae"))
    expectFailure(
      4, "other-head", "VAE \(own)", "VAE \(other)", "--visibility",
      from: try sampleShards("--visibility", "\(runs)/other-head"))

    // The same weights in a model that computes otherwise.
    let run = "\(folder)/heads"
    try files.copyItem(atPath: "\(runs)/quick-vae", toPath: run)
    let place = "\(run)/checkpoints/step-0000003"
    let config = try String(contentsOfFile: "\(place)/config.json", encoding: .utf8)
      .replacing("\"num_heads\" : 2", with: "\"num_heads\" : 1")
    try config.write(toFile: "\(place)/config.json", atomically: true, encoding: .utf8)
    try Seal.renew(place)
    expectFailure(4, "heads", "configuration", "--vae", from: try sampleShards("--vae", run))
  }

  @Test func impossibleSettingsAreUsageErrors() throws {
    expectFailure(2, "--steps", "found 0", from: try sampleShards("--steps", "0"))
    expectFailure(2, "--samples", "found 0", from: try sampleShards("--samples", "0"))
    expectFailure(
      2, "--solver", "euler, heun, midpoint, rk4", "leapfrog",
      from: try sampleShards("--solver", "leapfrog"))
    expectFailure(2, "--weights", "ema, raw", from: try sampleShards("--weights", "mean"))
    let isThere = files.fileExists(atPath: "\(folder)/out")
    #expect(!isThere)
  }

  @Test func placesThatCannotBeWrittenAreFoundFirst() throws {
    try Data().write(to: URL(fileURLWithPath: "\(folder)/file"))
    // Before the models, which are not there either.
    func to(_ out: String) throws -> Program {
      try Program("sample", "--flow", "/no/run", "--data", "\(runs)/shards", "--out", out)
    }
    expectFailure(6, "\(folder)/file/out", "cannot be written", from: try to("\(folder)/file/out"))
    expectFailure(6, "\(folder)/file", "cannot be written", from: try to("\(folder)/file"))
    expectFailure(6, "/proc/out", "cannot be written", from: try to("/proc/out"))
    expectFailure(4, "/no/run", from: try to("\(folder)/a/b"))
    #expect(try files.contentsOfDirectory(atPath: folder) == ["file"])
  }
}
