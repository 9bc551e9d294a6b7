import Training
import TrajLoomVAE

extension VisibilityRunConfig: PublishedRunConfig {
  /// The authors' configuration of the visibility head (zewei-Zhang/TrajLoom,
  /// `configs/vis_predictor_config.json`) as one of ours.
  public static let published = ConfigTranslation(
    origin: "the authors' visibility configuration", marker: "predictor", rules: rules,
    filledIn: filledIn)

  private static let rules: [String: ConfigTranslation.Rule] = {
    let twice = "the same thing stands there"
    var rules = LatentData.publishedRules(vae: "trajectory_vae")
    rules["data.train_fraction"] = .meaningless("train.val_fraction says what is held out")
    let more: [String: ConfigTranslation.Rule] = [
      "seed": .taken(as: "train.seed"),
      "raw_height": .equal(to: "data.raw_height", twice),
      "raw_width": .equal(to: "data.raw_width", twice),
      "patch_size": .equal(to: "data.track_stride", twice),
      "temp_stride": .equal(to: "trajectory_vae.config.temp_stride", twice),
      "out_dir": .meaningless("run.dir and run.name say where, or --name"),
      "latent_stats_json": .meaningless(
        "statistics are made with the latents, or come with a converted run"),
      // Theirs names z_fut, and their program scales what the head sees by the generator's z_all.
      "latent_stats_key": .meaningless(
        "all models share one scaling, by z_all", written: "\"z_all\""),
      "lr_schedule.schedule": .taken(as: "train.lr_schedule"),
      "lr_schedule.warmup_steps": .taken(as: "train.warmup_steps"),
      "lr_schedule.min_lr": .taken(as: "train.min_lr"),
    ]
    rules.merge(more) { $1 }
    for key in [
      "latent_channels", "hidden", "depth", "kernel_size", "use_hist_last", "use_delta_to_hist",
    ] {
      rules["predictor.\(key)"] = .taken(as: "visibility.\(key)")
    }
    for (key, rule) in trainingRules { rules["train.\(key)"] = rule }
    let evaluation =
      "validation reads all held-out futures; sample.vis_threshold is the generator's"
    for key in [
      "ckpt_path", "batch_size", "num_workers", "max_batches", "eval_segments", "export_dir",
      "export_batches", "thresh",
    ] {
      rules["eval.\(key)"] = .meaningless(evaluation)
    }
    for key in ["enabled", "project", "entity", "name", "group", "tags", "notes"] {
      rules["wandb.\(key)"] = .meaningless(
        "metrics.jsonl in the run's folder has every logged value")
    }
    return rules
  }()

  private static let trainingRules: [String: ConfigTranslation.Rule] = {
    let augmentation = "latents are not changed in training"
    var rules: [String: ConfigTranslation.Rule] = [
      "val_fraction": .taken(as: "data.val_fraction"),
      "lr": .taken(as: "train.learning_rate"),
      "grad_clip_norm": .taken(as: "train.clip_grad_norm"),
      "grad_accum_steps": .taken(as: "train.gradient_accumulation_steps"),
      "eval_every": .taken(as: "train.val_every"),
      "max_val_batches": .taken(as: "train.val_max_batches"),
      // 0 would teach nothing of visible points: it stands for no weighting. Nothing that the
      // authors published reads it.
      "pos_weight": .converted(
        as: "train.pos_weight", ours: { $0 == 0 ? 1 : $0 }, theirs: { $0 == 1 ? 0 : $0 }),
      "train_segments": .fixed(
        "[\"hist\",\"fut\"]",
        "both are trained on, and the future alone by a head that sees the history"),
      "aug.mix_a_max": .fixed("0", augmentation), "aug.add_sigma": .fixed("0", augmentation),
      "aug.token_dropout": .fixed("0", augmentation),
      "num_workers": .meaningless("batches are made on a thread of their own"),
      "mixed_precision": .meaningless("all computing is in float32"),
    ]
    for key in ["batch_size", "weight_decay", "max_steps", "log_every", "save_every"] {
      rules[key] = .taken(as: "train.\(key)")
    }
    return rules
  }()

  private static let filledIn = LatentData.publishedFilling(run: "published-visibility").merging([
    "train.ema_decay": "0.0", "train.activation_checkpointing": "\"none\"",
  ]) { $1 }
}
