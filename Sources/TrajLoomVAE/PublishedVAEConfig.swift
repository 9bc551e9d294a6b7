import Training

extension VAERunConfig: PublishedRunConfig {
  /// The authors' configuration of the VAE (zewei-Zhang/TrajLoom,
  /// `configs/trajloom_vae_config.json`) as one of ours.
  public static let published = ConfigTranslation(
    origin: "the authors' VAE configuration", marker: "trajloom_vae", rules: rules,
    filledIn: filledIn)

  private static let rules: [String: ConfigTranslation.Rule] = {
    let logging = "metrics.jsonl in the run's folder has every logged value"
    var rules = ClipWindows.publishedRules
    let more: [String: ConfigTranslation.Rule] = [
      "train.val_split": .taken(as: "data.val_fraction"),
      "train.num_epochs": .meaningless("a run is as long as train.max_steps or max_minutes says"),
      "train.num_workers": .meaningless("batches are made on a thread of their own"),
      "train.mixed_precision": .meaningless("all computing is in float32"),
      "train.out_dir": .meaningless("run.dir and run.name say where, or --name"),
      "train.resume": .meaningless("--resume says so; a run that exists is continued"),
      "train.entity": .meaningless(logging), "train.wandb_project": .meaningless(logging),
      "train.wandb_name": .meaningless(logging),
      "trajloom_vae.ckpt_path": .meaningless("`trajloom convert` reads weights"),
    ]
    rules.merge(more) { $1 }
    for key in [
      "seed", "batch_size", "learning_rate", "betas", "weight_decay", "gradient_accumulation_steps",
      "clip_grad_norm", "vel_lambda", "neighbor_lambda", "log_every", "val_every",
      "val_max_batches", "save_every",
    ] {
      rules["train.\(key)"] = .taken(as: "train.\(key)")
    }
    for (key, rule) in modelRules { rules["trajloom_vae.config.\(key)"] = rule }
    return rules
  }()

  /// The block of the model.
  private static let modelRules: [String: ConfigTranslation.Rule] = {
    let older = "a part of older models, which the published code ignores too"
    var rules: [String: ConfigTranslation.Rule] = [
      "num_frame_tokens": .meaningless(older), "frame_features_dim": .meaningless(older),
      "use_dino": .fixed("false", older), "use_refine3d": .fixed("false", older),
      "temp_method": .fixed("\"conv\"", older),
    ]
    for key in [
      "encoder_depth", "decoder_depth", "hidden_size", "num_heads", "mlp_ratio", "patch_size",
      "in_channels", "latent_channels", "input_height", "input_width", "num_frames_in",
      "num_frames_latent", "use_temp_compress", "temp_stride", "use_offsets", "learn_sigma", "beta",
      "pos_embed_dim",
    ] {
      rules[key] = .taken(as: "vae.\(key)")
    }
    return rules
  }()

  /// A block of theirs that describes the VAE in the configuration of another model: of no
  /// consequence there, as the VAE's own run has it.
  package static func publishedRules(asBlock name: String) -> [String: ConfigTranslation.Rule] {
    let elsewhere = "data.vae names the VAE's run, which has its own configuration"
    var rules: [String: ConfigTranslation.Rule] = [
      "\(name).ckpt_path": .meaningless(elsewhere, written: "\"\""),
      // Without keys it is a value.
      "\(name).config": .fixed("{}", elsewhere),
    ]
    for key in modelRules.keys { rules["\(name).config.\(key)"] = .meaningless(elsewhere) }
    return rules
  }

  private static let filledIn = [
    "run.dir": "\"runs\"", "run.name": "\"published-vae\"", "data.path": "\"data/shards\"",
    "data.augment.horizontal_flip": "false", "data.augment.time_reversal": "false",
    "data.augment.max_stride": "1", "vae.encoding": "\"pixel\"", "vae.mlp_ratio": "4.0",
    "train.max_steps": "1000000", "train.max_minutes": "0", "train.lr_schedule": "\"constant\"",
    "train.warmup_steps": "0", "train.min_lr": "0.0", "train.ema_decay": "0.0",
    "train.activation_checkpointing": "\"block\"", "train.neighbor_hop_unit": "\"cell\"",
    "train.pair_cost": "\"l1\"",
  ].merging(TrainingConfig.publishedFilling) { $1 }
}
