import Autograd
import DataPipeline
import Foundation
import Training
import TrajLoomFlow
import TrajLoomVAE

/// Latents of a data set under one VAE, with their statistics: opened if they are those of this
/// data and these weights, else made.
struct LatentCache {
  let set: LatentSet
  /// What the latents are scaled by.
  private(set) var statistics: LatentStatistics
  private let path: String

  static let statisticsFile = "latent_stats.json"

  /// Opens, or encodes, the latents that a run asks for.
  /// - Parameters:
  ///   - continuation: the decay of the continuations that are needed too; nil for none.
  ///   - mayEncode: false for a dry run, which writes nothing.
  static func open(
    _ data: LatentData, continuation: Double? = nil, mayEncode: Bool
  ) throws -> LatentCache {
    let tracks = try ShardSet(path: data.windows.path)
    try data.windows.check(tracks.geometry, frames: tracks.frames)
    let checkpoint = try Checkpoint(at: data.cache.vae)
    let vae = try checkpoint.config(VAERunConfig.self).vae
    try data.windows.check(
      frames: vae.numFramesIn, patch: vae.patchSize, height: vae.inputHeight, width: vae.inputWidth,
      block: "vae of \(data.cache.vae), vae")
    let path = try LatentFolder(data.cache.latents).path
    if let current = try current(
      at: path, of: tracks, checkpoint, valFraction: data.windows.valFraction,
      continuation: continuation)
    {
      return current
    }
    guard mayEncode else {
      throw ConfigError(
        key: "data.latents",
        problem: "a dry run writes nothing, and these latents have to be made first: "
          + "trajloom encode --vae \(data.cache.vae) --data \(tracks.path) --out \(path) "
          + "--val-fraction \(data.windows.valFraction)"
          + (continuation.map { " --continuation \($0)" } ?? ""))
    }
    try encode(
      tracks, checkpoint, valFraction: data.windows.valFraction, continuation: continuation,
      to: path)
    return LatentCache(
      set: try LatentSet(path: path),
      statistics: try LatentStatistics.read("\(path)/\(statisticsFile)"), path: path)
  }

  /// What `path` holds, if it was made of these clips with these weights; else nil, and what there
  /// is to do is said.
  static func current(
    at path: String, of tracks: ShardSet, _ checkpoint: Checkpoint, valFraction: Double,
    continuation: Double? = nil
  ) throws -> LatentCache? {
    var wanted = try origin(
      of: tracks, checkpoint, valFraction: valFraction, continuation: continuation)
    let file = "\(path)/\(statisticsFile)"
    guard FileManager.default.fileExists(atPath: file) else {
      say("\(path): encoding \(tracks.clips.count) clips with \(checkpoint.path)")
      return nil
    }
    let statistics = try LatentStatistics.read(file)
    let set = try LatentSet(path: path)
    let origin = statistics.origin
    // More than is needed may be there.
    if continuation == nil { wanted.continuationDecay = origin?.continuationDecay }
    let isWhole =
      set.clips.map(\.id) == tracks.clips.map(\.id)
      && set.vaeSHA256 == origin?.vaeSha256 && set.dataHash == origin?.dataHash
    let stale = [
      (
        "of another VAE",
        origin?.vaeSha256 == wanted.vaeSha256 && origin?.vaeConfigSha256 == wanted.vaeConfigSha256
      ),
      ("of other data", origin?.dataHash == wanted.dataHash),
      ("with another val_fraction", origin?.valFraction == wanted.valFraction),
      (
        "without these continuations",
        continuation == nil || origin?.continuationDecay == continuation
      ),
      ("that do not belong to its statistics", isWhole || origin != wanted),
    ].filter { !$0.1 }.map(\.0)
    if stale.isEmpty { return LatentCache(set: set, statistics: statistics, path: path) }
    say("\(path): latents \(stale.joined(separator: ", ")); encoding again")
    return nil
  }

  private static func origin(
    of tracks: ShardSet, _ checkpoint: Checkpoint, valFraction: Double, continuation: Double?
  ) throws -> LatentStatistics.Origin {
    let config = try StrictConfig.text(checkpoint.config(VAERunConfig.self).vae)
    return LatentStatistics.Origin(
      vaeSha256: try checkpoint.weightsHash(),
      vaeConfigSha256: SHA256.hexDigest(of: Data(config.utf8)), dataHash: tracks.contentHash,
      valFraction: valFraction, continuationDecay: continuation)
  }

