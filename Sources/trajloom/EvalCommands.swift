import Autograd
import DataPipeline
import Foundation
import Training
import TrajLoomBench

extension Command {
  static let eval = Command(
    words: ["eval"],
    summary: "errors of predictions and how they move, beside the truth and the baselines",
    options: [
      Option("--predictions", "DIR", "clip folders as `trajloom sample` writes them"),
      Option("--json", "FILE", "write the table as JSON too"),
    ]
  ) { arguments in
    let folders = try PredictedClip.folders(arguments.required("--predictions"))
    let table = MetricsTable(trajectories: try benchmark(folders).rows())
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

/// Every clip is read when its turn comes: memory does not grow with their number.
private func benchmark(_ folders: [String]) throws -> TrajectoryBenchmark {
  let first = try PredictedClip(folder: folders[0])
  let (frames, samples) = (first.truth.frames, first.samples.count)
  if first.grid == nil {
    say(
      "\(folders[0])/query_xy.npy: the points stand on no regular grid; FVMD, FlowTV and DivCurl are "
        + "left out")
  }
  var benchmark = TrajectoryBenchmark(
    futureFrames: frames, samplesPerClip: samples, grid: first.grid)
  for folder in folders {
    let clip = try PredictedClip(folder: folder)
    guard clip.truth.frames == frames, clip.samples.count == samples else {
      throw DataError(
        "\(clip.id): expected \(frames) frames and \(samples) samples, as \(first.id), found "
          + "\(clip.truth.frames) and \(clip.samples.count); evaluate predictions of one kind at a time"
      )
    }
    guard clip.grid?.rows == first.grid?.rows, clip.grid?.columns == first.grid?.columns else {
      throw DataError(
        "\(folder)/query_xy.npy: expected \(layout(first)), as \(first.id), found \(layout(clip)); "
          + "evaluate predictions of one grid at a time")
    }
    benchmark.add(
      history: clip.history, truth: clip.truth, samples: clip.samples, grid: clip.grid)
  }
  return benchmark
}

private func layout(_ clip: PredictedClip) -> String {
  clip.grid.map { "a grid of \($0.rows) x \($0.columns) points" } ?? "no regular grid"
}
