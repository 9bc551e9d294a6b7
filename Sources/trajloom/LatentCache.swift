import Autograd
import DataPipeline
import Foundation
import TrajLoomFlow
import TrajLoomVAE
import Training

/// Latents of a data set under one VAE, with their statistics: opened if they are those of this data and these weights,
/// else made.
struct LatentCache {
  let set: LatentSet
  let path: String

  /// Opens, or encodes, the latents that a run asks for.
  static func open(_ data: LatentData) throws -> LatentCache {
    let tracks = try ShardSet(path: data.windows.path)
    try data.windows.check(tracks.geometry, frames: tracks.frames)
    let checkpoint = try Checkpoint(at: data.cache.vae)
    let hash = try checkpoint.weightsHash()
    let path = data.cache.latents
    if FileManager.default.fileExists(atPath: "\(path)/latent_stats.json") {
      let set = try LatentSet(path: path)
      if set.vaeSHA256 == hash && set.dataHash == tracks.contentHash {
        return LatentCache(set: set, path: path)
      }
      say("\(path): latents of another VAE or other data; encoding again")
    } else {
      say("\(path): encoding \(tracks.clips.count) clips with \(checkpoint.path)")
    }
    try encode(tracks, checkpoint, valFraction: data.windows.valFraction, to: path)
    return LatentCache(set: try LatentSet(path: path), path: path)
  }

  /// Encodes every clip of `tracks` into `path`, beside it statistics of the training clips.
  static func encode(
    _ tracks: ShardSet, _ checkpoint: Checkpoint, valFraction: Double, to path: String
  ) throws {
    let config = try checkpoint.config(VAERunConfig.self)
    let model = try TrajectoryVAE(config.vae, seed: 0)
    let hash = try checkpoint.load(.ema, into: model)
    var windows = config.data.windows
    windows.path = tracks.path
    try windows.check(tracks.geometry, frames: tracks.frames)
    // Beside its place first: a folder that exists holds all latents or those of before.
    let partial = "\(path).partial-\(getpid())"
    defer { try? FileManager.default.removeItem(atPath: partial) }
    let writer = try LatentShardWriter(
      directory: partial, geometry: tracks.geometry, frames: tracks.frames, fps: tracks.fps,
      createdBy: "trajloom", vaeSHA256: hash, dataHash: tracks.contentHash)
    let training = Set(try tracks.split(validationFraction: valFraction).train)
    var history = LatentMoments(channels: config.vae.latentChannels)
    var future = history
    let segments = try TrackSegments(
      set: tracks, clips: Array(tracks.clips.indices), historyLength: windows.histLen,
      futureLength: windows.futureLen, augment: .none, seed: 0)
    let stride = config.vae.useTempCompress ? config.vae.tempStride : 1
    var progress = ProgressLine()
    for (index, info) in tracks.clips.enumerated() {
      // Items 2k and 2k + 1 are the history and the future of clip k.
      let (points, visibility) = model.inputs(
        try segments.batch(items: [2 * index, 2 * index + 1], draw: 0))
      let z = Tensor(model.encode(points).mean.array)
      let seen = Tensor(latentVisibility(visibility, stride: stride))
      func half(_ x: Tensor, _ i: Int) -> NDArray { x.sliced(axis: 0, i..<i + 1).array }
      if training.contains(index) {
        history.add(half(z, 0))
        future.add(half(z, 1))
      }
      let clip = try tracks.readClip(index, fields: .conditions)
      try writer.append(
        LatentClip(
          id: info.id, caption: info.caption, source: info.source, zHistory: half(z, 0).scalars,
          zFuture: half(z, 1).scalars, latentShape: Array(z.shape.dropFirst()),
          historyVisibility: half(seen, 0).scalars.map { UInt8($0) },
          futureVisibility: half(seen, 1).scalars.map { UInt8($0) }, video: clip.video,
          videoLatents: clip.videoLatents, videoLatentShape: clip.videoLatentShape,
          textEmbedding: clip.textEmbedding))
      progress.show("encoded \(index + 1)/\(tracks.clips.count)", isMilestone: false)
    }
    progress.finish()
    try writer.finish()
    try LatentStatistics(history: history, future: future).write("\(partial)/latent_stats.json")
    try? FileManager.default.removeItem(atPath: path)
    do {
      try FileManager.default.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try FileManager.default.moveItem(atPath: partial, toPath: path)
    } catch {
      throw DataError(
        "\(path): the latents cannot be put there (\(error.localizedDescription))", kind: .resource)
    }
  }

  /// The scaling of the latents.
  func scaling() throws -> LatentScaling {
    let file = "\(path)/latent_stats.json"
    return try LatentStatistics.read(file).scaling(source: file)
  }

  /// Checks that a model fits the latents.
  /// - Throws: `ConfigError`
  func check(channels: Int, frames: Int?, block: String) throws {
    guard set.latentShape[2] == channels else {
      throw ConfigError(
        key: "\(block).latent_channels", expected: "\(set.latentShape[2]), as in \(path)",
        found: "\(channels)")
    }
    if let frames, set.latentShape[0] != frames {
      throw ConfigError(
        key: "\(block).num_frames_latent", expected: "\(set.latentShape[0]), as in \(path)",
        found: "\(frames)")
    }
  }
}

/// A line on standard error.
func say(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }

extension Command {
  static let encode = Command(
    words: ["encode"], summary: "encode tracks to latents, with statistics",
    options: [
      Option("--vae", "RUN", "the VAE's run or checkpoint folder"),
      Option("--data", "DIR", "shards of tracks"),
      Option("--out", "DIR", "where to write latents and latent_stats.json"),
      Option("--val-fraction", "F", "share of sources left out of the statistics (default 0)"),
    ]
  ) { arguments in
    let fraction = arguments.string("--val-fraction") ?? "0"
    guard let valFraction = Double(fraction), (0..<1).contains(valFraction) else {
      throw ConfigError(key: "--val-fraction", expected: "a number in [0, 1)", found: fraction)
    }
    let out = try arguments.required("--out")
    let checkpoint = try Checkpoint(at: arguments.required("--vae"))
    let tracks = try ShardSet(path: arguments.required("--data"))
    try LatentCache.encode(tracks, checkpoint, valFraction: valFraction, to: out)
    say("\(out): \(tracks.clips.count) clips and latent_stats.json")
  }
}

extension ClipFields {
  /// What a generator may be conditioned on.
  static let conditions: ClipFields = [.video, .videoLatents, .textEmbedding]
}
