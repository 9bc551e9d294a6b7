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
  let isRepeated = clip == world.makeClip(index: 4)
  let isAlone = clip.tracks == world.makeClip(index: 5).tracks
  #expect(isRepeated && !isAlone)
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
    let isStored = try set.readClip(4) == clip
    #expect(set.clips.map(\.id) == seen && seen.count == 6)
    #expect(isStored)
  }
}

/// The bytes of clips, which no machine and no change of the code may alter unseen.
@Test func clipsAreEqualToTheByteEverywhere() throws {
  var hash = SHA256()
  func add(_ world: SyntheticWorld, _ indices: Range<Int>) {
    for index in indices {
      let clip = world.makeClip(index: index)
      hash.update("\(clip.id) \(clip.source) \(clip.caption)")
      for value in clip.tracks {
        withUnsafeBytes(of: value.bitPattern.littleEndian) { hash.update($0) }
      }
      hash.update(clip.visibility)
      hash.update((clip.objectID ?? []).map { UInt8($0) })
      hash.update(clip.video ?? [])
    }
  }
  add(SyntheticWorld(config: try config(video: true)), 0..<12)
  add(SyntheticWorld(config: try config(video: true, futures: 3)), 3..<9)
  let full = try SyntheticConfig(
    geometry: GridGeometry(height: 480, width: 832, stride: 32), frames: 162, history: 81,
    renderVideo: false, seed: 1 << 40)
  add(SyntheticWorld(config: full), 0..<12)
  let digest = hash.hexDigest
  #expect(digest == "b0cb11fe11cd553531ddfebfbb7780eba86b005efa598dc00c58796fd64f3230")
}

@Test func everyPointStartsVisibleOnTheNearestSurface() throws {
  let config = try config()
  let geometry = config.geometry
  for index in 0..<6 {
    let clip = SyntheticWorld(config: config).makeClip(index: index)
    let timeline = SceneTimeline(config: config, scene: index, future: 0)
    let oracle = SceneOracle(timeline: timeline)
    var wrong = 0
    for point in 0..<geometry.count {
      let query = geometry.queryPoint(
        row: point / geometry.columns, column: point % geometry.columns)
      #expect(clip.tracks[2 * point] == query.x && clip.tracks[2 * point + 1] == query.y)
      #expect(clip.visibility[point] == 1)
      let depths = timeline.paths.indices.map {
        oracle.depth(atScreen: SIMD2(Double(query.x), Double(query.y)), object: $0, frame: 0)
      }
      guard depths.allSatisfy({ abs($0) > 0.01 }) else { continue }
      let nearest = (depths.lastIndex { $0 > 0 } ?? -1) + 1
      if clip.objectID?[point] != Int32(nearest) { wrong += 1 }
    }
    #expect(wrong == 0)
  }
}

@Test func pointsStickToTheirMaterial() throws {
  let config = try config()
  let count = config.geometry.count
  var worst = 0.0
  var bending = 0
  for number in 0..<12 {
    let timeline = SceneTimeline(config: config, scene: number, future: 0)
    let oracle = SceneOracle(timeline: timeline)
    let (tracks, _, owners) = timeline.track()
    func position(_ frame: Int, _ point: Int) -> SIMD2<Double> {
      let index = 2 * (frame * count + point)
      return SIMD2(Double(tracks[index]), Double(tracks[index + 1]))
    }
    for point in 0..<count {
      let object = owners[point] == 0 ? nil : Int(owners[point]) - 1
      if let object, timeline.scene.objects[object].bend != nil { bending += 1 }
      let material = oracle.material(atScreen: position(0, point), object: object, frame: 0)
      for frame in 1..<config.frames {
        let d =
          oracle.screen(ofMaterial: material, object: object, frame: frame)
          - position(frame, point)
        worst = max(worst, abs(d.x), abs(d.y))
      }
    }
  }
  #expect(worst < 1e-3 && bending > 50, "\(worst) \(bending)")
}

