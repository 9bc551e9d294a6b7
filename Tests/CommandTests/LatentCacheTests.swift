import Foundation
import TestSupport
import Testing

/// Latents are made once, and never used for anything that they were not made of.
@Suite(.serialized)
struct LatentCacheTests {
  private let folder: String
  private let tiny: TinyRuns

  init() throws {
    folder = try TemporaryFolder.make("latents")
    tiny = TinyRuns(folder)
    #expect(try tiny.synthesize().code == 0)
    #expect(try TinyRuns.train("vae", tiny.vae).code == 0)
  }

  private func statistics() throws -> [String: Any] {
    let data = try #require(
      FileManager.default.contents(atPath: "\(folder)/latents/latent_stats.json"))
    return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  private func encode(_ more: String...) throws -> Program {
    try Program(
      [
        "encode", "--vae", "\(folder)/quick-vae", "--data", "\(folder)/shards", "--out",
        "\(folder)/latents",
      ] + more)
  }

  @Test func staleLatentsAreMadeAgain() throws {
    func trainHead(_ more: String...) throws -> Program {
      try TinyRuns.train("visibility", tiny.head + more, "--name", UUID().uuidString)
    }
    let shard = "\(folder)/latents/latents-00000.h5"
    #expect(try trainHead().errors.contains("encoding 8 clips"))
    let first = try #require(FileManager.default.contents(atPath: shard))
    let again = try trainHead()
    #expect(again.code == 0 && !again.errors.contains("encoding"), "\(again.errors)")
    #expect(try encode("--val-fraction", "0.25").errors.contains("up to date"))

    // Another split has other statistics, and the same latents.
    let split = try encode()
    #expect(split.errors.contains("with another val_fraction; encoding again"), "\(split.errors)")
    let isSame = FileManager.default.contents(atPath: shard) == first
    #expect(isSame)
    // Another VAE.
    #expect(
      try TinyRuns.train("vae", tiny.vae + ["--set", "train.seed=5"], "--name", "other").code == 0)
    let other = try trainHead("--set", "data.vae=\(folder)/other")
    #expect(other.code == 0 && other.errors.contains("of another VAE"), "\(other.errors)")
    // The same weights in a model that computes otherwise.
    #expect(
      try Program("convert", "\(folder)/other", "\(folder)/w.safetensors").code == 0)
    let config = try String(contentsOfFile: "\(folder)/other/config.json", encoding: .utf8)
    try config.replacing("\"num_heads\" : 2", with: "\"num_heads\" : 1").write(
      toFile: "\(folder)/heads.json", atomically: true, encoding: .utf8)
    for (name, file) in [("same", "other/config.json"), ("one-head", "heads.json")] {
      let made = try Program(
        "convert", "\(folder)/w.safetensors", "\(folder)/\(name)", "--config", "\(folder)/\(file)")
      #expect(made.code == 0, "\(made.errors)")
    }
    let same = try trainHead("--set", "data.vae=\(folder)/same")
    #expect(same.code == 0)
    let heads = try trainHead("--set", "data.vae=\(folder)/one-head")
    #expect(heads.code == 0 && heads.errors.contains("of another VAE"), "\(heads.errors)")
    // Other data.
    try FileManager.default.removeItem(atPath: "\(folder)/shards")
    #expect(try tiny.synthesize(seed: 4).code == 0)
    let data = try trainHead("--set", "data.vae=\(folder)/other")
    #expect(data.code == 0 && data.errors.contains("of other data; encoding again"))
    let isNew = FileManager.default.contents(atPath: shard) != first
    #expect(isNew)
    // Latents of one kind beside the statistics of another.
    let kept = "\(folder)/kept.json"
    let file = "\(folder)/latents/latent_stats.json"
    try FileManager.default.copyItem(atPath: file, toPath: kept)
    #expect(try trainHead().errors.contains("of another VAE"))
    try FileManager.default.removeItem(atPath: file)
    try FileManager.default.copyItem(atPath: kept, toPath: file)
    let mixed = try trainHead("--set", "data.vae=\(folder)/other")
    #expect(mixed.errors.contains("that do not belong to its statistics"), "\(mixed.errors)")
  }

  @Test func statisticsHaveThePublishedLayout() throws {
    #expect(try encode().code == 0)
    let all = try statistics()
    #expect(all["suggested_latent_scale"] is Double)
    // 8 clips of 3 latent steps of 6 points.
    for (block, count) in [("z_hist", 144), ("z_fut", 144), ("z_all", 288)] {
      let values = try #require(all[block] as? [String: Any], "\(block)")
      let channels = try #require(values["per_channel"] as? [String: Any])
      #expect(channels["count"] as? Int == count && values["count"] as? Int == 8 * count)
      for key in ["mean", "std", "min", "max"] {
        #expect(values[key] is Double, "\(block).\(key)")
        #expect((channels[key] as? [Double])?.count == 8, "\(block).per_channel.\(key)")
      }
      let (lowest, highest) = (channels["min"] as? [Double], channels["max"] as? [Double])
      #expect(
        values["min"] as? Double == lowest?.min() && values["max"] as? Double == highest?.max())
    }
  }

  /// A generator that starts from where the history leads, and trains on a few tokens at a time.
  @Test func continuationsAreEncodedForThoseWhoStartFromThem() throws {
    #expect(try TinyRuns.train("visibility", tiny.head).code == 0)
    let sets = [
      "flow.use_continuation_cond=true", "flow.prediction=endpoint", "flow.spatial_ctx_pool=1",
      "train.x0_mode=continuation", "train.token_draws=4", "sample.correct_continuation=true",
      "sample.smooth_frames=5", "sample.shrink_px=1",
    ].flatMap { ["--set", $0] }
    let run = try TinyRuns.train("flow", tiny.flow + sets)
    #expect(run.code == 0 && run.errors.contains("without these continuations"), "\(run.errors)")
    #expect(try encode("--val-fraction", "0.25").errors.contains("up to date"))
    #expect(
      try encode("--val-fraction", "0.25", "--continuation", "1").errors.contains("up to date"))
    let other = try encode("--val-fraction", "0.25", "--continuation", "0.9")
    #expect(other.errors.contains("without these continuations"), "\(other.errors)")
    expectFailure(
      2, "--continuation", "found 1.5", from: try encode("--continuation", "1.5"))

    let sample = try Program(
      "sample", "--flow", "\(folder)/quick-flow", "--data", "\(folder)/shards", "--clip",
      "synth-000000", "--out", "\(folder)/futures")
    #expect(sample.code == 0, "\(sample.errors)")
    let meta = try String(
      contentsOfFile: "\(folder)/futures/synth-000000/meta.json", encoding: .utf8)
    #expect(meta.contains("\"correct_continuation\" : true"))
    for (key, value, expected) in [
      ("sample.smooth_frames", "6", "an odd number from 5 to 9"),
      ("train.x0_velocity_decay", "2", "a number in [0, 1]"),
      ("flow.spatial_ctx_pool", "2", "cannot be pooled"),
      ("train.x0_mode", "nowhere", "continuation"),
    ] {
      let refused = try TinyRuns.train("flow", tiny.flow + sets + ["--set", "\(key)=\(value)"])
      expectFailure(2, expected, from: refused)
    }
    expectFailure(
      2, "train.init_from", "flow.prediction: endpoint -> velocity",
      from: try TinyRuns.train(
        "flow",
        tiny.flow + sets + ["--set", "flow.prediction=velocity"]
          + ["--set", "train.init_from=\(folder)/quick-flow"], "--name", "other"))
    expectFailure(
      2, "sample.correct_continuation",
      from: try TinyRuns.train("flow", tiny.flow + ["--set", "sample.correct_continuation=true"]))
  }

  @Test func statisticsThatCannotScaleAreRefused() throws {
    #expect(try encode("--val-fraction", "0.25").code == 0)
    let file = "\(folder)/latents/latent_stats.json"
    var all = try statistics()
    var block = try #require(all["z_all"] as? [String: Any])
    var channels = try #require(block["per_channel"] as? [String: Any])
    var deviations = try #require(channels["std"] as? [Double])
    deviations[2] = 0
    channels["std"] = deviations
    block["per_channel"] = channels
    all["z_all"] = block
    try JSONSerialization.data(withJSONObject: all).write(to: URL(fileURLWithPath: file))
    expectFailure(
      2, "latent_stats.json", "z_all.per_channel.std[2]", "a positive deviation, found 0",
      from: try TinyRuns.train("visibility", tiny.head))
    try Data("{}".utf8).write(to: URL(fileURLWithPath: file))
    expectFailure(
      2, "latent_stats.json", "z_all.per_channel", from: try TinyRuns.train("visibility", tiny.head)
    )
    expectFailure(2, "--val-fraction", "found 1", from: try encode("--val-fraction", "1"))
    expectFailure(
      2, "a folder for latents alone",
      from: try Program(
        "encode", "--vae", "\(folder)/quick-vae", "--data", "\(folder)/shards", "--out",
        "\(folder)/quick-vae"))
  }
}
