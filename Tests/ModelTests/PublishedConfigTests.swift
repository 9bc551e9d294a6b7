import Foundation
import TestSupport
import Testing
import TrajLoomFlow

@testable import Training
@testable import TrajLoomVAE

/// The authors' configurations of the models on latents, key by key: what ours become there, with
/// what theirs have besides.
private struct TheirFile<Config: PublishedRunConfig> {
  let ours: Config
  private(set) var json: [String: Any]

  /// - Parameter others: keys of theirs that say nothing here.
  init(_ type: Config.Type, _ name: String, others: [String: Any]) throws {
    var url = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { url.deleteLastPathComponent() }
    ours = try StrictConfig.load(type, from: "\(url.path)/configs/published/\(name).json")
    let text = try Config.published.theirs(ours).json
    json = try StrictConfig.object(text, source: "")
    for (key, value) in others { self[key] = value }
  }

  subscript(key: String) -> Any? {
    get { StrictConfig.leaves(json)[key] }
    set { json = StrictConfig.replacing(key, by: newValue!, in: json) }
  }

  func read(_ overrides: String...) throws -> (config: Config, report: ConfigTranslation.Report?) {
    let path = try TemporaryFolder.path("\(UUID()).json")
    try JSONSerialization.data(withJSONObject: json).write(to: URL(fileURLWithPath: path))
    return try StrictConfig.loadEither(Config.self, from: path, overrides: overrides)
  }
}

private var dataOnly: [String: Any] {
  [
    "data.video_dir": "v", "data.caption_csv": "c.csv", "data.caption_video_col": "a",
    "data.caption_text_col": "b", "data.caption_vid_col": "c", "data.axis_order": "yx",
    "data.video_reader": "decord", "data.video_exts": ".webm", "data.max_frames": 99,
    "data.seed": 1,
  ]
}

private func generatorFile() throws -> TheirFile<FlowRunConfig> {
  try TheirFile(
    FlowRunConfig.self, "flow",
    others: dataOnly.merging([
      "data.use_cached_latents": true, "data.cache_dir": "x", "data.cache_manifest_train": "x",
      "data.cache_manifest_eval": "x", "data.cache_manifest_val": "", "video_vae.dtype": "fp32",
      "video_vae.wan2_repo_dir": "w", "video_vae.ckpt_dir": "w", "video_vae.ckpt_name": "w",
      "video_vae.latents_dir": "", "video_vae.resize_factor": 4, "text_encoder.ckpt_dir": "w",
      "text_encoder.wan2_repo_dir": "w", "text_encoder.ckpt_name": "w",
      "text_encoder.tokenizer_name": "t", "text_encoder.max_length": 7,
      "text_encoder.dtype": "bf16",
      "train.resume": NSNull(), "train.out_dir": "o", "train.num_workers": 3,
      "train.num_epochs": 5, "train.mixed_precision": "no", "train.preview_every": 4,
      "train.preview_steps": 4, "train.vis_pos_weight": 2.5, "train.entity": "e",
      "train.wandb_project": "p", "train.wandb_name": "n", "trajloom_vae.config.hidden_size": 8,
      "trajloom_vae.config.use_dino": false, "trajloom_vae.config.beta": 1,
    ]) { $1 })
}

private func headFile() throws -> TheirFile<VisibilityRunConfig> {
  try TheirFile(
    VisibilityRunConfig.self, "visibility",
    others: dataOnly.merging([
      "data.train_fraction": 0.5, "latent_stats_json": "s.json", "latent_stats_key": "z_fut",
      "out_dir": "o", "temp_stride": 4, "trajectory_vae.config.temp_stride": 4,
      "trajectory_vae.ckpt_path": "v.pt", "train.num_workers": 2, "train.mixed_precision": "bf16",
      "eval.ckpt_path": "", "eval.batch_size": 1, "eval.num_workers": 1, "eval.max_batches": 0,
      "eval.eval_segments": ["fut"], "eval.export_dir": "", "eval.export_batches": 2,
      "eval.thresh": 0.4, "wandb.enabled": true, "wandb.project": "p", "wandb.entity": "e",
      "wandb.name": "n", "wandb.group": "", "wandb.tags": ["a", "b"], "wandb.notes": "",
    ]) { $1 })
}

@Test func theirGeneratorFileIsOurPublishedOne() throws {
  let file = try generatorFile()
  // What stands there, in their words and by their numbers.
  for (key, value) in [
    ("data.train_fraction", 0.9), ("text_encoder.dropout_prob", 0.1), ("generator.depth", 16),
    ("generator.hist_vis_scale_init", 1), ("train.max_val_batches", 1), ("train.lambda_vis", 0),
    ("train.learning_rate", 6e-5), ("train.fm_sigma", 0.05),
  ] {
    #expect(file[key] as? Double == value, "\(key): \(file[key] ?? "none")")
  }
  #expect(
    file["video_vae.enable"] as? Bool == true && file["train.x0_mode"] as? String == "anchor_first")
  #expect(file["train.latent_stats_key"] as? String == "z_all")
  // Their reader insists on these.
  for key in ["data.video_dir", "data.tracks_dir", "trajloom_vae.ckpt_path"] {
    #expect(file[key] is String, "\(key)")
  }

  let (config, report) = try file.read()
  #expect(try StrictConfig.text(config) == StrictConfig.text(file.ours))
  let lines = try #require(report).lines
  for line in [
    "    data.val_fraction = 0.1, their data.train_fraction = 0.9",
    "    flow.video_source = \"precomputed\"", "    video_vae.enable: as generator.use_video_cond",
    "    train.text_dropout_prob = 0.1, their text_encoder.dropout_prob",
    "    train.x0_fix_first_latent: false, as always here",
  ] { #expect(lines.contains(line), "\(line)") }
  // Every key of theirs is spoken of.
  let spoken = report!.taken.count + report!.meaningless.count
  #expect(spoken == StrictConfig.leaves(file.json).count)
}

