import Autograd
import Foundation
import TestSupport
import Testing

/// Weights and configurations in and out, as a person does it.
@Suite(.serialized)
struct ConvertCommandTests {
  private let folder: String
  private let tiny: TinyRuns
  private var run: String { "\(folder)/quick-vae" }

  init() throws {
    folder = try TemporaryFolder.make("convert")
    tiny = TinyRuns(folder)
    #expect(try tiny.synthesize().code == 0)
    let pixel = ["--set", "vae.encoding=pixel", "--set", "train.ema_decay=0.5"]
    let trained = try TinyRuns.train("vae", tiny.vae + pixel)
    #expect(trained.code == 0, "\(trained.errors)")
  }

  private func convert(_ arguments: String...) throws -> Program {
    try Program(["convert"] + arguments)
  }

  private func isSame(_ a: [String: NDArray], _ b: [String: NDArray]) -> Bool {
    a.mapValues(\.scalars) == b.mapValues(\.scalars) && a.mapValues(\.shape) == b.mapValues(\.shape)
  }

  @Test func weightsTravelThroughEveryFormat() throws {
    let checkpoint = "\(run)/checkpoints/step-0000003"
    #expect(try convert(run, "\(folder)/a.safetensors").code == 0)
    #expect(try convert("\(folder)/a.safetensors", "\(folder)/b.pt").code == 0)
    let config = "\(checkpoint)/config.json"
    let made = try convert("\(folder)/b.pt", "\(folder)/again", "--config", config)
    #expect(made.code == 0, "\(made.errors)")
    #expect(try convert("\(folder)/again", "\(folder)/c.safetensors", "--weights", "raw").code == 0)
    #expect(try convert(run, "\(folder)/raw.safetensors", "--weights", "raw").code == 0)

    let average = try SafetensorsFile(path: "\(checkpoint)/ema.safetensors").arrays()
    for name in ["a", "c"] {
      let arrays = try SafetensorsFile(path: "\(folder)/\(name).safetensors").arrays()
      let isEqual = isSame(arrays, average)
      #expect(isEqual, "\(name)")
    }
    let weights = try SafetensorsFile(path: "\(checkpoint)/model.safetensors").arrays()
    let raw = try SafetensorsFile(path: "\(folder)/raw.safetensors").arrays()
    let (isRaw, differs) = (isSame(raw, weights), !isSame(raw, average))
    #expect(isRaw && differs)
    #expect(try TorchFile(path: "\(folder)/b.pt").keys == ["vae"])
    // Buffers included, under the published names.
    for name in ["pos_embed", "temp_embed_in", "offset_anchor_grid", "patch_pos_lff.w"] {
      #expect(average[name] != nil, "\(name)")
    }

    // The run made of the file is the one it came from.
    for name in ["quick-vae", "again"] {
      let encoded = try Program(
        "encode", "--vae", "\(folder)/\(name)", "--data", "\(folder)/shards", "--out",
        "\(folder)/latents-\(name)")
      #expect(encoded.code == 0, "\(encoded.errors)")
    }
    let latents = ["quick-vae", "again"].map {
      FileManager.default.contents(atPath: "\(folder)/latents-\($0)/latents-00000.h5")
    }
    #expect(latents[0] != nil)
    let isEqual = latents[0] == latents[1]
    #expect(isEqual)
    // It can be trained on, on other clips and in another way: only the model is given.
    let other = TinyRuns("\(folder)/other")
    #expect(try other.synthesize(seed: 9).code == 0)
    let settings = [
      "vae.encoding=pixel", "train.ema_decay=0.9", "train.learning_rate=1e-9", "train.min_lr=0",
      "data.path=\(folder)/other/shards",
    ]
    let more = try TinyRuns.train(
      "vae", tiny.vae + settings.flatMap { ["--set", $0] }, "--name", "again")
    #expect(more.code == 0 && more.errors.contains("resuming at step 0"), "\(more.errors)")
    #expect(more.errors.contains("step 3/3"))
    // At this rate it ends where it began: at the weights that came in.
    let trained = try SafetensorsFile(
      path: "\(folder)/again/checkpoints/step-0000003/ema.safetensors"
    ).arrays()
    let isNear = trained.allSatisfy { name, array in
      zip(array.scalars, average[name]!.scalars).allSatisfy { abs($0 - $1) < 1e-6 }
    }
    #expect(isNear)
    // The run is called what its folder is called.
    let wide = try TinyRuns.train(
      "vae", tiny.vae + ["--set", "vae.encoding=pixel", "--set", "vae.num_heads=1"], "--name",
      "again")
    expectFailure(4, "another configuration", "vae.num_heads: 2 -> 1", from: wide)
  }

