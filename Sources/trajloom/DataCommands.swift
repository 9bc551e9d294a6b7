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
  static let dataSynth = Command(
    words: ["data", "synth"], summary: "make synthetic clips with exact tracks",
    options: [
      Option("--out", "DIR", "where to write the shards"),
      Option("--clips", "N", "how many clips"),
      Option("--seed", "S", "seed of the world (default 0)"),
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
        seed: UInt64(arguments.integer("--seed", minimum: 0) ?? 0)))
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
