import Foundation
import Testing

@testable import DataPipeline

private func config(futures: Int, video: Bool = false) throws -> SyntheticConfig {
  try SyntheticConfig(
    geometry: GridGeometry(height: 240, width: 416, stride: 16), frames: 60, history: 24,
    renderVideo: video, seed: 9, futures: futures)
}

@Test func futuresShareTheirHistory() throws {
  let config = try config(futures: 3, video: true)
  let world = SyntheticWorld(config: config)
  let history = config.history * config.geometry.count
  for number in 0..<8 {
    let clips = (3 * number..<3 * number + 3).map { world.makeClip(index: $0) }
    #expect(Set(clips.map(\.source)) == ["synth-0000" + (number < 4 ? "0" : "") + "\(3 * number)"])
    #expect(Set(clips.map(\.caption)).count == 1)
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
      let sharesTracks = clips[a].tracks[..<(2 * history)] == clips[b].tracks[..<(2 * history)]
      let sharesVisibility = clips[a].visibility[..<history] == clips[b].visibility[..<history]
      let sharesVideo = clips[a].video == clips[b].video
      let sharesFuture = clips[a].tracks[(2 * history)...] == clips[b].tracks[(2 * history)...]
      #expect(sharesTracks && sharesVisibility && sharesVideo && !sharesFuture)
      #expect(clips[a].objectID == clips[b].objectID)
    }
  }
}

@Test func aFutureDoesNotDependOnTheirNumber() throws {
  let alone = SyntheticWorld(config: try config(futures: 1))
  let three = SyntheticWorld(config: try config(futures: 3))
  let four = SyntheticWorld(config: try config(futures: 4))
  let isFirst = alone.makeClip(index: 5).tracks == three.makeClip(index: 15).tracks
  let isThird = three.makeClip(index: 17).tracks == four.makeClip(index: 22).tracks
  #expect(isFirst && isThird)
}

@Test func futuresDifferInPushesAndInBounces() throws {
  let config = try config(futures: 4)
  let incidents = (0..<5).map { part in
    Incidents(
      seed: 1, scene: 0, object: 0, part: part,
      frames: part == 0 ? 0..<config.history : config.history..<config.frames, unrest: 0.5, scale: 1
    )
  }
  for (part, one) in incidents.enumerated() {
    let frames = part == 0 ? 0..<config.history : config.history..<config.frames
    #expect((1...2).contains(one.pushes.count))
    #expect(one.pushes.allSatisfy { frames.contains($0.frame) })
    for other in incidents[(part + 1)...] {
      let sharesBounce = one.bounce(0) == other.bounce(0)
      #expect(one.pushes != other.pushes && !sharesBounce)
    }
    let sharesTurns = one.bounce(0).turn == one.bounce(1).turn
    #expect(!sharesTurns)
  }
}

/// The mean over object points of their standard deviation over futures on the last frame, pixels.
private func spread(_ world: SyntheticWorld, scene: Int) -> Float {
  let futures = world.config.futures
  let clips = (0..<futures).map { world.makeClip(index: scene * futures + $0) }
  let count = world.config.geometry.count
  let points = (0..<count).filter { clips[0].objectID?[$0] != 0 }
  let last = 2 * (world.config.frames - 1) * count
  var total: Float = 0
  for index in points.flatMap({ [last + 2 * $0, last + 2 * $0 + 1] }) {
    let values = clips.map { $0.tracks[index] }
    let mean = values.reduce(0, +) / Float(futures)
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(futures)
    total += variance.squareRoot()
  }
  return total / Float(2 * points.count)
}

@Test func scenesDifferInTheSpreadOfTheirFutures() throws {
  let world = SyntheticWorld(config: try config(futures: 6))
  let scenes = (0..<30).map { number in
    (
      unrest: Scene(config: world.config, scene: number).unrest,
      spread: spread(world, scene: number)
    )
  }.sorted { $0.unrest < $1.unrest }
  let spreads = scenes.map(\.spread)
  let calm = spreads[..<10].reduce(0, +) / 10
  let wild = spreads[20...].reduce(0, +) / 10
  #expect(wild > 5 * calm, "\(calm) \(wild)")
  #expect(spreads.min()! > 0.05 && spreads.min()! < 1 && spreads.max()! > 5, "\(spreads)")
}
