import Foundation
import Testing

@testable import DataPipeline

private func config(history: Int = 81) throws -> SyntheticConfig {
  try SyntheticConfig(
    geometry: GridGeometry(height: 480, width: 832, stride: 32), frames: 162, history: history,
    renderVideo: false, seed: 21)
}

/// The objects of a caption, one "red disc: bend bounce" each, in alphabetical order, and the rest
/// after "over". Reads words alone, without knowing how a caption is put together.
private func parse(_ caption: String) -> (objects: [String], rest: [String]) {
  let words = caption.lowercased().split { " ,.".contains($0) }.map(String.init)
  let numbers = ["a": 1, "an": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6]
  let end = words.firstIndex(of: "over") ?? words.count
  var objects: [String] = []
  var nouns: [(name: String, count: Int)] = []
  var verbs: [String] = []
  func close() {
    for noun in nouns {
      let text = "\(noun.name): \(verbs.joined(separator: " "))"
      objects += [String](repeating: text, count: noun.count)
    }
    (nouns, verbs) = ([], [])
  }
  var position = 0
  while position < end {
    if let count = numbers[words[position]] {
      if !verbs.isEmpty { close() }
      let kind = words[position + 2]
      let singular = count > 1 ? String(kind.dropLast()) : kind
      nouns.append(("\(words[position + 1]) \(singular)", count))
      position += 3
    } else {
      if words[position] != "and" {
        let isOne = nouns.count == 1 && nouns[0].count == 1
        verbs.append(isOne ? String(words[position].dropLast()) : words[position])
      }
      position += 1
    }
  }
  close()
  return (objects.sorted(), Array(words[end...]))
}

/// Whether a verb is true of an object's path through the history.
private func isTrue(_ verb: String, of object: Int, in timeline: SceneTimeline) -> Bool {
  let item = timeline.scene.objects[object]
  let poses = timeline.paths[object].poses[..<timeline.history]
  let positions = poses.map(\.position)
  let extent = SIMD2(Float(timeline.geometry.width), Float(timeline.geometry.height))
  // Turned back beside an edge of its range; the step of the bounce itself is a mixture.
  var springs = false
  if case .free(let gravity, let margin, _) = item.motion.law {
    for frame in 3..<positions.count {
      let before = positions[frame - 2] - positions[frame - 3]
      let after = positions[frame] - positions[frame - 1]
      for axis in 0..<2 where before[axis].sign != after[axis].sign {
        let wall = before[axis] > 0 ? extent[axis] - margin : margin
        let distance = abs(positions[frame - 1][axis] - wall)
        if abs(before[axis]) > 9 * gravity && distance < 2 * abs(before[axis]) { springs = true }
      }
    }
  }
  let descent = positions.last!.y - positions[0].y
  switch (verb, item.motion.law) {
  case ("bend", _):
    let curves = (0..<timeline.history).map { timeline.placement(object + 1, frame: $0).curve }
    return curves.contains { abs($0.arch - curves[0].arch) > 2 }
  case ("spin", _):
    // The turn since the frame before, from its sine.
    let turns = zip(poses, poses.dropFirst()).map { $1.sine * $0.cosine - $1.cosine * $0.sine }
    return turns.allSatisfy { abs($0) > 0.004 && ($0 > 0) == (turns[0] > 0) }
  case ("bounce", .free): return springs
  case ("drift", .free(let gravity, _, _)): return gravity == 0 && !springs
  case ("fall", .free(let gravity, _, _)): return gravity > 0 && descent >= 0 && !springs
  case ("rise", .free(let gravity, _, _)): return gravity > 0 && descent < 0 && !springs
  case ("sway", .sway(let home, _)):
    return positions.allSatisfy { abs($0.x - home.x) < 150 && abs($0.y - home.y) < 150 }
  case ("swing", .swing(let pivot, let length, _)):
    return positions.allSatisfy {
      let d = $0 - pivot
      return abs((d.x * d.x + d.y * d.y).squareRoot() - length) < 0.01
    }
  default: return false
  }
}

@Test func captionsAreTrueOfTheObjects() throws {
  let config = try config()
  var several = 0
  for number in 0..<80 {
    let timeline = SceneTimeline(config: config, scene: number, future: 0)
    let parsed = parse(timeline.caption)
    let scene = timeline.scene
    let told = scene.objects.indices.map { index in
      let name = "\(scene.objects[index].colour.name) \(scene.objects[index].shape.kind.rawValue)"
      return name + ": " + timeline.verbs(object: index).map(\.rawValue).joined(separator: " ")
    }
    #expect(parsed.objects == told.sorted(), "\(timeline.caption)")
    for index in scene.objects.indices {
      for verb in timeline.verbs(object: index).map(\.rawValue) {
        let holds = isTrue(verb, of: index, in: timeline)
        #expect(holds, "\(number): object \(index) \(verb): \(timeline.caption)")
      }
    }
    #expect(parsed.rest[2] == scene.background.name && parsed.rest[3] == "background")
    if timeline.caption.contains("wo ") { several += 1 }
    #expect(timeline.caption.hasSuffix(".") && timeline.caption.first!.isUppercase)
  }
  #expect(several > 10)
}

@Test func captionsAreTrueOfTheCamera() throws {
  let config = try config()
  var seen: Set<String> = []
  for number in 0..<120 {
    let timeline = SceneTimeline(config: config, scene: number, future: 0)
    let text = timeline.caption
    let last = timeline.placement(0, frame: config.history - 1)
    let (middle, side) = (SIMD2<Float>(416, 240), SIMD2<Float>(516, 240))
    let shift = last.screen(ofMaterial: middle) - middle
    let arm = last.screen(ofMaterial: side) - last.screen(ofMaterial: middle)
    // What is seen moves against the camera.
    let isLevel = abs(shift.x) > abs(shift.y)
    let pan =
      abs(shift.x) + abs(shift.y) < 1
      ? nil : isLevel ? (shift.x > 0 ? "left" : "right") : shift.y > 0 ? "up" : "down"
    let length = (arm.x * arm.x + arm.y * arm.y).squareRoot()
    for way in ["left", "right", "up", "down"] {
      #expect(text.contains("pans \(way)") == (pan == way), "\(number) \(shift): \(text)")
    }
    #expect(text.contains("zooms in") == (length > 101), "\(text)")
    #expect(text.contains("zooms out") == (length < 99), "\(text)")
    #expect(text.contains("rolls") == (abs(arm.y) > 0.5), "\(text)")
    let isStill = pan == nil && abs(length - 100) < 0.1 && abs(arm.y) < 0.1
    #expect(text.contains("stands still") == isStill, "\(text)")
    seen.formUnion(timeline.scene.camera.actions)
  }
  #expect(seen.count == 8)
}

@Test func captionsDoNotKnowTheFuture() throws {
  // Over one frame nothing bounces; over the whole clip much does.
  let (short, whole) = (try config(history: 1), try config(history: 162))
  let numbers = 0..<30
  let early = numbers.filter {
    SceneTimeline(config: short, scene: $0, future: 0).caption.contains("bounce")
  }
  let late = numbers.filter {
    SceneTimeline(config: whole, scene: $0, future: 0).caption.contains("bounce")
  }
  #expect(early.isEmpty && late.count > 10)
}
