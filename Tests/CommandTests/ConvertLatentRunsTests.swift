import Autograd
import Foundation
import TestSupport
import Testing

/// Generators and visibility heads in and out, with the statistics that they cannot do without.
@Suite(.serialized)
struct ConvertLatentRunsTests {
  private let folder: String
  private let tiny: TinyRuns
  /// A generator without conditions of our own, which the published code could have.
  private var flow: String { "\(folder)/plain" }
  private var head: String { "\(folder)/quick-visibility" }
  private var statistics: String { "\(folder)/latents/latent_stats.json" }
  private let plain = [
    "--set", "flow.use_video_cond=false", "--set", "flow.use_text_cond=false", "--set",
    "train.ema_decay=0.5",
  ]

  init() throws {
    folder = try TemporaryFolder.make("convert-latent")
    tiny = TinyRuns(folder)
    #expect(try tiny.synthesize().code == 0)
    let pixel = ["--set", "vae.encoding=pixel"]
    for (model, sets) in [
      ("vae", tiny.vae + pixel), ("visibility", tiny.head),
      ("flow", tiny.flow + plain + ["--name", "plain"]),
    ] {
      let trained = try TinyRuns.train(model, sets)
      #expect(trained.code == 0, "\(trained.errors)")
    }
  }

  private func convert(_ arguments: String...) throws -> Program {
    try Program(["convert"] + arguments)
  }

  private func sample(_ flow: String, _ head: String, to name: String) throws -> (Program, Data?) {
    let program = try Program(
      "sample", "--flow", flow, "--visibility", head, "--data", "\(folder)/shards", "--clip",
      "synth-000000", "--out", "\(folder)/\(name)")
    return (
      program,
      FileManager.default.contents(atPath: "\(folder)/\(name)/synth-000000/pred_tracks.npy")
    )
  }

  /// The statistics as the authors' are: no word of what they were made of.
  private func publishedStatistics(_ change: (inout [String: Any]) -> Void = { _ in }) throws
    -> String
  {
    let data = try #require(FileManager.default.contents(atPath: statistics))
    var json = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    json["origin"] = nil
    change(&json)
    let path = "\(folder)/\(UUID()).json"
    try JSONSerialization.data(withJSONObject: json).write(to: URL(fileURLWithPath: path))
    return path
  }

