import Foundation
import Testing

@testable import DataPipeline

private func config(seed: UInt64 = 0) throws -> SyntheticConfig {
  try SyntheticConfig(
    geometry: GridGeometry(height: 480, width: 832, stride: 32), frames: 162, history: 81,
    renderVideo: false, seed: seed)
}

private func incidents(part: Int, _ frames: Range<Int>, unrest: Float) -> Incidents {
  Incidents(
    seed: 5, scene: 2, object: 1, part: part, frames: frames, unrest: unrest, scale: 1)
}

/// The path of 100 frames through a frame of 400 x 300, 50 of them history.
private func path(_ motion: Motion, unrest: Float) -> [SIMD2<Float>] {
  motion.path(
    frames: 100, history: 50, extent: SIMD2(400, 300),
    past: incidents(part: 0, 0..<50, unrest: unrest),
    future: incidents(part: 1, 50..<100, unrest: unrest)
  ).poses.map(\.position)
}

private func motion(
  _ law: Motion.Law, at offset: SIMD2<Float>, velocity: SIMD2<Float>
) -> Motion {
  Motion(law: law, offset: offset, velocity: velocity, angle: 0, spin: 0)
}

@Test func bendingIsInvertible() {
  for style in Bend.Style.allCases {
    let bend = Bend(style: style, amplitude: 40, rate: 0.07, phase: 1)
    var (worst, farthest): (Float, Float) = (0, 0)
    for frame in 0..<100 {
      let curve = bend.curve(frame: frame, halfLength: 120)
      for u in stride(from: Float(-120), through: 120, by: 5) {
        let p = SIMD2(u, Float(frame) - 50)
        let d = curve.bend(curve.unbend(p)) - p
        worst = max(worst, abs(d.x), abs(d.y))
        farthest = max(farthest, abs(curve.bend(p).y - p.y))
      }
    }
    #expect(worst < 1e-3)
    #expect(farthest > 20 && farthest <= 40, "\(farthest)")
  }
}

@Test func pushesChangeTheVelocityAtTheirFrames() {
  let pushes =
    incidents(part: 0, 0..<50, unrest: 0.5).pushes
    + incidents(part: 1, 50..<100, unrest: 0.5).pushes
  #expect(pushes.count >= 2)
  // Far from any edge.
  let free = Motion.Law.free(gravity: 0, margin: -1e4, restitution: 1)
  let positions = path(motion(free, at: SIMD2(200, 150), velocity: SIMD2(1, 0)), unrest: 0.5)
  for frame in 2..<100 {
    let gain = pushes.filter { $0.frame == frame }.reduce(.zero) { $0 + $1.gain }
    let change = positions[frame] - 2 * positions[frame - 1] + positions[frame - 2]
    let d = change - gain
    #expect(abs(d.x) < 1e-3 && abs(d.y) < 1e-3, "frame \(frame)")
  }
}

@Test func bouncesKeepTheirShareOfTheImpact() {
  let law = Motion.Law.free(gravity: 0, margin: 20, restitution: 0.8)
  let calm = path(motion(law, at: SIMD2(350, 150), velocity: SIMD2(2, 0.5)), unrest: 0)
  // The wall for the middle is at 380, reached on frame 15.
  let (before, after) = (calm[10] - calm[9], calm[20] - calm[19])
  #expect(abs(before.x - 2) < 1e-4 && abs(after.x + 1.6) < 1e-4)
  #expect(abs(before.y - 0.5) < 1e-4 && abs(after.y - 0.5) < 1e-4)
  let wild = path(motion(law, at: SIMD2(350, 150), velocity: SIMD2(2, 0.5)), unrest: 1)
  let isAside = abs((wild[20] - wild[19]).y - 0.5) > 0.05
  let isInside = (calm + wild).allSatisfy { $0.x >= 20 && $0.x <= 380 && $0.y >= 20 && $0.y <= 280 }
  #expect(isAside && isInside)
  // Gravity brings it to rest on the floor.
  let falling = Motion.Law.free(gravity: 0.5, margin: 20, restitution: 0.4)
  let rest = path(motion(falling, at: SIMD2(200, 250), velocity: .zero), unrest: 0)
  #expect(rest[5].y > rest[0].y && abs(rest[99].y - 280) < 0.5)
}

@Test func oscillationsStayOnTheirOrbits() {
  let home = SIMD2<Float>(200, 150)
  let sway = path(
    motion(.sway(home: home, rate: 0.1), at: SIMD2(30, 0), velocity: .zero), unrest: 0)
  let xs = sway.map(\.x)
  #expect(abs(xs.min()! - 170) < 1 && abs(xs.max()! - 230) < 1)
  // Half a turn at 0.1 radians a frame is 31 frames.
  let turning = xs[..<60].firstIndex(of: xs[..<60].min()!)
  #expect(turning == 31 && sway.allSatisfy { $0.y == 150 })
  let swing = path(
    motion(
      .swing(pivot: home, length: 100, rate: 0.1), at: SIMD2(30, 0), velocity: .zero), unrest: 0.6)
  let radii = swing.map { p in ((p - home) * (p - home)).sum().squareRoot() }
  #expect(radii.allSatisfy { abs($0 - 100) < 1e-3 })
  #expect(swing.allSatisfy { $0.y > 150 } && swing.contains { $0.x < 190 })
}

@Test func everyKindOfShapeAndMotionOccurs() throws {
  var seen: Set<String> = []
  var unrests: [Float] = []
  for seed in 0..<5 {
    for number in 0..<40 {
      let timeline = SceneTimeline(config: try config(seed: UInt64(seed)), scene: number, future: 0)
      let scene = timeline.scene
      unrests.append(scene.unrest)
      seen.formUnion(scene.camera.actions)
      for (index, object) in scene.objects.enumerated() {
        seen.insert(object.shape.kind.rawValue)
        seen.insert(object.colour.name)
        seen.formUnion(timeline.verbs(object: index).map(\.rawValue))
        if let bend = object.bend { seen.insert("\(bend.style)") }
        #expect(object.colour != scene.background)
        #expect((object.bend != nil) == object.shape.kind.bends)
      }
    }
  }
  let expected =
    Shape.Kind.allCases.map(\.rawValue) + SceneTimeline.Verb.allCases.map(\.rawValue)
    + Bend.Style.allCases.map { "\($0)" } + Scene.Colour.all.map(\.name) + [
      "pans left", "pans right", "pans up", "pans down", "zooms in", "zooms out", "rolls",
      "stands still",
    ]
  #expect(seen == Set(expected))
  #expect(unrests.min()! < 0.03 && unrests.max()! > 0.9)
}

@Test func objectsMoveAtLearnableSpeeds() throws {
  let world = SyntheticWorld(config: try config())
  let start = Date()
  let clips = (0..<40).map { world.makeClip(index: $0) }
  print("synthetic clips per second on one core: \(Int(40 / Date().timeIntervalSince(start)))")
  let visible = clips.map {
    $0.visibility.reduce(0) { $0 + Double($1) } / Double($0.visibility.count)
  }
  let mean = visible.reduce(0, +) / 40
  #expect(mean > 0.6 && mean < 0.98)
  var fastest: Float = 0
  for clip in clips {
    for index in 780..<clip.tracks.count {
      fastest = max(fastest, abs(clip.tracks[index] - clip.tracks[index - 780]))
    }
  }
  #expect(fastest < 12 && fastest > 3, "\(fastest)")
}
