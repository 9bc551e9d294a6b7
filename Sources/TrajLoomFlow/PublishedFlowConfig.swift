import Training
import TrajLoomVAE

extension FlowRunConfig: PublishedRunConfig {
  /// The authors' configuration of the generator (zewei-Zhang/TrajLoom,
  /// `configs/trajloom_generator_config.json`) as one of ours.
  public static let published = ConfigTranslation(
    origin: "the authors' generator configuration", marker: "generator", rules: rules,
    filledIn: filledIn)

  private static let rules: [String: ConfigTranslation.Rule] = {
    var rules = LatentData.publishedRules(vae: "trajloom_vae")
    rules["data.train_fraction"] = .converted(
      as: "data.val_fraction", ours: complement, theirs: complement)
    for key in [
      "latent_channels", "num_frames_latent", "input_height", "input_width", "patch_size",
      "hidden_size", "num_heads", "depth", "mlp_ratio", "dropout", "video_latent_channels",
      "use_video_cond", "text_embed_dim", "use_text_cond", "num_frames_in", "latent_time_stride",
      "use_overlap", "temporal_first", "spatial_ctx_mode", "spatial_ctx_pool", "spatial_ctx_last_k",
      "spatial_ctx_include_video", "video_ctx_mode", "track_fusion", "track_fusion_scale_init",
      "track_fusion_use_time_gate", "video_fusion", "video_fusion_scale_init", "use_hist_vis_cond",
      "hist_vis_scale_init",
    ] {
      rules["generator.\(key)"] = .taken(as: "flow.\(key)")
    }
    for (key, rule) in trainingRules { rules["train.\(key)"] = rule }
    for (key, rule) in encoderRules { rules[key] = rule }
    return rules
  }()

  private static let trainingRules: [String: ConfigTranslation.Rule] = {
    let logging = "metrics.jsonl in the run's folder has every logged value"
    let previews = "`trajloom sample` draws futures from any checkpoint"
    var rules: [String: ConfigTranslation.Rule] = [
      "max_val_batches": .taken(as: "train.val_max_batches"),
      "resume": .meaningless("--resume says so; a run that exists is continued"),
      "out_dir": .meaningless("run.dir and run.name say where, or --name"),
      "num_workers": .meaningless("batches are made on a thread of their own"),
      "num_epochs": .meaningless("a run is as long as train.max_steps or max_minutes says"),
      "mixed_precision": .meaningless("all computing is in float32"),
      "preview_every": .meaningless(previews), "preview_steps": .meaningless(previews),
      "lambda_vis": .fixed("0", "visibility has a head and a training of its own"),
      "vis_pos_weight": .meaningless("weighs visibility, which has a training of its own"),
      "lambda_invis_v": .fixed("0", "no part of the published loss; fm_invis_weight is"),
      "latent_stats_json": .meaningless(
        "statistics are made with the latents, or come with a converted run",
        written: "\"latent_stats.json\""),
      "latent_stats_key": .fixed("\"z_all\"", "all models share one scaling"),
      "x0_fix_first_latent": .fixed("false", "x0_mode says how the first latent starts"),
      "entity": .meaningless(logging), "wandb_project": .meaningless(logging),
      "wandb_name": .meaningless(logging),
    ]
    for key in [
      "batch_size", "learning_rate", "weight_decay", "gradient_accumulation_steps", "log_every",
      "save_every", "val_every", "clip_grad_norm", "x0_mode", "x0_noise_std", "fm_use_vis_mask",
      "fm_invis_weight", "fm_sigma", "t_small_prob", "t_small_max", "seed",
    ] {
      rules[key] = .taken(as: "train.\(key)")
    }
    return rules
  }()

  /// The blocks of the models that make the conditions: here what they made stands in the shards.
  private static let encoderRules: [String: ConfigTranslation.Rule] = {
    let inShards = "the shards have what it makes, as video_latents and text_embedding"
    var rules: [String: ConfigTranslation.Rule] = [
      "text_encoder.dropout_prob": .taken(as: "train.text_dropout_prob"),
      "video_vae.enable": .equal(
        to: "generator.use_video_cond", "a condition that the model has is given"),
      "text_encoder.enable": .equal(
        to: "generator.use_text_cond", "a condition that the model has is given"),
    ]
    for key in ["wan2_repo_dir", "ckpt_dir", "ckpt_name", "dtype"] {
      rules["video_vae.\(key)"] = .meaningless(inShards)
      rules["text_encoder.\(key)"] = .meaningless(inShards)
    }
    for key in ["video_vae.latents_dir", "video_vae.resize_factor"] {
      rules[key] = .meaningless(inShards)
    }
    for key in ["text_encoder.tokenizer_name", "text_encoder.max_length"] {
      rules[key] = .meaningless(inShards)
    }
    return rules
  }()

  private static let filledIn = LatentData.publishedFilling(run: "published-flow").merging([
    "flow.video_source": "\"precomputed\"", "flow.text_source": "\"precomputed\"",
    "flow.use_continuation_cond": "false", "flow.pos_embed_init": "\"normal\"",
    "flow.prediction": "\"velocity\"",
    "train.x0_velocity_decay": "1.0", "train.token_draws": "0",
    "train.max_steps": "1000000", "train.lr_schedule": "\"constant\"", "train.warmup_steps": "0",
    "train.min_lr": "0.0", "train.ema_decay": "0.9999",
    "train.activation_checkpointing": "\"block\"", "train.t_sampling": "\"uniform\"",
    "train.op_steps": "4", "train.lambda_roll": "0.1", "train.lambda_end": "0.01",
    "train.endpoint_target": "\"previous\"", "train.op_batch_fraction": "0.25",
    "train.objective": "\"flow_matching\"", "train.init_from": "\"\"",
    "train.text_dropout_prob": "0.1", "sample.visibility": "\"runs/published-visibility\"",
    "sample.steps": "100", "sample.solver": "\"euler\"", "sample.vis_threshold": "0.5",
    "sample.correct_continuation": "false", "sample.smooth_frames": "0", "sample.shrink_px": "0.0",
  ]) { $1 }

  /// The rest of a share; what the subtraction leaves behind the ninth decimal is its own error.
  @Sendable private static func complement(_ share: Double) -> Double {
    ((1 - share) * 1e9).rounded() / 1e9
  }
}
