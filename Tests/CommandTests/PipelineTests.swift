import Foundation
import TestSupport
import Testing

/// The whole path in miniature: data, three trainings, futures, table and picture.
@Suite(.serialized)
struct PipelineTests {
  @Test func fromDataToFutures() throws {
    let folder = try TemporaryFolder.make("pipeline")
    let sets = TinyRuns(folder)
    #expect(try sets.synthesize().code == 0)
    for (model, overrides) in [("vae", sets.vae), ("visibility", sets.head), ("flow", sets.flow)] {
      let program = try TinyRuns.train(model, overrides)
      #expect(program.code == 0, "\(model): \(program.errors)")
      #expect(program.errors.contains("step 3/3"), "\(program.errors)")
    }
    let sampled = try Program(
      "sample", "--flow", "\(folder)/quick-flow", "--data", "\(folder)/shards", "--split",
      "validation", "--samples", "2", "--out", "\(folder)/futures")
    #expect(sampled.code == 0, "\(sampled.errors)")
    let clips = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/futures")
    #expect(clips.count == 2)
    let clip = "\(folder)/futures/\(clips[0])"
    for name in [
      "gt_tracks.npy", "gt_visibility.npy", "query_xy.npy", "grid_idx.npy", "meta.json",
      "sample_00/pred_tracks.npy", "sample_01/pred_visibility.npy",
      "sample_01/pred_visibility_prob.npy",
    ] { #expect(FileManager.default.fileExists(atPath: "\(clip)/\(name)"), "\(name)") }

    // One clip alone, one sample: the same draw as before.
    let alone = try Program(
      "sample", "--flow", "\(folder)/quick-flow", "--data", "\(folder)/shards", "--clip", clips[0],
      "--out", "\(folder)/alone")
    #expect(alone.code == 0, "\(alone.errors)")
    #expect(
      FileManager.default.contents(atPath: "\(folder)/alone/\(clips[0])/pred_tracks.npy")
        == FileManager.default.contents(atPath: "\(clip)/sample_00/pred_tracks.npy"))

    let table = try Program(
      "eval", "--predictions", "\(folder)/futures", "--json", "\(folder)/t.json")
    #expect(
      table.code == 0 && table.output.contains("static") && table.output.contains("predictions"))
    #expect(table.output.contains("ground truth") && table.output.contains("bspline_tangent"))
    let vepe = try Program(
      "eval", "vae", "--vae", "\(folder)/quick-vae", "--data", "\(folder)/shards")
    #expect(vepe.code == 0 && vepe.output.contains("VEPE"))
    let picture = try Program(
      "render", "--predictions", "\(folder)/futures", "--out", "\(folder)/f.png")
    #expect(picture.code == 0, "\(picture.errors)")
    let png = try #require(FileManager.default.contents(atPath: "\(folder)/f.png"))
    #expect(png.starts(with: [0x89, 0x50, 0x4E, 0x47]) && png.count > 1000)
    #expect(
      try Program("runs", "\(folder)/quick-vae", "\(folder)/quick-flow").output.contains("step 3"))

    try profilesWriteNothing(folder, sets.vae)
    try onPolicyStageStartsFromTheFlow(folder, sets.flow)
    try shardsAreInspectedAndVerified(folder)
    try resumeContinuesExactly(folder, sets.vae)
    try refusals(folder, sets)
  }

  private func profilesWriteNothing(_ folder: String, _ sets: [String]) throws {
    let program = try TinyRuns.train("vae", sets, "--name", "profiled", "--profile")
    #expect(program.code == 0, "\(program.errors)")
    for word in ["operation", "GFLOP/s", "residualMLP gradient", "gridFieldLoss", "adamW", "total"]
    {
      #expect(program.output.contains(word), "\(word)")
    }
    #expect(!FileManager.default.fileExists(atPath: "\(folder)/profiled"))
  }

  private func onPolicyStageStartsFromTheFlow(_ folder: String, _ sets: [String]) throws {
    let stage = ["train.objective=on_policy", "train.init_from=\(folder)/quick-flow"]
    let program = try TinyRuns.train(
      "flow", sets + stage.flatMap { ["--set", $0] }, "--name", "on-policy")
    #expect(program.code == 0, "\(program.errors)")
    #expect(program.errors.contains("rollout") && program.errors.contains("endpoint"))
  }

  private func shardsAreInspectedAndVerified(_ folder: String) throws {
    let report = try Program("data", "inspect", "\(folder)/shards")
    #expect(report.code == 0 && report.output.contains("8 clips"), "\(report.output)")
    #expect(try Program("data", "verify", "\(folder)/shards").output.contains("no faults"))
    #expect(try Program("data", "verify", "\(folder)/latents").output.contains("no faults"))
    expectFailure(
      3, "/no/tracks",
      from: try Program("data", "import", "--tracks", "/no/tracks", "--out", "\(folder)/i"))
    #expect(!FileManager.default.fileExists(atPath: "\(folder)/i/shard-00000.h5"))
  }

  /// A run that was cut at step 2 and one that was not end in the same bytes.
  private func resumeContinuesExactly(_ folder: String, _ sets: [String]) throws {
    let steady = sets + ["--set", "train.lr_schedule=constant"]
    let first = try TinyRuns.train("vae", steady + ["--set", "train.max_steps=2"], "--name", "cut")
    let second = try TinyRuns.train("vae", steady, "--name", "cut")
    #expect(first.code == 0 && second.code == 0, "\(second.errors)")
    #expect(second.errors.contains("resuming at step 2"))
    #expect(try TinyRuns.train("vae", steady, "--name", "whole").code == 0)
    let place = "checkpoints/step-0000003/model.safetensors"
    let whole = FileManager.default.contents(atPath: "\(folder)/whole/\(place)")
    #expect(whole != nil && whole == FileManager.default.contents(atPath: "\(folder)/cut/\(place)"))
    // The length of a cosine schedule is part of what a step computes.
    expectFailure(
      4, "train.max_steps", from: try TinyRuns.train("vae", sets + ["--set", "train.max_steps=5"]))
  }

  /// Bad input, each with its exit code and a line that says what is wrong.
  private func refusals(_ folder: String, _ sets: TinyRuns)
    throws
  {
    let files = FileManager.default
    expectFailure(
      3, "nothing there",
      from: try TinyRuns.train("vae", sets.vae + ["--set", "data.path=/no/shards"], "--name", "x"))
    expectFailure(
      2, "data.raw_width",
      from: try TinyRuns.train(
        "vae", sets.vae + ["--set", "data.raw_width=128", "--set", "vae.input_width=128"], "--name",
        "x"))
    for (stride, expected) in [("0", "found 0"), ("3", "at most 2")] {
      let changed = sets.vae + ["--set", "data.augment.max_stride=\(stride)"]
      expectFailure(
        2, "data.augment.max_stride", expected,
        from: try TinyRuns.train("vae", changed, "--name", "x"))
    }
    expectFailure(
      4, "another configuration", "train.learning_rate",
      from: try TinyRuns.train("vae", sets.vae + ["--set", "train.learning_rate=0.5"]))
    expectFailure(
      4, "no",
      from: try Program(
        "encode", "--vae", "/no/run", "--data", "\(folder)/shards", "--out", "\(folder)/o"))
    expectFailure(
      4, "not one of this kind of model",
      from: try Program(
        "sample", "--flow", "\(folder)/quick-vae", "--data", "\(folder)/shards", "--out",
        "\(folder)/o"))
    expectFailure(
      2, "--clip", "did you mean",
      from: try Program(
        "sample", "--flow", "\(folder)/quick-flow", "--data", "\(folder)/shards", "--clip",
        "synth-00000",
        "--out", "\(folder)/o"))
    expectFailure(
      2, ".png",
      from: try Program("render", "--predictions", "\(folder)/futures", "--out", "\(folder)/f.jpg"))
    expectFailure(
      3, "gt_tracks.npy", from: try Program("eval", "--predictions", "\(folder)/shards"))

    // A shard with a flipped byte, a truncated one, and a text file in its place.
    let shard = "\(folder)/shards/shard-00000.h5"
    let good = try #require(files.contents(atPath: shard))
    for (name, bytes) in [
      ("truncated", good.prefix(good.count / 2)), ("text", Data("not HDF5".utf8)),
    ] {
      let bad = "\(folder)/\(name).h5"
      try Data(bytes).write(to: URL(fileURLWithPath: bad))
      expectFailure(
        3, "\(name).h5",
        from: try TinyRuns.train("vae", sets.vae + ["--set", "data.path=\(bad)"], "--name", "x"))
    }
    // A damaged weights file.
    let weights = "\(folder)/quick-flow/checkpoints/step-0000003/ema.safetensors"
    var data = try #require(files.contents(atPath: weights))
    data[data.count - 5] ^= 4
    try data.write(to: URL(fileURLWithPath: weights))
    expectFailure(
      4, "damaged", "ema.safetensors",
      from: try Program(
        "sample", "--flow", "\(folder)/quick-flow", "--data", "\(folder)/shards", "--out",
        "\(folder)/o"))
    #expect(!files.fileExists(atPath: "\(folder)/o"), "nothing is half-written")
    #expect(!files.fileExists(atPath: "\(folder)/x/latest"))
  }
}
