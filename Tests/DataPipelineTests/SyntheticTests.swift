import Autograd
import Foundation
import Testing

@testable import DataPipeline

private func config(video: Bool = false, futures: Int = 1) throws -> SyntheticConfig {
  try SyntheticConfig(
    geometry: GridGeometry(height: 240, width: 416, stride: 16), frames: 40, history: 20,
    renderVideo: video, seed: 3, futures: futures)
}

@Test func clipsDependOnSeedAndIndexAlone() throws {
  let world = SyntheticWorld(config: try config(video: true))
  let clip = world.makeClip(index: 4)
  #expect(clip == world.makeClip(index: 4))
  #expect(clip.tracks != world.makeClip(index: 5).tracks)
  #expect(clip.id == "synth-000004" && clip.source == clip.id && !clip.caption.isEmpty)
  #expect(clip.video?.count == 20 * 60 * 104 * 3)
  try withTemporaryFolder { folder in
    let writer = try ShardWriter(
      directory: folder.path, geometry: world.config.geometry, frames: 40, fps: 25,
      createdBy: "test", clipsPerShard: 4)
    var seen: [String] = []
    try world.synthesize(count: 6, into: writer) { done, total, id in
      #expect(total == 6 && done == seen.count + 1)
      seen.append(id)
    }
    try writer.finish()
    let set = try ShardSet(path: folder.path)
    #expect(set.clips.map(\.id) == seen && seen.count == 6)
    #expect(try set.readClip(4) == clip)
  }
}

@Test func everyPointStartsVisibleOnItsQueryPoint() throws {
  let config = try config()
  let geometry = config.geometry
  for index in 0..<6 {
    let clip = SyntheticWorld(config: config).makeClip(index: index)
    for point in 0..<geometry.count {
      let query = geometry.queryPoint(
        row: point / geometry.columns, column: point % geometry.columns)
      #expect(clip.tracks[2 * point] == query.x && clip.tracks[2 * point + 1] == query.y)
      #expect(clip.visibility[point] == 1)
    }
  }
}

@Test func backgroundMovesExactlyWithTheCamera() throws {
  let config = try config()
  let scene = Scene(config: config, scene: 1, future: 0)
  let timeline = SceneTimeline(scene: scene, config: config)
  let (tracks, _, objects) = timeline.track()
  let count = config.geometry.count
  var checked = 0
  for point in 0..<count where objects[point] == 0 {
    let start = SIMD2(tracks[2 * point], tracks[2 * point + 1])
    for frame in 1..<config.frames {
      let view = timeline.views[frame]
      let p = start - view.pan - view.centre
      let x = view.cosine * p.x - view.sine * p.y + view.centre.x
      let y = view.sine * p.x + view.cosine * p.y + view.centre.y
      let index = 2 * (frame * count + point)
      #expect(abs(tracks[index] - x) < 1e-3 && abs(tracks[index + 1] - y) < 1e-3)
      checked += 1
    }
  }
  #expect(checked > 1000)
}

@Test func hiddenPointsAreThoseBehindNearerSurfaces() throws {
  let config = try config()
  var (hidden, shown) = (0, 0)
  for number in 0..<8 {
    let scene = Scene(config: config, scene: number, future: 0)
    let timeline = SceneTimeline(scene: scene, config: config)
    let (tracks, visibility, objects) = timeline.track()
    let count = config.geometry.count
    for index in visibility.indices where index >= count {
      let (frame, point) = (index / count, index % count)
      let screen = SIMD2(tracks[2 * index], tracks[2 * index + 1])
      guard config.geometry.contains(x: screen.x, y: screen.y) else {
        #expect(visibility[index] == 0)
        continue
      }
      let front = timeline.surface(at: screen, frame: frame).map { Int32($0 + 1) } ?? 0
      // A point on the very edge of its own surface may be rounded off it: it cannot hide itself.
      if visibility[index] == 1 {
        shown += 1
        #expect(front <= objects[point])
      } else {
        hidden += 1
        #expect(front > objects[point])
      }
    }
  }
  #expect(hidden > 1000 && shown > 10000)
}

@Test func objectsStayRigid() throws {
  let config = try config()
  var scene = Scene(config: config, scene: 2, future: 0)
  scene = Scene(config: config, scene: scene.objects.isEmpty ? 3 : 2, future: 0)
  let timeline = SceneTimeline(scene: scene, config: config)
  let (tracks, _, objects) = timeline.track()
  let count = config.geometry.count
  let points = objects.indices.filter { objects[$0] == objects.max() }
  let (a, b) = (points[0], points[points.count - 1])
  func distance(_ frame: Int) -> Float {
    let (i, j) = (2 * (frame * count + a), 2 * (frame * count + b))
    let (dx, dy) = (tracks[i] - tracks[j], tracks[i + 1] - tracks[j + 1])
    return (dx * dx + dy * dy).squareRoot()
  }
  for frame in 0..<config.frames {
    let view = timeline.views[frame]
    let zoom = (view.cosine * view.cosine + view.sine * view.sine).squareRoot()
    #expect(abs(distance(frame) - zoom * distance(0)) < 0.01)
  }
}

@Test func futuresShareTheirHistory() throws {
  let config = try config(video: true, futures: 3)
  let world = SyntheticWorld(config: config)
  let clips = (3..<6).map { world.makeClip(index: $0) }
  let history = config.history * config.geometry.count * 2
  #expect(Set(clips.map(\.source)) == ["synth-000003"])
  for clip in clips.dropFirst() {
    #expect(clip.tracks[..<history] == clips[0].tracks[..<history])
    #expect(clip.video == clips[0].video)
    #expect(clip.tracks[history...] != clips[0].tracks[history...])
  }
}

@Test func objectsMoveAtLearnableSpeeds() throws {
  let world = SyntheticWorld(
    config: try SyntheticConfig(
      geometry: GridGeometry(height: 480, width: 832, stride: 32), frames: 162, history: 81,
      renderVideo: false, seed: 0))
  let start = Date()
  let clips = (0..<40).map { world.makeClip(index: $0) }
  print("synthetic clips per second on one core: \(Int(40 / Date().timeIntervalSince(start)))")
  let visible = clips.map {
    $0.visibility.reduce(0) { $0 + Double($1) } / Double($0.visibility.count)
  }
  let mean = visible.reduce(0, +) / 40
  #expect(mean > 0.6 && mean < 0.98)
  for clip in clips {
    for index in stride(from: 780, to: clip.tracks.count, by: 97) {
      #expect(abs(clip.tracks[index] - clip.tracks[index - 780]) < 12)
    }
  }
}
