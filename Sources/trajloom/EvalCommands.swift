import Autograd
import DataPipeline
import Foundation
import Training
import TrajLoomBench
import TrajLoomVAE

extension Command {
  static let eval = Command(
    words: ["eval"], summary: "errors of predictions, beside those of the baselines",
    options: [
      Option("--predictions", "DIR", "clip folders as `trajloom sample` writes them"),
      Option("--json", "FILE", "write the table as JSON too"),
    ]
  ) { arguments in
    let clips = try PredictedClip.readAll(arguments.required("--predictions"))
    let table = MetricsTable(trajectories: try trajectorySummaries(clips))
    print(table.text)
    if let path = arguments.string("--json") { try AtomicFile.write(table.json(), to: path) }
  }

  static let evalVAE = Command(
    words: ["eval", "vae"], summary: "reconstruction error of a VAE on tracks (VEPE)",
    options: [
      Option("--vae", "RUN", "the VAE's run or checkpoint folder"),
      Option("--data", "DIR", "shards of tracks"),
      Option("--split", "all|validation", "all clips, or those held out in training (default all)"),
      Option("--json", "FILE", "write the result as JSON too"),
    ]
  ) { arguments in
    let checkpoint = try Checkpoint(at: arguments.required("--vae"))
    let config = try checkpoint.config(VAERunConfig.self)
    let set = try ShardSet(path: arguments.required("--data"))
    let windows = config.data.windows
    try windows.check(set.geometry, frames: set.frames)
    let model = try TrajectoryVAE(config.vae, seed: 0)
    let hash = try checkpoint.load(.ema, into: model)
    let split = arguments.string("--split") ?? "all"
    guard ["all", "validation"].contains(split) else {
      throw ConfigError(key: "--split", expected: "all or validation", found: split)
    }
    let clips =
      split == "all"
      ? Array(set.clips.indices) : try set.split(validationFraction: windows.valFraction).validation
    guard !clips.isEmpty else {
      throw DataError(
        "\(set.path): expected held-out clips, and data.val_fraction 0 holds out none; use --split all"
      )
    }
    let segments = try TrackSegments(
      set: set, clips: clips, historyLength: windows.histLen, futureLength: windows.futureLen,
      augment: .none, seed: 0)
    let objective = VAEObjective(model, config.train.loss, seed: 0)
    var errors = (history: (0.0, 0.0), future: (0.0, 0.0))
    for item in 0..<segments.count {
      let metric = objective.evaluate(try segments.batch(items: [item], draw: 0), index: item)[0]
      if item % 2 == 0 {
        errors.history = (errors.history.0 + metric.sum, errors.history.1 + metric.count)
      } else {
        errors.future = (errors.future.0 + metric.sum, errors.future.1 + metric.count)
      }
    }
    func mean(_ e: (Double, Double)) -> Double { e.0 / max(e.1, 1) }
    let all = (errors.history.0 + errors.future.0, errors.history.1 + errors.future.1)
    print(
      "VEPE px  history \(fixed(mean(errors.history), 3))  future \(fixed(mean(errors.future), 3))  "
        + "all \(fixed(mean(all), 3))  (\(clips.count) clips)")
    if let path = arguments.string("--json") {
      let result: [String: Any] = [
        "vepe_px": mean(all), "vepe_history_px": mean(errors.history),
        "vepe_future_px": mean(errors.future), "clips": clips.count, "vae_sha256": hash,
      ]
      try AtomicFile.write(
        JSONSerialization.data(withJSONObject: result, options: [.prettyPrinted, .sortedKeys]),
        to: path)
    }
  }

  static let render = Command(
    words: ["render"], summary: "a picture of past, true future and drawn futures",
    options: [
      Option("--predictions", "DIR", "clip folders as `trajloom sample` writes them"),
      Option("--out", "FILE.png", "the picture"),
      Option("--clip", "ID", "only this clip (default: the first three)", repeats: true),
      Option("--samples", "K", "how many drawn futures to show (default 3)"),
    ]
  ) { arguments in
    let out = try arguments.required("--out")
    guard out.hasSuffix(".png") else {
      throw ConfigError(key: "--out", expected: "a name that ends in .png", found: out)
    }
    let shown = try arguments.integer("--samples") ?? 3
    var clips = try PredictedClip.readAll(arguments.required("--predictions"))
    let wanted = arguments.all("--clip")
    for id in wanted where !clips.contains(where: { $0.id == id }) {
      let near = nearestName(to: id, among: clips.map(\.id))
      throw ConfigError(
        key: "--clip",
        problem: "no clip \"\(id)\" among the predictions"
          + (near.map { "; did you mean \"\($0)\"?" } ?? ""))
    }
    clips = wanted.isEmpty ? Array(clips.prefix(3)) : clips.filter { wanted.contains($0.id) }
    try FuturePicture.render(
      rows: clips.map { clip in
        FuturePicture.Row(
          title: clip.id, caption: clip.caption, frameWidth: clip.width, frameHeight: clip.height,
          history: clip.history, truth: clip.truth, samples: Array(clip.samples.prefix(shown)),
          background: clip.lastFrame)
      }, to: out)
    say("\(out): \(clips.count) clips")
  }

  static let runs = Command(
    words: ["runs"],
    summary: "how far runs have come: steps, loss at start and end, last validation",
    positionals: ["RUN..."]
  ) { arguments in
    for path in arguments.positionals { print(try RunSummary(path).text) }
  }
}

/// The predictions' errors and those of the baselines, in the order of the table.
private func trajectorySummaries(
  _ clips: [PredictedClip]
) throws -> [(name: String, summary: TrajectorySummary)] {
  let (frames, samples) = (clips[0].truth.frames, clips[0].samples.count)
  if let odd = clips.first(where: { $0.truth.frames != frames || $0.samples.count != samples }) {
    throw DataError(
      "\(odd.id): expected \(frames) frames and \(samples) samples, as \(clips[0].id), found "
        + "\(odd.truth.frames) and \(odd.samples.count); evaluate predictions of one kind at a time"
    )
  }
  var model = TrajectoryErrors(futureFrames: frames, samplesPerClip: samples)
  var baselines = Baseline.allCases.map {
    (baseline: $0, errors: TrajectoryErrors(futureFrames: frames, samplesPerClip: 1))
  }
  for clip in clips {
    model.add(history: clip.history, truth: clip.truth, samples: clip.samples)
    for index in baselines.indices {
      let prediction = baselines[index].baseline.predict(
        history: clip.history, frames: clip.truth.frames)
      baselines[index].errors.add(
        history: clip.history, truth: clip.truth, samples: [prediction])
    }
  }
  return [("predictions", model.summary())]
    + baselines.map { ($0.baseline.rawValue, $0.errors.summary()) }
}