  @Test func runsComeBackAsTheyWere() throws {
    for (run, name, key) in [(flow, "flow", "generator"), (head, "head", "model")] {
      #expect(try convert(run, "\(folder)/\(name).pt").code == 0)
      #expect(try TorchFile(path: "\(folder)/\(name).pt").keys == [key])
      let made = try convert(
        "\(folder)/\(name).pt", "\(folder)/\(name)-again", "--config", "\(run)/config.json",
        "--stats", statistics)
      #expect(made.code == 0, "\(made.errors)")
      for (source, file) in [(run, "a"), ("\(folder)/\(name)-again", "b")] {
        #expect(try convert(source, "\(folder)/\(name)-\(file).safetensors").code == 0)
      }
      let files = ["a", "b"].map {
        FileManager.default.contents(atPath: "\(folder)/\(name)-\($0).safetensors")
      }
      let isSame = files[0] != nil && files[0] == files[1]
      #expect(isSame, "\(name)")
    }
    let clips = try Program("data", "inspect", "\(folder)/shards")
    #expect(clips.code == 0)

    let (first, tracks) = try sample(flow, head, to: "futures")
    #expect(first.code == 0, "\(first.errors)")
    let (again, sameTracks) = try sample(
      "\(folder)/flow-again", "\(folder)/head-again", to: "futures-again")
    #expect(again.code == 0 && !again.errors.contains("could not be checked"), "\(again.errors)")
    let isSame = tracks != nil && tracks == sameTracks
    #expect(isSame)

    // With statistics from elsewhere the same comes out, and what nobody knows is said.
    let elsewhere = try publishedStatistics()
    for (run, name) in [(flow, "flow"), (head, "head")] {
      let made = try convert(
        "\(folder)/\(name).pt", "\(folder)/\(name)-foreign", "--config", "\(run)/config.json",
        "--stats", elsewhere)
      #expect(made.code == 0, "\(made.errors)")
    }
    let (foreign, foreignTracks) = try sample(
      "\(folder)/flow-foreign", "\(folder)/head-foreign", to: "futures-foreign")
    #expect(
      foreign.code == 0 && foreign.errors.contains("could not be checked"), "\(foreign.errors)")
    let isForeignSame = foreignTracks == tracks
    #expect(isForeignSame)
    // A run that statistics came with gives them on.
    let copied = try convert(flow, "\(folder)/copy", "--config", "\(flow)/config.json")
    #expect(copied.code == 0, "\(copied.errors)")
    let name = "checkpoints/step-0000000/latent_stats.json"
    let attached = FileManager.default.contents(atPath: "\(folder)/copy/\(name)")
    let original = FileManager.default.contents(atPath: statistics)
    let isKept = attached != nil && attached == original
    #expect(isKept)
  }

  @Test func trainingGoesOnWithTheStatisticsOfTheWeights() throws {
    let moved = try publishedStatistics { json in
      var block = json["z_all"] as! [String: Any]
      var channels = block["per_channel"] as! [String: Any]
      channels["mean"] = (channels["mean"] as! [Double]).map { $0 + 0.5 }
      block["per_channel"] = channels
      json["z_all"] = block
    }
    let name = "checkpoints/step-0000003/latent_stats.json"
    for (model, sets, run) in [("flow", tiny.flow + plain, flow), ("visibility", tiny.head, head)] {
      let made = try convert(
        run, "\(folder)/moved-\(model)", "--config", "\(run)/config.json", "--stats", moved)
      #expect(made.code == 0, "\(made.errors)")
      let trained = try TinyRuns.train(model, sets, "--name", "moved-\(model)")
      #expect(trained.code == 0, "\(trained.errors)")
      #expect(trained.errors.contains("resuming at step 0"))
      #expect(
        trained.errors.contains("scaled by the statistics that came with"), "\(trained.errors)")
      let kept = try String(contentsOfFile: "\(folder)/moved-\(model)/\(name)", encoding: .utf8)
      #expect(!kept.contains("origin"))
    }
    let started = try TinyRuns.train(
      "flow", tiny.flow + plain, "--set", "train.init_from=\(folder)/moved-flow", "--name",
      "started")
    #expect(started.errors.contains("scaled by the statistics that came with"), "\(started.errors)")
    let usual = try TinyRuns.train(
      "flow", tiny.flow + plain, "--set", "train.init_from=\(flow)", "--name", "usual")
    #expect(usual.code == 0 && !usual.errors.contains("came with"), "\(usual.errors)")
  }

  @Test func configurationsTravelBothWays() throws {
    for (model, run, part) in [
      ("flow", flow, "flow.depth = 4, their generator.depth"),
      ("visibility", head, "visibility.hidden = 32, their predictor.hidden"),
    ] {
      let theirs = "\(folder)/their-\(model).json"
      let written = try convert("\(run)/config.json", theirs)
      #expect(written.code == 0 && written.errors.contains("run.name"), "\(written.errors)")
      // The VAE is described too, as its run is here.
      let json = try String(contentsOfFile: theirs, encoding: .utf8)
      #expect(json.contains("\"encoder_depth\"") && json.contains("\"temp_stride\""))
      let back = try convert(theirs, "\(folder)/back-\(model).json")
      #expect(back.code == 0 && back.errors.contains(part), "\(back.errors)")
      let direct = try Program("train", model, "--config", theirs, "--print-config")
      let own = try Program(
        "train", model, "--config", "\(folder)/back-\(model).json", "--print-config")
      #expect(direct.code == 0 && direct.output == own.output, "\(direct.errors)")
    }
    expectFailure(
      2, "back-flow.json", "expected a configuration of a VAE, found one of a generator",
      "`trajloom train flow` takes it",
      from: try Program("train", "vae", "--config", "\(folder)/back-flow.json"))
    expectFailure(
      2, "their-flow.json", "expected a configuration of a visibility head",
      from: try Program("train", "visibility", "--config", "\(folder)/their-flow.json"))
    expectFailure(
      2, "--set", "generator.depth", "which is flow.depth here",
      from: try Program(
        "train", "flow", "--config", "\(folder)/their-flow.json", "--set", "generator.depth=2"))
    // Video and text by encoders of our own.
    expectFailure(
      2, "flow.video_source", "expected precomputed", "found patch",
      from: try convert("configs/quick/flow.json", "\(folder)/o.json"))
    let config = try String(contentsOfFile: "\(flow)/config.json", encoding: .utf8)
    try config.replacing("\"use_text_cond\" : false", with: "\"use_text_cond\" : true")
      .write(toFile: "\(folder)/text.json", atomically: true, encoding: .utf8)
    expectFailure(
      2, "flow.text_source", "found hash",
      from: try convert("\(folder)/text.json", "\(folder)/o.json"))
    // Without the VAE's run, its block stays empty, and the file is read all the same.
    try config.replacing("\"vae\" : \"\(folder)/quick-vae\"", with: "\"vae\" : \"/no/vae\"")
      .write(toFile: "\(folder)/lone.json", atomically: true, encoding: .utf8)
    let lone = try convert("\(folder)/lone.json", "\(folder)/their-lone.json")
    #expect(lone.errors.contains("without trajloom_vae.config"), "\(lone.errors)")
    #expect(try convert("\(folder)/their-lone.json", "\(folder)/again.json").code == 0)
  }

  @Test func whatPublishedCodeLacksIsNamed() throws {
    let trained = try TinyRuns.train("flow", tiny.flow)
    #expect(trained.code == 0, "\(trained.errors)")
    for file in ["own.pt", "own.safetensors"] {
      let made = try convert("\(folder)/quick-flow", "\(folder)/\(file)")
      #expect(made.code == 0)
      for part in ["note: ", "text_encoder.table", "video_encoder.mlp.fc1.weight"] {
        #expect(made.errors.contains(part), "\(made.errors)")
      }
    }
    #expect(try !convert(flow, "\(folder)/p.pt").errors.contains("note"))
  }

  @Test func whatDoesNotFitIsRefused() throws {
    let (flowConfig, headConfig) = ("\(flow)/config.json", "\(head)/config.json")
    #expect(try convert(flow, "\(folder)/f.pt").code == 0)
    #expect(try convert(head, "\(folder)/h.safetensors").code == 0)
    let o = "\(folder)/o"
    for (file, config, title) in [
      ("f.pt", flowConfig, "a generator"), ("h.safetensors", headConfig, "a visibility head"),
    ] {
      expectFailure(
        2, "--stats", "a run of \(title) needs the statistics", "latent_stats.json",
        from: try convert("\(folder)/\(file)", o, "--config", config))
    }
    expectFailure(
      2, "--config", "needs one", from: try convert("\(folder)/f.pt", o, "--stats", statistics))
    expectFailure(
      2, "--stats", "is a file of weights",
      from: try convert(flow, "\(o).pt", "--stats", statistics))
    expectFailure(
      2, "--stats", "a VAE has no use for it",
      from: try convert(
        "\(folder)/quick-vae", o, "--config", "\(folder)/quick-vae/config.json", "--stats",
        statistics))
    expectFailure(
      2, "--stats", "nothing about a configuration",
      from: try convert(flowConfig, "\(o).json", "--stats", statistics))
    expectFailure(
      2, "/no/stats.json", "no such file",
      from: try convert("\(folder)/f.pt", o, "--config", flowConfig, "--stats", "/no/stats.json"))
    let narrow = try publishedStatistics { json in
      json["z_all"] = ["per_channel": ["mean": [0.0], "std": [1.0]]]
    }
    expectFailure(
      2, "z_all.per_channel", "expected statistics of 8 latent channels", "found 1",
      from: try convert("\(folder)/f.pt", o, "--config", flowConfig, "--stats", narrow))
    // Weights of another kind, and of another size.
    expectFailure(
      4, "f.pt", "expected weights of a visibility head", "found those of a generator",
      from: try convert("\(folder)/f.pt", o, "--config", headConfig, "--stats", statistics))
    expectFailure(
      4, "h.safetensors", "expected weights of a generator", "found those of a visibility head",
      from: try convert("\(folder)/h.safetensors", o, "--config", flowConfig, "--stats", statistics)
    )
    let text = try String(contentsOfFile: flowConfig, encoding: .utf8)
    try text.replacing("\"use_hist_vis_cond\" : true", with: "\"use_hist_vis_cond\" : false")
      .replacing(
        "\"track_fusion_use_time_gate\" : true", with: "\"track_fusion_use_time_gate\" : false"
      )
      .write(toFile: "\(folder)/other.json", atomically: true, encoding: .utf8)
    expectFailure(
      4, "f.pt",
      "unknown: alpha_hist_vis, hist_vis_proj.bias, hist_vis_proj.weight, "
        + "track_fusion_gate_logit",
      from: try convert(
        "\(folder)/f.pt", o, "--config", "\(folder)/other.json", "--stats", statistics))
    #expect(!FileManager.default.fileExists(atPath: o))
    // Latents of another VAE than the statistics say.
    let seed = ["--set", "vae.encoding=pixel", "--set", "train.seed=7"]
    #expect(try TinyRuns.train("vae", tiny.vae + seed, "--name", "other-vae").code == 0)
    #expect(
      try convert("\(folder)/f.pt", "\(folder)/kept", "--config", flowConfig, "--stats", statistics)
        .code == 0)
    expectFailure(
      4, "other-vae", "expected the VAE of the flow's latents", "pass the right run with --vae",
      from: try Program(
        "sample", "--flow", "\(folder)/kept", "--vae", "\(folder)/other-vae", "--visibility", head,
        "--data", "\(folder)/shards", "--out", "\(folder)/none"))
  }

  @Test func forwardChecksItsInputs() throws {
    let inputs = "\(folder)/inputs.safetensors"
    let latents = NDArray([Float](repeating: 0.5, count: 3 * 6 * 8), shape: [1, 3, 6, 8])
    let time = NDArray([0.5], shape: [1])
    func forward(_ run: String, _ given: [String: NDArray]) throws -> Program {
      try writeSafetensors(given, to: inputs)
      return try Program(
        "forward", "--run", run, "--inputs", inputs, "--out", "\(folder)/out.safetensors")
    }
    let whole = try forward(flow, ["z": latents, "history": latents, "time": time])
    #expect(whole.code == 0, "\(whole.errors)")
    let velocity = try SafetensorsFile(path: "\(folder)/out.safetensors").array("velocity")
    #expect(velocity.shape == [1, 3, 6, 8])
    expectFailure(
      3, "inputs.safetensors", "expected a tensor 'time'",
      from: try forward(flow, ["z": latents, "history": latents]))
    expectFailure(
      3, "tensor 'history'", "expected shape [1, 3, 6, 8], found [1]",
      from: try forward(flow, ["z": latents, "history": time, "time": time]))
    #expect(try forward(head, ["future": latents, "history": latents]).code == 0)
    expectFailure(
      3, "tensor 'future'", "[any, any, any, 8]",
      from: try forward(head, ["future": time, "history": latents]))
    expectFailure(
      4, "quick-vae", "not one of this kind", from: try forward("\(folder)/quick-vae", ["z": time]))
  }
}