@Test func hiddenPointsAreThoseBehindNearerSurfaces() throws {
  let config = try config()
  let count = config.geometry.count
  var (hidden, shown, outside, wrong) = (0, 0, 0, 0)
  for number in 0..<12 {
    let timeline = SceneTimeline(config: config, scene: number, future: 0)
    let oracle = SceneOracle(timeline: timeline)
    let (tracks, visibility, owners) = timeline.track()
    for index in visibility.indices {
      let (frame, point) = (index / count, index % count)
      let screen = SIMD2(Double(tracks[2 * index]), Double(tracks[2 * index + 1]))
      let isInside = screen.x >= 0 && screen.y >= 0 && screen.x <= 415 && screen.y <= 239
      let depths = (Int(owners[point])..<timeline.paths.count).map {
        oracle.depth(atScreen: screen, object: $0, frame: frame)
      }
      // On the very edge of a surface the rounding decides.
      guard depths.allSatisfy({ abs($0) > 0.01 }) else { continue }
      let isHidden = depths.contains { $0 > 0 }
      if (visibility[index] == 1) != (isInside && !isHidden) { wrong += 1 }
      if !isInside { outside += 1 } else if isHidden { hidden += 1 } else { shown += 1 }
    }
  }
  #expect(wrong == 0)
  #expect(hidden > 1000 && shown > 10000 && outside > 100, "\(hidden) \(shown) \(outside)")
}

@Test func rigidObjectsKeepTheirDistances() throws {
  let config = try config()
  let count = config.geometry.count
  var (rigid, bent) = (0, 0)
  for number in 0..<12 {
    let timeline = SceneTimeline(config: config, scene: number, future: 0)
    let (tracks, _, owners) = timeline.track()
    for (index, object) in timeline.scene.objects.enumerated() {
      let points = owners.indices.filter { owners[$0] == Int32(index + 1) }
      guard points.count > 4 else { continue }
      func distance(_ frame: Int) -> Float {
        let i = 2 * (frame * count + points[0])
        let j = 2 * (frame * count + points[points.count - 1])
        let (dx, dy) = (tracks[i] - tracks[j], tracks[i + 1] - tracks[j + 1])
        return (dx * dx + dy * dy).squareRoot()
      }
      let changes = (0..<config.frames).map { frame in
        abs(distance(frame) / timeline.placement(0, frame: frame).map.zoom - distance(0))
      }
      let change = changes.max() ?? 0
      if object.bend == nil {
        rigid += 1
        #expect(change < 0.01)
      } else if change > 1 {
        bent += 1
      }
    }
  }
  #expect(rigid > 10 && bent > 5, "\(rigid) \(bent)")
}

@Test func videoShowsSurfacesWhereTheirPointsAre() throws {
  let config = try config(video: true)
  let count = config.geometry.count
  var (checked, wrong) = (0, 0)
  for number in 0..<6 {
    let timeline = SceneTimeline(config: config, scene: number, future: 0)
    let (tracks, visibility, owners) = timeline.track()
    let video = timeline.render()
    for index in 0..<config.history * count where visibility[index] == 1 {
      let (frame, owner) = (index / count, Int(owners[index % count]))
      let (x, y) = (Int(tracks[2 * index] / 4), Int(tracks[2 * index + 1] / 4))
      let middle = SIMD2(4 * Float(x) + 1.5, 4 * Float(y) + 1.5)
      guard timeline.surface(at: middle, frame: frame) == owner else { continue }
      let colour =
        owner == 0 ? timeline.scene.background : timeline.scene.objects[owner - 1].colour
      let pixel = 3 * ((frame * 60 + y) * 104 + x)
      // The texture scales all three channels alike, until one is full.
      let smallest = (0..<3).min { colour.rgb[$0] < colour.rgb[$1] }!
      let shade = (Float(video[pixel + smallest]) + 0.5) / colour.rgb[smallest]
      checked += 1
      for channel in 0..<3 {
        let expected = min(255, shade * colour.rgb[channel])
        if abs(expected - Float(video[pixel + channel])) > 4 { wrong += 1 }
      }
    }
  }
  #expect(checked > 10000 && wrong == 0, "\(checked) \(wrong)")
}

@Test func longestClipsStayFinite() throws {
  let geometry = try GridGeometry(height: 32, width: 48, stride: 16)
  let config = try SyntheticConfig(
    geometry: geometry, frames: SyntheticConfig.longest, history: 4, renderVideo: true, seed: 1)
  for index in 0..<8 {
    let clip = SyntheticWorld(config: config).makeClip(index: index)
    let isFinite = clip.tracks.allSatisfy(\.isFinite)
    #expect(isFinite)
  }
  let message = dataErrorMessage {
    _ = try SyntheticConfig(
      geometry: geometry, frames: SyntheticConfig.longest + 1, history: 4, renderVideo: false,
      seed: 1)
  }
  #expect(try #require(message).contains("16384"))
}
