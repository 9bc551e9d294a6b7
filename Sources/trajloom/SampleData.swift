import Autograd
import DataPipeline
import Foundation
import Training
import TrajLoomFlow
import TrajLoomVAE

/// What `--data` of `sample` names.
enum SampleSource {
  case shards, trackFile, trackFolder

  /// - Throws: `DataError` when nothing is there, `ConfigError` for a folder that holds both.
  init(_ path: String) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw DataError(
        "\(path): expected shards, or track files (.npz, .npy), found nothing there; check --data")
    }
    guard isFolder.boolValue else {
      self = TrackImporter.isTrackFile(path) ? .trackFile : .shards
      return
    }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path))?.sorted() ?? []
    guard let file = names.first(where: TrackImporter.isTrackFile) else {
      self = .shards
      return
    }
    if let shard = names.first(where: { $0.hasSuffix(".h5") && !$0.hasPrefix(".") }) {
      throw ConfigError(
        key: "--data",
        problem:
          "\(path) holds both shards (\(shard)) and track files (\(file)); name one of them, or "
          + "keep them in folders of their own")
    }
    self = .trackFolder
  }
}

/// The clips that futures are drawn for.
struct SampleData {
  /// What the caller called them.
  let name: String
  /// Every clip, with at least its history.
  private let histories: ShardSet
  /// The clips that have a future too.
  private let futures: ShardSet?
  private let future: Range<Int>
  /// By id, in `futures`.
  private let places: [String: Int]

  init(name: String, histories: ShardSet, futures: ShardSet?, _ windows: ClipWindows) {
    self.name = name
    self.histories = histories
    self.futures = futures
    future = windows.histLen..<windows.histLen + windows.futureLen
    places = Dictionary(
      uniqueKeysWithValues: (futures?.clips ?? []).enumerated().map { ($1.id, $0) })
  }

  /// - Throws: `ConfigError` for another grid than the generator's, `DataError` for a history that is
  ///   too short.
  init(shards: ShardSet, _ config: FlowRunConfig) throws {
    var windows = config.data.windows
    windows.path = shards.path
    guard shards.frames >= windows.histLen else {
      throw DataError(
        "\(shards.path): expected at least the \(windows.histLen) frames of history that the generator "
          + "reads, found \(shards.frames); make shards of longer clips")
    }
    try windows.check(shards.geometry, frames: shards.frames, needsFuture: false)
    let hasFuture = shards.frames >= windows.histLen + windows.futureLen
    self.init(
      name: shards.path, histories: shards, futures: hasFuture ? shards : nil, windows)
  }

  /// The clips that are asked for.
  /// - Throws: `ConfigError` for an id that no clip has.
  func indices(_ request: SampleRequest, _ config: FlowRunConfig) throws -> [Int] {
    let candidates = try (request.split ?? .all).clips(of: histories, config.data.windows)
    guard !request.clips.isEmpty else { return candidates }
    var seen: Set<Int> = []
    return try histories.indices(named: request.clips, among: candidates, in: name)
      .filter { seen.insert($0).inserted }
  }

  /// - Throws: `DataError`
  func read(_ index: Int) throws -> SampleClip {
    let info = histories.clips[index]
    let past = try histories.window(clip: index, frames: 0..<future.lowerBound)
    let truth = try places[info.id].map { try futures!.window(clip: $0, frames: future) }
    return SampleClip(
      info, past, truth: truth, conditions: try histories.readClip(index, fields: .conditions),
      geometry: histories.geometry, fps: histories.fps)
  }
}

/// One clip that futures are drawn for.
struct SampleClip {
  let id, caption, source: String
  let geometry: GridGeometry
  let fps: Double
  /// The history, [T, N, 2], pixels.
  let tracks: NDArray
  /// The history's, 0 or 1, [T, N].
  let visibility: NDArray
  /// The future, where it is known: which sampling does not need.
  let truth: (tracks: NDArray, visibility: NDArray)?
  /// Video, video latents and text embedding; nothing else.
  let conditions: Clip
  let videoFrames: Int

  fileprivate init(
    _ info: ShardSet.ClipInfo, _ past: TrackBatch, truth: TrackBatch?, conditions: Clip,
    geometry: GridGeometry, fps: Double
  ) {
    (id, caption, source) = (info.id, info.caption, info.source)
    self.geometry = geometry
    self.fps = fps
    func flat(_ array: NDArray, _ rest: [Int]) -> NDArray {
      array.reshaped([array.shape[1], geometry.count] + rest)
    }
    tracks = flat(past.tracks, [2])
    visibility = flat(past.visibility, [])
    self.truth = truth.map { (flat($0.tracks, [2]), flat($0.visibility, [])) }
    self.conditions = conditions
    videoFrames = info.videoFrames
  }

  /// The text embedding that a generator takes; nil for none.
  func text(for flow: FlowConfig) -> NDArray? {
    guard flow.useTextCond, flow.textSource == .precomputed else { return nil }
    return conditions.textEmbedding.map { NDArray($0, shape: [$0.count]) }
  }

  /// The video, or latents of it, that a generator takes; nil for none.
  func video(for flow: FlowConfig) -> NDArray? {
    guard flow.useVideoCond else { return nil }
    switch flow.videoSource {
    case .patch:
      let shape = [videoFrames, geometry.height / 4, geometry.width / 4, 3]
      return conditions.video.map { NDArray($0.map { Float($0) / 255 }, shape: shape) }
    case .precomputed:
      let shape = conditions.videoLatentShape ?? []
      return conditions.videoLatents.map { NDArray($0, shape: shape) }
    }
  }

  /// SHA-256 over the true future; "none" where it is not known.
  var truthHash: String {
    guard let truth else { return "none" }
    var hash = SHA256()
    hash.update(floats: truth.tracks.scalars)
    hash.update(floats: truth.visibility.scalars)
    return hash.hexDigest
  }

  /// SHA-256 over all that the models are told.
  var hash: String {
    var hash = SHA256()
    hash.update(floats: tracks.scalars)
    hash.update(floats: visibility.scalars)
    hash.update(caption)
    hash.update(conditions.video ?? [])
    hash.update(floats: conditions.videoLatents ?? [])
    hash.update(floats: conditions.textEmbedding ?? [])
    return hash.hexDigest
  }
}

extension SHA256 {
  /// Appends numbers, the lowest byte of each first.
  fileprivate mutating func update(floats: [Float]) {
    update(
      floats.flatMap { value in
        (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt32($0))) }
      })
  }
}
