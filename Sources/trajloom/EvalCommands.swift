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
      Option(
        "--predictions", "DIR",
        "clip folders as `trajloom sample` writes them; of several, all of the same clips, each is a "
          + "row, and NAME-seed1, NAME-seed2, ... are one", repeats: true),
      Option("--json", "FILE", "write the table as JSON too"),
    ]
  ) { arguments in
    let paths = arguments.all("--predictions")
    guard !paths.isEmpty else {
      throw ConfigError(
        key: "--predictions", problem: "`trajloom eval` needs it: --predictions DIR")
    }
    let json = try arguments.newFile("--json")
    let tables = try paths.map {
      MetricsTable(trajectories: try benchmark(PredictedClip.folders($0)).rows())
    }
    let table = paths.count == 1 ? tables[0] : try together(tables, paths)
    print(table.text)
    if let json { try AtomicFile.write(table.json(), to: json) }
  }

  static let render = Command(
    words: ["render"],
    summary: "a picture of past, true future and drawn futures, or the page of a run",
    options: [
      Option("--run", "RUN", "a run's folder, whose report to make (--out FILE.html)"),
      Option("--predictions", "DIR", "clip folders as `trajloom sample` writes them"),
      Option("--out", "FILE", "the picture (.png), or the page (.html)"),
      Option("--clip", "ID", "only this clip (default: the first three)", repeats: true),
      Option("--samples", "K", "how many drawn futures to show (default 3)"),
    ]
  ) { arguments in
    let out = try arguments.required("--out")
    if let run = arguments.string("--run") {
      guard out.hasSuffix(".html"), arguments.string("--predictions") == nil else {
        throw ConfigError(
          key: "--run", expected: "--out FILE.html and no --predictions", found: "--out \(out)")
      }
      try RunPage.write(for: run, to: out)
      return say("\(out): the report of \(run)")
    }
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

/// One table of the evaluations of several folders.
/// - Throws: `ConfigError` for two of one name, `DataError` for folders of other clips.
private func together(_ tables: [MetricsTable], _ paths: [String]) throws -> MetricsTable {
  let names = paths.map { URL(fileURLWithPath: $0).lastPathComponent }
  if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
    throw ConfigError(
      key: "--predictions", expected: "folders of different names", found: "\(twice) twice")
  }
  let groups = SeedGroup.all(of: names)
  let table = MetricsTable(
    predictors: groups.map { ($0.name, $0.members.map { tables[$0] }) })
  guard let table else {
    throw DataError(
      "\(paths.joined(separator: ", ")): expected predictions of the same clips, found others or "
        + "another number of samples; evaluate them one at a time")
  }
  return table
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