  /// Encodes every clip of `tracks` into `path`, beside it statistics of the training clips.
  /// - Parameter continuation: encode how each history would go on at this decay, too.
  static func encode(
    _ tracks: ShardSet, _ checkpoint: Checkpoint, valFraction: Double, continuation: Double? = nil,
    to path: String
  ) throws {
    let folder = try LatentFolder(path)
    let config = try checkpoint.config(VAERunConfig.self)
    let model = try TrajectoryVAE(config.vae, seed: 0)
    let hash = try checkpoint.load(.ema, into: model)
    var windows = config.data.windows
    windows.path = tracks.path
    try windows.check(tracks.geometry, frames: tracks.frames)
    let training = Set(try tracks.split(validationFraction: valFraction).train)
    try folder.replace { partial in
      let writer = try LatentShardWriter(
        directory: partial, geometry: tracks.geometry, frames: tracks.frames, fps: tracks.fps,
        createdBy: "trajloom", vaeSHA256: hash, dataHash: tracks.contentHash)
      var history = LatentMoments(channels: config.vae.latentChannels)
      var future = history
      let segments = try TrackSegments(
        set: tracks, clips: Array(tracks.clips.indices), historyLength: windows.histLen,
        futureLength: windows.futureLen, augment: .none, seed: 0)
      var progress = ProgressLine()
      for (index, info) in tracks.clips.enumerated() {
        // Items 2k and 2k + 1 are the history and the future of clip k.
        let (points, visibility) = model.inputs(
          try segments.batch(items: [2 * index, 2 * index + 1], draw: 0))
        let z = Tensor(model.encode(points).mean.array)
        guard z.array.scalars.allSatisfy(\.isFinite) else {
          throw TrainingError.checkpoint(
            path: checkpoint.path,
            problem:
              "expected finite latents, found NaN or infinity for clip \(info.id); the VAE diverged"
          )
        }
        let seen = Tensor(latentVisibility(visibility, stride: config.vae.latentStride))
        func half(_ x: Tensor, _ i: Int) -> NDArray { x.sliced(axis: 0, i..<i + 1).array }
        if training.contains(index) {
          history.add(half(z, 0))
          future.add(half(z, 1))
        }
        let clip = try tracks.readClip(index, fields: .conditions)
        try writer.append(
          LatentClip(
            id: info.id, caption: info.caption, source: info.source, zHistory: half(z, 0).scalars,
            zFuture: half(z, 1).scalars,
            zContinuation: try continuation.map {
              try encodedContinuation(tracks, index, model, windows.histLen, decay: $0).scalars
            },
            latentShape: Array(z.shape.dropFirst()),
            historyVisibility: half(seen, 0).scalars.map { UInt8($0) },
            futureVisibility: half(seen, 1).scalars.map { UInt8($0) }, video: clip.video,
            videoLatents: clip.videoLatents, videoLatentShape: clip.videoLatentShape,
            textEmbedding: clip.textEmbedding))
        progress.show("encoded \(index + 1)/\(tracks.clips.count)", isMilestone: false)
      }
      progress.finish()
      try writer.finish()
      let origin = try origin(
        of: tracks, checkpoint, valFraction: valFraction, continuation: continuation)
      let statistics = LatentStatistics(history: history, future: future, origin: origin)
      try AtomicFile.write(statistics.json(), to: "\(partial)/\(statisticsFile)")
    }
    // The blocks of whole segments are of no use to what comes next.
    MemoryUse.releaseCache()
  }

  /// The same latents for weights from `checkpoint`, if there is one: scaled as it was trained.
  /// - Throws: `ConfigError`, `TrainingError.checkpoint`
  func scaled(asFor checkpoint: Checkpoint?) throws -> LatentCache {
    guard let checkpoint, let attached = try checkpoint.attachedStatistics() else { return self }
    if let theirs = attached.origin?.vaeSha256, let own = statistics.origin?.vaeSha256,
      theirs != own
    {
      throw TrainingError.checkpoint(
        path: checkpoint.path,
        problem: "expected weights for latents of the VAE \(own.prefix(12))..., found weights for "
          + "those of \(theirs.prefix(12))...; name the right run in data.vae or train.init_from")
    }
    guard try attached.scaling(source: checkpoint.path) != scaling() else { return self }
    say("\(path): scaled by the statistics that came with \(checkpoint.path), not by its own")
    var latents = self
    latents.statistics = attached
    return latents
  }

  /// Latents of a clip's continuation, [1, L, N, C].
  private static func encodedContinuation(
    _ tracks: ShardSet, _ clip: Int, _ model: TrajectoryVAE, _ histLen: Int, decay: Double
  ) throws -> NDArray {
    let past = try tracks.window(clip: clip, frames: 0..<histLen)
    let shape = [histLen, tracks.geometry.count]
    let future = model.continuation(
      of: past.tracks.reshaped(shape + [2]), past.visibility.reshaped(shape), decay: decay)
    return model.encode(model.anchor.normalize(future.reshaped([1] + future.shape))).mean.array
  }

  /// The scaling of the latents.
  func scaling() throws -> LatentScaling {
    try statistics.scaling(source: "\(path)/\(Self.statisticsFile)")
  }

  /// Checks that a model fits the latents.
  /// - Throws: `ConfigError`
  func check(channels: Int, block: String) throws {
    try expect(set.latentShape[2], channels, "\(block).latent_channels")
  }

