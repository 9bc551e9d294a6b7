import Training
import TrajLoomVAE

extension LatentData {
  /// What both kinds of runs on latents share of the authors' configurations.
  /// - Parameter vae: their block of the VAE.
  static func publishedRules(vae: String) -> [String: ConfigTranslation.Rule] {
    let latents = "latents are always kept; data.latents says where"
    var rules = ClipWindows.publishedRules
    for key in [
      "use_cached_latents", "cache_dir", "cache_manifest_train", "cache_manifest_eval",
      "cache_manifest_val",
    ] {
      rules["data.\(key)"] = .meaningless(latents)
    }
    return rules.merging(VAERunConfig.publishedRules(asBlock: vae)) { $1 }
  }

  /// What theirs do not say of data and run.
  static func publishedFilling(run name: String) -> [String: String] {
    [
      "run.dir": "\"runs\"", "run.name": "\"\(name)\"", "data.path": "\"data/shards\"",
      "data.vae": "\"runs/published-vae\"", "data.latents": "\"data/latents\"",
      "train.betas": "[0.9, 0.999]", "train.max_minutes": "0",
    ].merging(TrainingConfig.publishedFilling) { $1 }
  }
}
