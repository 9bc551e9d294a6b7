import DataPipeline
import Foundation
import Training
import TrajLoomBench

let geometryOptions: [Option] = [
  Option("--height", "H", "frame height in pixels (default 480)"),
  Option("--width", "W", "frame width in pixels (default 832)"),
  Option("--stride", "S", "distance of the grid's query points in pixels (default 32)"),
  Option("--frames", "T", "frames per clip, history and future (default 162)"),
  Option("--clips-per-shard", "N", "clips in one file (default 64)"),
]

extension Arguments {
  func frames() throws -> Int { try integer("--frames", maximum: 1 << 16) ?? 162 }
  func clipsPerShard() throws -> Int { try integer("--clips-per-shard", maximum: 1 << 20) ?? 64 }

  func geometry() throws -> GridGeometry {
    try GridGeometry(
      height: integer("--height") ?? 480, width: integer("--width") ?? 832,
      stride: integer("--stride") ?? 32)
  }
}

extension Command {
  static let dataInspect = Command(
    words: ["data", "inspect"], summary: "what is in shards: clips, ranges, visibility, motion",
    positionals: ["PATH"],
    options: [
      Option("--png", "FILE.png", "draw tracks over frames: the history beside the future"),
      Option("--clip", "ID", "draw this clip (default: the first three)", repeats: true),
      Option("--json", nil, "print one JSON object"),
    ]
  ) { arguments in
    let picture = arguments.string("--png")
    if let picture, !picture.hasSuffix(".png") {
      throw ConfigError(key: "--png", expected: "a name that ends in .png", found: picture)
    }
    let set = try ShardSet(path: arguments.positionals[0])
    let wanted = try set.indices(named: arguments.all("--clip"))
    var progress = JobProgress()
    let report = try inspect(set) { progress.show($0, of: $1, $2) }
    progress.finish()
    if arguments.has("--json") {
      try printJSON(report, [.prettyPrinted, .withoutEscapingSlashes])
    } else {
      print(report)
    }
    guard let picture else { return }
    let shown = wanted.isEmpty ? Array(set.clips.indices.prefix(3)) : wanted
    try FuturePicture.render(rows: try shown.map { try set.pictureRow($0) }, to: picture)
    say("\(picture): \(shown.count) clips")
  }

  static let dataVerify = Command(
    words: ["data", "verify"], summary: "read everything in shards and list all faults",
    positionals: ["PATH"]
  ) { arguments in
    let path = arguments.positionals[0]
    var progress = JobProgress()
    let faults = verify(path) {
      progress.show($0, of: $1, URL(fileURLWithPath: $2).lastPathComponent)
    }
    progress.finish()
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
    let frames = try arguments.frames()
    let world = SyntheticWorld(
      config:
        try SyntheticConfig(
          geometry: arguments.geometry(), frames: frames, history: (frames + 1) / 2,
          renderVideo: !arguments.has("--no-video"),
          seed: UInt64(arguments.integer("--seed", minimum: 0, maximum: .max) ?? 0),
          futures: arguments.integer("--futures") ?? 1))
    let writer = try ShardWriter(
      directory: out, geometry: world.config.geometry, frames: frames, fps: 30,
      createdBy: "trajloom data synth", clipsPerShard: arguments.clipsPerShard())
    StopSignal.install()
    var progress = JobProgress()
    try world.synthesize(count: count, into: writer) { done, count, clip in
      progress.show(done, of: count, clip)
      if StopSignal.pending != nil { throw StoppedBySignal(what: "nothing was written to \(out)") }
    }
    let files = try writer.finish()
    progress.finish()
    say("\(out): \(count) clips in \(files.count) shards")
  }
}

extension ShardSet {
  /// The places of clips by their ids, among all clips or these.
  /// - Parameter name: what the caller called the set; nil for its path.
  /// - Throws: `ConfigError` for an id that no clip has, with the nearest one.
  func indices(
    named ids: [String], among candidates: [Int]? = nil, in name: String? = nil
  ) throws -> [Int] {
    let candidates = candidates ?? Array(clips.indices)
    return try ids.map { id in
      guard let index = candidates.first(where: { clips[$0].id == id }) else {
        let near = nearestName(to: id, among: candidates.map { clips[$0].id })
        throw ConfigError(
          key: "--clip",
          problem: "no clip \"\(id)\" in \(name ?? path)"
            + (near.map { "; did you mean \"\($0)\"?" } ?? "")
        )
      }
      return index
    }
  }

  /// A clip's first half beside its second, over its last frame of video if it has one.
  fileprivate func pictureRow(_ index: Int) throws -> FuturePicture.Row {
    let clip = try readClip(index, fields: [.tracks, .visibility, .video])
    let history = (frames + 1) / 2
    func tracks(_ window: Range<Int>) -> PointTracks {
      let (start, end) = (window.lowerBound * geometry.count, window.upperBound * geometry.count)
      return PointTracks(
        frames: window.count, points: geometry.count,
        positions: Array(clip.tracks[2 * start..<2 * end]),
        visibility: Array(clip.visibility[start..<end]))
    }
    return FuturePicture.Row(
      title: clip.id, caption: clip.caption, frameWidth: geometry.width,
      frameHeight: geometry.height, history: tracks(0..<history),
      truth: frames > history ? tracks(history..<frames) : nil, samples: [],
      background: clip.lastFrame(geometry))
  }
}

extension Clip {
  /// The last frame of its video; nil without one.
  func lastFrame(_ geometry: GridGeometry) -> RGBImage? {
    let (width, height) = (geometry.width / 4, geometry.height / 4)
    return video.map {
      RGBImage(pixels: Array($0.suffix(width * height * 3)), width: width, height: height)
    }
  }
}
