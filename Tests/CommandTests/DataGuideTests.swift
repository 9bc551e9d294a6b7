import Foundation
import TestSupport
import Testing

@testable import DataPipeline

/// Files as the tools that docs/data.md names save them, 168 frames of drifting points.
private struct GuideFiles {
  let folder: String
  let frames = 168

  /// Positions in pixels of 480 x 832.
  private func position(_ point: Int, _ frame: Int) -> SIMD2<Float> {
    let start = SIMD2(Float(32 * (point % 26)), Float(32 * (point / 26)))
    return start + Float(frame) * SIMD2(0.21, 0.13 * Float(point % 3))
  }

  /// A `.npz` of stored arrays.
  private func save(_ name: String, _ arrays: [(key: String, bytes: [UInt8])]) throws {
    try FileManager.default.createDirectory(
      atPath: "\(folder)/\(name)/..", withIntermediateDirectories: true)
    try StoredZip.encode(arrays.map { ("\($0.key).npy", $0.bytes) })
      .write(to: URL(fileURLWithPath: "\(folder)/\(name).npz"))
  }

  /// [T, N, 2] in pixels of 592 x 1024, [T, N].
  func alltracker() throws {
    let scale = SIMD2<Float>(1024.0 / 832, 592.0 / 480)
    let values = (0..<frames).flatMap { frame in
      (0..<390).flatMap { point -> [Float] in
        let place = position(point, frame) * scale
        return [place.x, place.y]
      }
    }
    let flags = [Bool](repeating: true, count: frames * 390)
    for name in ["cat", "dog"] {
      try save(
        "alltracker/\(name)",
        [
          ("tracks", NPYFile.encode(values, shape: [frames, 390, 2])),
          ("visibility", NPYFile.encode(flags, shape: [frames, 390])),
        ])
    }
  }

  /// [1, T, N, 2] in pixels, [1, T, N], and videos where `ffmpeg` is there to make them.
  func cotracker() throws {
    let values = (0..<frames).flatMap { frame in
      (0..<390).flatMap { point in [position(point, frame).x, position(point, frame).y] }
    }
    let flags = (0..<frames * 390).map { $0 % 5 != 0 || $0 < 390 }
    try save(
      "cotracker/cat",
      [
        ("tracks", NPYFile.encode(values, shape: [1, frames, 390, 2])),
        ("visibility", NPYFile.encode(flags, shape: [1, frames, 390])),
      ])
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=416x240:rate=30", "-frames:v",
      "168", "\(folder)/cotracker/cat.mp4",
    ]
    try process.run()
    process.waitUntilExit()
  }

  /// Scattered points: shares of the frame [N, T, 2], occlusion [N, T], and captions.
  func own() throws {
    let count = 700
    let values = (0..<count).flatMap { point -> [Float] in
      let start = SIMD2(Float((point * 389) % 701) / 701, Float((point * 251) % 499) / 499)
      return (0..<frames).flatMap { frame in
        [start.x + 0.0003 * Float(frame), start.y - 0.0002 * Float(frame)]
      }
    }
    let hidden = (0..<count * frames).map { $0 % frames > 100 && $0 / frames % 4 == 0 }
    try save(
      "own/cat",
      [
        ("points", NPYFile.encode(values, shape: [count, frames, 2])),
        ("occluded", NPYFile.encode(hidden, shape: [count, frames])),
      ])
    try "videoid,video_path,text\ncat,,A cat.\n".write(
      toFile: "\(folder)/own/captions.csv", atomically: true, encoding: .utf8)
  }
}

@Suite(.serialized)
struct DataGuideTests {
  private let guide: String

  init() throws {
    guide = try String(contentsOfFile: "\(Program.package)/docs/data.md", encoding: .utf8)
  }

  /// Every command of docs/data.md, in order, in a folder with the files that it speaks of.
  @Test func commandsOfTheGuideWork() throws {
    let folder = try TemporaryFolder.make("guide")
    let files = GuideFiles(folder: folder)
    try files.alltracker()
    try files.cotracker()
    try files.own()
    let hasVideo = FileManager.default.fileExists(atPath: "\(folder)/cotracker/cat.mp4")
    if !hasVideo { print("skipped: videos (no ffmpeg in PATH)") }
    var isShell = false
    var commands: [[String]] = []
    for line in guide.split(separator: "\n") {
      if line.hasPrefix("```") {
        isShell = line == "```sh"
      } else if isShell {
        commands.append(line.split(separator: " ").map(String.init))
      }
    }
    #expect(commands.count == 7 && commands.allSatisfy { $0[0] == "trajloom" })
    for var command in commands {
      if !hasVideo, let index = command.firstIndex(of: "--videos") {
        command.replaceSubrange(index...index + 1, with: ["--no-video"])
      }
      let program = try Program(Array(command.dropFirst()), in: folder)
      #expect(program.code == 0, "\(command): \(program.errors)")
    }
    let all = try ShardSet(path: "\(folder)/data/alltracker")
    #expect(all.clips.map(\.id) == ["cat", "dog"])
    let cotracker = try ShardSet(path: "\(folder)/data/cotracker")
    #expect(cotracker.clips[0].videoFrames == (hasVideo ? 81 : 0))
    // The same tracks came in both ways.
    let (a, b) = (try all.readClip(0).tracks, try cotracker.readClip(0).tracks)
    let largest = zip(a, b).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
    #expect(largest < 1e-3)
    let own = try ShardSet(path: "\(folder)/data/own")
    #expect(own.clips[0].caption == "A cat.")
    #expect(try ShardSet(path: "\(folder)/data/synthetic").clips.count == 4)
    let picture = try #require(FileManager.default.contents(atPath: "\(folder)/own.png"))
    #expect(picture.starts(with: [0x89, 0x50, 0x4E, 0x47]) && picture.count > 10_000)
  }

  /// The guide's table is that of the files: no dataset is missing, none is made up.
  @Test func everyDatasetIsInTheGuide() throws {
    let table = guide.split(separator: "\n").filter { $0.hasPrefix("| `") }
    let shown = table.map { String($0.split(separator: "`")[1]) }
    let geometry = try GridGeometry(height: 64, width: 96, stride: 16)
    let columns = ShardSchema.tracks.columns(geometry, 8).map(\.name)
    #expect(Set(shown) == Set(columns).union(["id", "caption", "source"]))
    #expect(shown.count == Set(shown).count)
  }
}
