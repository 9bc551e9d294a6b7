import Autograd
import DataPipeline
import Foundation
import Training
import TrajLoomBench

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