  /// Checks that a generator fits the latents and the conditions beside them.
  /// - Throws: `ConfigError`
  func check(_ flow: FlowConfig) throws {
    try check(channels: flow.latentChannels, block: "flow")
    try expect(set.latentShape[0], flow.numFramesLatent, "flow.num_frames_latent")
    guard let clip = set.clips.first else { return }
    let (steps, tokens) = (flow.numFramesLatent, flow.tokens)
    if flow.useVideoCond, flow.videoSource == .patch, clip.hasVideo {
      try expect(clip.videoFrames, flow.numFramesIn, "flow.num_frames_in (frames of video)")
    }
    if flow.useVideoCond, flow.videoSource == .precomputed, let shape = clip.videoLatentShape {
      try expect(shape, [steps, tokens, flow.videoLatentChannels], "flow.video_latent_channels")
    }
    if flow.useTextCond, flow.textSource == .precomputed, let size = clip.textEmbeddingSize {
      try expect(size, flow.textEmbedDim, "flow.text_embed_dim")
    }
  }

  private func expect<Value: Equatable>(_ inData: Value, _ found: Value, _ key: String) throws {
    guard inData == found else {
      throw ConfigError(key: key, expected: "\(inData), as in \(path)", found: "\(found)")
    }
  }
}

/// A folder that holds latents and nothing else, replaced as a whole.
private struct LatentFolder {
  let path: String

  /// - Throws: `ConfigError` for a place that something else has.
  init(_ path: String) throws {
    let standard = URL(fileURLWithPath: path).standardizedFileURL.path
    let names = (try? FileManager.default.contentsOfDirectory(atPath: standard)) ?? []
    let isOurs = names.allSatisfy { name in
      name == LatentCache.statisticsFile || (name.hasPrefix("latents-") && name.hasSuffix(".h5"))
    }
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: standard, isDirectory: &isFolder)
    guard !exists || (isFolder.boolValue && isOurs) else {
      throw ConfigError(
        key: path,
        problem: "expected a folder for latents alone, found other files there; name a new folder")
    }
    self.path = standard
  }

  /// Calls `fill` with a new folder beside this one and puts it in its place. What was there goes
  /// last.
  func replace(_ fill: (String) throws -> Void) throws {
    let files = FileManager.default
    let (partial, old) = ("\(path).partial-\(getpid())", "\(path).old-\(getpid())")
    defer {
      try? files.removeItem(atPath: partial)
      try? files.removeItem(atPath: old)
    }
    try fill(partial)
    do {
      let hadOne = files.fileExists(atPath: path)
      if hadOne { try files.moveItem(atPath: path, toPath: old) }
      do { try files.moveItem(atPath: partial, toPath: path) } catch {
        if hadOne { try? files.moveItem(atPath: old, toPath: path) }
        throw error
      }
      try AtomicFile.syncFolder((path as NSString).deletingLastPathComponent)
    } catch {
      throw DataError("\(path): the latents cannot be put there (\(error))", kind: .resource)
    }
  }
}

/// A line on standard error.
func say(_ text: String) { writeToStandardError("\(text)\n") }

extension ClipFields {
  /// What a generator may be conditioned on.
  static let conditions: ClipFields = [.video, .videoLatents, .textEmbedding]
}

extension Command {
  static let encode = Command(
    words: ["encode"], summary: "encode tracks to latents, with statistics",
    options: [
      Option("--vae", "RUN", "the VAE's run or checkpoint folder"),
      Option("--data", "DIR", "shards of tracks"),
      Option("--out", "DIR", "where to write latents and latent_stats.json"),
      Option("--val-fraction", "F", "share of sources left out of the statistics (default 0)"),
      Option(
        "--continuation", "DECAY",
        "encode each history as it would go on too, for generators with x0_mode continuation and this "
          + "x0_velocity_decay"),
    ]
  ) { arguments in
    let fraction = arguments.string("--val-fraction") ?? "0"
    guard let valFraction = Double(fraction), (0..<1).contains(valFraction) else {
      throw ConfigError(key: "--val-fraction", expected: "a number in [0, 1)", found: fraction)
    }
    let out = try arguments.required("--out")
    let checkpoint = try Checkpoint(at: arguments.required("--vae"))
    let tracks = try ShardSet(path: arguments.required("--data"))
    let decay = arguments.string("--continuation")
    let continuation = decay.flatMap(Double.init)
    guard decay == nil || continuation.map((0...1).contains) == true else {
      throw ConfigError(key: "--continuation", expected: "a number in [0, 1]", found: decay ?? "")
    }
    let current = try LatentCache.current(
      at: out, of: tracks, checkpoint, valFraction: valFraction, continuation: continuation)
    guard current == nil else {
      return say("\(out): up to date with this VAE and these clips; nothing to do")
    }
    try LatentCache.encode(
      tracks, checkpoint, valFraction: valFraction, continuation: continuation, to: out)
    say("\(out): \(tracks.clips.count) clips and latent_stats.json")
  }
}