  @Test func configurationsTravelBothWays() throws {
    let ours = "\(run)/config.json"
    #expect(try convert(ours, "\(folder)/theirs.json").code == 0)
    let printed = try convert("\(folder)/theirs.json", "\(folder)/back.json")
    #expect(printed.code == 0, "\(printed.errors)")
    for part in ["taken:", "vae.hidden_size = 16, their trajloom_vae.config.hidden_size"] {
      #expect(printed.errors.contains(part), "\(part)")
    }
    let back = try Program("train", "vae", "--config", "\(folder)/back.json", "--print-config")
    #expect(back.code == 0 && back.output.contains("\"hidden_size\" : 16"), "\(back.errors)")
    // Theirs is taken by a training as it is.
    let direct = try Program(
      "train", "vae", "--config", "\(folder)/theirs.json", "--print-config")
    #expect(direct.output == back.output)
    let dry = try Program(
      "train", "vae", "--config", "\(folder)/theirs.json", "--set", "data.path=\(folder)/shards",
      "--dry-run")
    #expect(dry.code == 0 && dry.errors.contains("dry run: one step, loss"), "\(dry.errors)")
    try Data("{\"trajloom_vae\": {\"config\": {\"hidden_sizes\": 3}}}".utf8)
      .write(to: URL(fileURLWithPath: "\(folder)/bad.json"))
    expectFailure(
      2, "bad.json", "trajloom_vae.config.hidden_sizes",
      "did you mean trajloom_vae.config.hidden_size?",
      from: try convert("\(folder)/bad.json", "\(folder)/o.json"))
  }

  @Test func whatDoesNotFitIsListed() throws {
    var weights = try SafetensorsFile(
      path: "\(run)/checkpoints/step-0000003/model.safetensors"
    ).arrays()
    weights["to_latents.bias"] = nil
    weights["from_latents.weight"] = nil
    weights["extra"] = NDArray([1], shape: [1])
    weights["final_layer.bias"] = NDArray([1, 2], shape: [2])
    try writeSafetensors(weights, to: "\(folder)/bad.safetensors")
    let config = "\(run)/config.json"
    let text = try String(contentsOfFile: config, encoding: .utf8)
    try text.replacing("\"batch_size\" : 2", with: "\"batch_size\" : 0").write(
      toFile: "\(folder)/odd.json", atomically: true, encoding: .utf8)
    expectFailure(
      4, "bad.safetensors", "missing: to_latents.bias, from_latents.weight",
      "unknown: extra", "wrong shape: final_layer.bias (expected [2048], found [2])",
      from: try convert("\(folder)/bad.safetensors", "\(folder)/o", "--config", config))
    #expect(!FileManager.default.fileExists(atPath: "\(folder)/o"))

    // A grid of anchors that is not the one that is computed with.
    var moved = try SafetensorsFile(
      path: "\(run)/checkpoints/step-0000003/model.safetensors"
    ).arrays()
    let grid = try #require(moved["offset_anchor_grid"])
    moved["offset_anchor_grid"] = NDArray(grid.scalars.map { $0 + 0.01 }, shape: grid.shape)
    try writeSafetensors(moved, to: "\(folder)/moved.safetensors")
    expectFailure(
      4, "moved.safetensors", "offset_anchor_grid", "centres of the pixels",
      from: try convert("\(folder)/moved.safetensors", "\(folder)/o", "--config", config))

    // Rounded as a 16-bit checkpoint has them, they are the exact ones again.
    moved["offset_anchor_grid"] = NDArray(
      grid.scalars.map { Float(bitPattern: ($0.bitPattern &+ 0x8000) & 0xFFFF_0000) },
      shape: grid.shape)
    try writeSafetensors(moved, to: "\(folder)/rounded.safetensors")
    let rounded = try convert(
      "\(folder)/rounded.safetensors", "\(folder)/exact.safetensors", "--config", config)
    #expect(rounded.code == 0, "\(rounded.errors)")
    let exact = try SafetensorsFile(path: "\(folder)/exact.safetensors").array("offset_anchor_grid")
    let isExact =
      exact.scalars == grid.scalars && moved["offset_anchor_grid"]!.scalars != grid.scalars
    #expect(isExact)
    weights = ["x": NDArray([.nan], shape: [1])]
    try writeSafetensors(weights, to: "\(folder)/nan.safetensors")
    expectFailure(
      4, "nan.safetensors", "tensor \"x\"", "found NaN",
      from: try convert("\(folder)/nan.safetensors", "\(folder)/o.pt"))
    expectFailure(
      2, "train.batch_size",
      from: try convert(
        "\(folder)/bad.safetensors", "\(folder)/o", "--config", "\(folder)/odd.json"))

    expectFailure(2, "OUT", "found nothing", from: try convert(run, ""))
    expectFailure(
      2, "--key", "found nothing", from: try convert(run, "\(folder)/o.pt", "--key", ""))
    expectFailure(
      2, "made from one", "config.json", from: try convert(run, "\(folder)/o.json"))
    expectFailure(
      2, "--config", "nothing about a configuration",
      from: try convert(config, "\(folder)/o.json", "--config", config))
    expectFailure(2, run, "exists already", from: try convert(run, run))
    expectFailure(2, "--config", "needs one", from: try convert(run, "\(folder)/o"))
    expectFailure(2, "ends in .pt", "found .bin", from: try convert(run, "\(folder)/o.bin"))
    expectFailure(2, "ends in .json", from: try convert(config, "\(folder)/o.pt"))
    expectFailure(4, "/no/weights.pt", "no such", from: try convert("/no/weights.pt", "o.pt"))
    expectFailure(
      4, "shards", "this folder has none", from: try convert("\(folder)/shards", "o.pt"))
    let evil = "Tests/Fixtures/torch/evil.pt"
    expectFailure(
      4, evil, "'posix.system'", "nothing was executed",
      from: try convert(evil, "\(folder)/o.safetensors"))
    expectFailure(
      2, "vae.encoding", "found cell",
      from: try convert("configs/quick/vae.json", "\(folder)/o.json"))
  }
}
