import DataPipeline
import Foundation
import Training

private let geometryOptions: [Option] = [
  Option("--height", "H", "frame height in pixels (default 480)"),
  Option("--width", "W", "frame width in pixels (default 832)"),
  Option("--stride", "S", "distance of the grid's query points in pixels (default 32)"),
  Option("--frames", "T", "frames per clip, history and future (default 162)"),
  Option("--clips-per-shard", "N", "clips in one file (default 64)"),
]

extension Arguments {
  fileprivate func geometry() throws -> GridGeometry {
    try GridGeometry(
      height: integer("--height") ?? 480, width: integer("--width") ?? 832,
      stride: integer("--stride") ?? 32)
  }
}

extension Command {
  static let dataImport = Command(
    words: ["data", "import"], summary: "turn npz and npy tracks, videos and captions into shards",
    options: [
      Option("--tracks", "DIR|FILE", "track files <id>.npz or <id>.npy, or one of them"),
      Option("--videos", "DIR", "videos <id>.mp4; the history's frames are kept at quarter size"),
      Option("--captions", "FILE", "CSV with columns videoid,video_path,text"),
      Option("--out", "DIR", "where to write the shards and import_report.json"),
      Option(
        "--units", "pixel|unit|norm", "the coordinates' units (default: detected, and reported)"),
      Option("--axis-order", "xy|yx", "the coordinates' order (default: detected, and reported)"),
      Option("--polarity", "visible|occluded", "what 1 means (default: from the array's name)"),
      Option(
        "--nonfinite", "refuse|invisible",
        "what to do with NaN where a point is visible (default refuse)"),
      Option("--fps", "F", "frames a second of the clips, recorded in the shards (default 25)"),
    ] + geometryOptions
  ) { arguments in
    let frames = try arguments.integer("--frames") ?? 162
    let rate = arguments.string("--fps") ?? "25"
    guard let fps = Double(rate), fps > 0, fps.isFinite else {
      throw ConfigError(key: "--fps", expected: "a positive number", found: rate)
    }
    let options = ImportOptions(
      tracks: try arguments.required("--tracks"), videos: arguments.string("--videos"),
      captions: arguments.string("--captions"), output: try arguments.required("--out"),
      geometry: try arguments.geometry(), frames: frames, history: (frames + 1) / 2, fps: fps,
      units: try arguments.choice("--units", TrackConvention.Units.self),
      axisOrder: try arguments.choice("--axis-order", TrackConvention.AxisOrder.self),
      polarity: try arguments.choice("--polarity", VisibilityPolarity.self),
      nonFinite: try arguments.choice("--nonfinite", NonFinitePolicy.self) ?? .refuse,
      clipsPerShard: try arguments.integer("--clips-per-shard") ?? 64,
      createdBy: "trajloom data import")
    var progress = ProgressLine()
    let report = try TrackImporter(options: options).run { done, total, clip in
      progress.show("\(done)/\(total) \(clip)", isMilestone: false)
    }
    progress.finish()
    print(report)
  }

  static let dataInspect = Command(
    words: ["data", "inspect"], summary: "what is in shards: clips, ranges, visibility, motion",
    positionals: ["PATH"]
  ) { arguments in
    print(try inspect(ShardSet(path: arguments.positionals[0])).description)
  }

  static let dataVerify = Command(
    words: ["data", "verify"], summary: "read everything in shards and list all faults",
    positionals: ["PATH"]
  ) { arguments in
    let path = arguments.positionals[0]
    let faults = verify(path)
    guard faults.isEmpty else {
      for fault in faults { print(fault) }
      throw DataError(
        "\(path): \(faults.count) faults; make these shards again, or restore them from a copy")
    }
    print("\(path): no faults")
  }

  static let dataSynth = Command(
    words: ["data", "synth"], summary: "make synthetic clips with exact tracks",
    options: [
      Option("--out", "DIR", "where to write the shards"),
      Option("--clips", "N", "how many clips"),
      Option("--seed", "S", "seed of the world (default 0)"),
      Option("--futures", "K", "futures per history, each a clip of its own (default 1)"),
      Option("--no-video", nil, "leave out the rendered history frames"),
    ] + geometryOptions
  ) { arguments in
    let out = try arguments.required("--out")
    guard let count = try arguments.integer("--clips") else {
      throw ConfigError(key: "--clips", problem: "`trajloom data synth` needs it: --clips N")
    }
    let frames = try arguments.integer("--frames") ?? 162
    let world = SyntheticWorld(
      config:
        try SyntheticConfig(
          geometry: arguments.geometry(), frames: frames, history: (frames + 1) / 2,
          renderVideo: !arguments.has("--no-video"),
          seed: UInt64(arguments.integer("--seed", minimum: 0) ?? 0),
          futures: arguments.integer("--futures") ?? 1))
    let writer = try ShardWriter(
      directory: out, geometry: world.config.geometry, frames: frames, fps: 30,
      createdBy: "trajloom data synth", clipsPerShard: arguments.integer("--clips-per-shard") ?? 64)
    var progress = ProgressLine()
    try world.synthesize(count: count, into: writer) { done, count, _ in
      progress.show("\(done)/\(count) clips", isMilestone: false)
    }
    let files = try writer.finish()
    progress.finish()
    say("\(out): \(count) clips in \(files.count) shards")
  }
}
