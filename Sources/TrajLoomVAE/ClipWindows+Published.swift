import Training

extension ClipWindows {
  /// The `data` block of all configurations of the authors (zewei-Zhang/TrajLoom, `configs/`).
  package static let publishedRules: [String: ConfigTranslation.Rule] = {
    let importing = "clips come in by `trajloom data import`, which finds it out or asks for it"
    let captions = "clips come in by `trajloom data import --captions`"
    var rules: [String: ConfigTranslation.Rule] = [
      "video_dir": .meaningless(
        "clips come in by `trajloom data import --videos`; data.path names its --out",
        written: "\"\""),
      "tracks_dir": .meaningless(
        "clips come in by `trajloom data import --tracks`; data.path names its --out",
        written: "\"\""),
      "axis_order": .meaningless(importing),
      "video_reader": .meaningless("videos are read by ffmpeg"),
      "video_exts": .meaningless("ffmpeg reads what it knows"),
      "max_frames": .meaningless("clips are as long as `trajloom data import --frames` makes them"),
      "caption_csv": .meaningless(captions), "caption_video_col": .meaningless(captions),
      "caption_text_col": .meaningless(captions), "caption_vid_col": .meaningless(captions),
      "use_overlap": .fixed("false", "history and future share no frame"),
      "seed": .meaningless("which clips are held out follows from their sources' names"),
    ]
    for key in ["hist_len", "future_len", "raw_height", "raw_width", "track_stride"] {
      rules[key] = .taken(as: "data.\(key)")
    }
    return Dictionary(uniqueKeysWithValues: rules.map { ("data.\($0)", $1) })
  }()
}
