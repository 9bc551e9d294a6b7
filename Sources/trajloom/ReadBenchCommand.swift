import Autograd
import DataPipeline
import Foundation
import Training

extension Command {
  static let benchRead = Command(
    words: ["bench", "read"], summary: "time reading the tracks of shards in shuffled order",
    positionals: ["PATH"],
    options: [
      Option("--passes", "N", "how often to read everything after once that is not counted (5)"),
      Option("--seed", "S", "of the order (default 0)"),
      Option("--json", nil, "print one line of JSON"),
    ]
  ) { arguments in
    let set = try ShardSet(path: arguments.positionals[0])
    let order = Philox(
      seed: UInt64(try arguments.integer("--seed", minimum: 0, maximum: .max) ?? 0),
      stream: "bench/read")
    let fields: ClipFields = [.tracks, .visibility]
    let passes = try arguments.integer("--passes") ?? 5
    func median(_ pass: ([Int]) throws -> Void) rethrows -> Double {
      let times = try (0...passes).map { number in
        let clips = order.permutation(set.clips.count, step: number)
        let start = ContinuousClock.now
        try pass(clips)
        return (ContinuousClock.now - start) / .seconds(1) / Double(clips.count)
      }
      return times.dropFirst().sorted()[passes / 2]
    }
    let result = ReadBenchmark(
      clips: set.clips.count,
      sPerClip: try median { for clip in $0 { _ = try set.readClip(clip, fields: fields) } },
      sPerClipAllCores: try median { try set.readClips($0, fields: fields) { _ in } })
    if arguments.has("--json") {
      try printJSON(result)
    } else {
      print(
        "\(result.clips) clips: \(fixed(1 / result.sPerClip, 0)) a second on one thread, "
          + "\(fixed(1 / result.sPerClipAllCores, 0)) on all cores")
    }
  }
}

/// The keys are those of its JSON.
private struct ReadBenchmark: Codable {
  let clips: Int
  let sPerClip: Double
  let sPerClipAllCores: Double
}