@Test func theirVisibilityFileIsOurPublishedOne() throws {
  let file = try headFile()
  for (key, value) in [
    ("seed", 42.0), ("raw_height", 480), ("patch_size", 32), ("train.pos_weight", 0),
    ("train.val_fraction", 0.02), ("train.lr", 3e-4), ("train.eval_every", 500),
    ("lr_schedule.min_lr", 3e-5), ("predictor.kernel_size", 3), ("train.aug.add_sigma", 0),
  ] {
    #expect(file[key] as? Double == value, "\(key): \(file[key] ?? "none")")
  }
  let (config, report) = try file.read()
  #expect(try StrictConfig.text(config) == StrictConfig.text(file.ours))
  #expect(config.train.head.posWeight == 1)
  let spoken = report!.taken.count + report!.meaningless.count
  #expect(spoken == StrictConfig.leaves(file.json).count)
  var weighted = file
  weighted["train.pos_weight"] = 2.5
  #expect(try weighted.read().config.train.head.posWeight == 2.5)
}

@Test(arguments: [
  ("train.lambda_vis", "0.5", "expected 0, found 0.5"),
  ("train.latent_stats_key", "\"z_fut\"", "expected \"z_all\""),
  ("train.x0_fix_first_latent", "true", "expected false, found true"),
  ("train.x0_mode", "\"x\"", "found \"x\""), ("data.use_overlap", "true", "share no frame"),
  ("video_vae.enable", "false", "expected true, as generator.use_video_cond, found false"),
  ("text_encoder.enable", "false", "expected true, as generator.use_text_cond"),
  ("generator.num_heads", "5", "a divisor of hidden_size 768, found 5"),
  ("generator.widht", "5", "not a key of the authors' generator configuration"),
  ("data.train_fraction", "\"most\"", "expected a number, found \"most\""),
  ("data.train_fraction", "true", "expected a number, found true"),
  ("data.train_fraction", "-0.5", "a number in [0, 1), found 1.5"),
  ("generator.spatial_ctx_mode", "\"all\"", "pooled_last"),
])
func faultsOfTheirGeneratorFileAreNamed(_ key: String, _ value: String, _ detail: String) throws {
  var file = try generatorFile()
  file[key] = try JSONSerialization.jsonObject(with: Data(value.utf8), options: .fragmentsAllowed)
  let read = file
  let error = #expect(throws: ConfigError.self) { try read.read() }
  let message = error?.description ?? ""
  #expect(message.contains(".json: \(key): ") && message.contains(detail), "\(message)")
}

@Test(arguments: [
  ("raw_height", "448", "expected 480, as data.raw_height, found 448"),
  ("patch_size", "16", "expected 32, as data.track_stride"),
  ("temp_stride", "2", "expected 4, as trajectory_vae.config.temp_stride"),
  ("train.aug.mix_a_max", "0.2", "expected 0, found 0.2"),
  ("train.train_segments", "[\"fut\"]", "expected [\"hist\",\"fut\"]"),
  ("train.pos_weight", "-1", "a positive number"),
  ("predictor.kernel_size", "4", "a positive odd number, found 4"),
  ("train.learning_rate", "1", "not a key of the authors' visibility configuration"),
])
func faultsOfTheirVisibilityFileAreNamed(_ key: String, _ value: String, _ detail: String) throws {
  var file = try headFile()
  file[key] = try JSONSerialization.jsonObject(with: Data(value.utf8), options: .fragmentsAllowed)
  let read = file
  let error = #expect(throws: ConfigError.self) { try read.read() }
  let message = error?.description ?? ""
  #expect(message.contains(".json: \(key): ") && message.contains(detail), "\(message)")
}

@Test func overridesAreOfOurKeys() throws {
  let file = try generatorFile()
  #expect(try file.read("flow.depth=4", "data.val_fraction=0.25").config.flow.depth == 4)
  for (override, hint) in [
    ("generator.depth=4", "which is flow.depth here"),
    ("data.train_fraction=0.5", "which is data.val_fraction here"),
    ("train.num_epochs=3", "a run is as long as train.max_steps"),
    ("train.lambda_vis=1", "which is always 0 here"),
    ("video_vae.enable=false", "flow.use_video_cond"),
    ("flow.dept=4", "did you mean flow.depth?"),
  ] {
    let error = #expect(throws: ConfigError.self) { try file.read(override) }
    let message = error?.description ?? ""
    #expect(message.hasPrefix("--set: ") && message.contains(hint), "\(message)")
  }
  // The fault is of the override, and of the key that stands there.
  let error = #expect(throws: ConfigError.self) { try file.read("flow.num_heads=5") }
  #expect(error?.key == "flow.num_heads")
}
