import Autograd
import DataPipeline
import Training
import TrajLoomBench

/// The track that `eval vae` draws: of those that the arguments allow the one that bends most.
struct TrackChoice {
  private let out: String
  private let clips: [ShardSet.ClipInfo]
  /// A position in `clips`; nil: any.
  private let clip: Int?
  private let points: Range<Int>
  private var best: Found?

  private struct Found {
    let item: Int
    let track: BendingTrack
    let truth: PointTracks  // [T, 1]
    let reconstructions: [PointTracks]  // each [T, 1], by run
  }

  /// Nil when no picture is wanted.
  /// - Parameter clips: indices into `set.clips` of those that are evaluated.
  /// - Throws: `ConfigError` for a file, a clip or a point that cannot be.
  init?(_ arguments: Arguments, _ set: ShardSet, _ clips: [Int]) throws {
    guard let out = try arguments.newFile("--png") else {
      for option in ["--clip", "--point"] where arguments.has(option) {
        throw ConfigError(key: option, problem: "says what is drawn; give --png FILE.png too")
      }
      return nil
    }
    guard out.hasSuffix(".png") else {
      throw ConfigError(key: "--png", expected: "a name that ends in .png", found: out)
    }
    self.out = out
    self.clips = clips.map { set.clips[$0] }
    clip = try set.indices(named: arguments.all("--clip")).first.map { index in
      guard let position = clips.firstIndex(of: index) else {
        throw ConfigError(
          key: "--clip", expected: "a clip that is held out, or --split all",
          found: set.clips[index].id)
      }
      return position
    }
    let point = try arguments.integer("--point", minimum: 0, maximum: set.geometry.count - 1)
    points = point.map { $0..<$0 + 1 } ?? 0..<set.geometry.count
  }

  /// Looks at segment `item` of `TrackSegments`. Shapes: all [T, N].
  mutating func consider(_ item: Int, truth: PointTracks, _ reconstructions: [PointTracks]) {
    guard clip == nil || clip == item / 2,
      let track = BendingTrack.best(in: truth, among: points)
    else { return }
    if let best, !(best.track < track) { return }
    best = Found(
      item: item, track: track, truth: truth.point(track.point),
      reconstructions: reconstructions.map { $0.point(track.point) })
  }

  /// - Parameter variants: what they are called, and which run stands for each.
  /// - Throws: `ConfigError` when the point asked for is never visible, `FileError`.
  func draw(_ variants: [(name: String, run: Int)]) throws {
    guard let best else {
      throw ConfigError(
        key: "--png", problem: "no point to draw is ever visible; ask for another --clip or --point"
      )
    }
    let id = clips[best.item / 2].id
    let frames = best.truth.frames
    let first = best.item % 2 == 0 ? 0 : frames
    let title = "\(id), point \(best.track.point), frames \(first) to \(first + frames - 1)"
    try TrackPicture(
      title: title, firstFrame: first, truth: best.truth,
      variants: variants.map {
        .init(name: $0.name, reconstruction: best.reconstructions[$0.run])
      }
    ).render(to: out)
    say("\(out): \(title)")
  }
}

extension PointTracks {
  /// One clip of arrays. Shapes: `tracks` 1·T·N·2 numbers, pixels; `visibility` [1, T, ...].
  init(_ tracks: NDArray, visibility: NDArray) {
    let frames = visibility.shape[1]
    self.init(
      frames: frames, points: visibility.count / frames, positions: tracks.scalars,
      visibility: visibility.scalars.map { $0 > 0.5 ? 1 : 0 })
  }
}
