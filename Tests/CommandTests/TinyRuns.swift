/// Runs so small that they take a second: the quick configurations on clips of 2 x 3 points and 9 +
/// 9 frames.
struct TinyRuns {
  let folder: String
  /// Overrides of the quick configurations.
  let vae: [String]
  let head: [String]
  let flow: [String]

  /// What the quick generator has that the published one has not, switched off.
  private static let published = [
    "flow.prediction=velocity", "flow.use_continuation_cond=false", "train.x0_mode=anchor_first",
    "sample.correct_continuation=false", "sample.smooth_frames=0",
  ]

  init(_ folder: String) {
    func sets(_ pairs: [String]) -> [String] { pairs.flatMap { ["--set", $0] } }
    let common = [
      "run.dir=\(folder)", "data.path=\(folder)/shards", "data.raw_height=64", "data.raw_width=96",
      "data.hist_len=9", "data.future_len=9", "data.val_fraction=0.25", "train.max_steps=3",
      "train.batch_size=2", "train.val_every=3", "train.save_every=2", "train.log_every=1",
      "train.warmup_steps=1",
    ]
    let size = [
      "input_height=64", "input_width=96", "num_frames_in=9", "num_frames_latent=3",
      "hidden_size=16",
    ]
    let cache = ["data.vae=\(folder)/quick-vae", "data.latents=\(folder)/latents"]
    self.folder = folder
    vae = sets(common + size.map { "vae.\($0)" })
    head = sets(common + cache)
    flow = sets(
      common + cache + size.map { "flow.\($0)" }
        + ["sample.visibility=\(folder)/quick-visibility", "sample.steps=2"] + Self.published)
  }

  /// Clips to train on.
  func synthesize(seed: Int = 3) throws -> Program {
    try Program(
      "data", "synth", "--out", "\(folder)/shards", "--clips", "8", "--height", "64", "--width",
      "96", "--frames", "18", "--seed", "\(seed)")
  }

  static func train(_ model: String, _ sets: [String], _ more: String...) throws -> Program {
    try Program(["train", model, "--config", "configs/quick/\(model).json"] + sets + more)
  }
}
