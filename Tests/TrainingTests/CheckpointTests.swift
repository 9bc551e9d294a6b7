import Foundation
import TestSupport
import Testing

@testable import Training

@Test func onlyTheLastCheckpointsAreKept() throws {
  let folder = try TemporaryFolder.make()
  try trainLine(folder, steps: 17)
  #expect(savedSteps(folder) == [16, 17])
  #expect(
    String(decoding: bytes("\(folder)/latest")!, as: UTF8.self) == "checkpoints/step-0000017\n")
  #expect(try Checkpoint(at: "\(folder)/latest").step() == 17)
}

@Test func retentionKeepsTheNewestTheRegularAndTheBest() {
  let steps = [2, 4, 6, 8, 10, 12]
  #expect(CheckpointRetention(last: 2, every: 0, best: nil).removed(of: steps) == [2, 4, 6, 8])
  #expect(CheckpointRetention(last: 3, every: 4, best: nil).removed(of: steps) == [2, 6])
  #expect(CheckpointRetention(last: 2, every: 0, best: 4).removed(of: steps) == [2, 6, 8])
  #expect(CheckpointRetention(last: 9, every: 0, best: nil).removed(of: steps) == [])
}

@Test func regularCheckpointsAreKept() throws {
  let folder = try TemporaryFolder.make()
  try trainLine(folder, steps: 20) { $0.keepEvery = 8 }
  #expect(savedSteps(folder) == [8, 16, 20])
}

/// The loss rises from some step on, so that the best checkpoint is an old one.
@Test func theBestCheckpointIsKeptAndNamed() throws {
  let folder = try TemporaryFolder.make()
  func train(_ folder: String, to steps: Int, resume: Bool) throws {
    let wrong = Dictionary(uniqueKeysWithValues: (12..<80).map { ($0, Float(-1)) })  // from step 7
    try trainLine(folder, steps: steps, resume: resume, objective: LineObjective(factors: wrong)) {
      $0.keepBest = "mse"
      $0.valEvery = 2
      $0.saveEvery = 8
      $0.learningRate = 0.05
    }
  }
  try train(folder, to: 13, resume: false)
  let errors = MetricsLog.lines(of: "\(folder)/metrics.jsonl").filter { $0.kind == "validation" }
  let best = errors.min { $0.json["mse"]!.double! < $1.json["mse"]!.double! }
  // The average goes on falling for a while. Step 10 is no multiple of save_every: it was saved
  // because it was the best.
  #expect(best?.step == 10)
  #expect(try Checkpoint(at: "\(folder)/best").step() == 10)
  #expect(savedSteps(folder) == [10, 13])
  // What was best is remembered over an interruption.
  try train(folder, to: 24, resume: true)
  #expect(try Checkpoint(at: "\(folder)/best").step() == 10)
  #expect(savedSteps(folder) == [10, 16, 24])
  // Without a wish for it there is none.
  try trainLine(folder, steps: 30, resume: true) { $0.keepBest = "" }
  #expect(savedSteps(folder) == [28, 30] && bytes("\(folder)/best") == nil)
  let error = #expect(throws: ConfigError.self) {
    try trainLine(TemporaryFolder.make(), steps: 1) { $0.keepBest = "vepe" }
  }
  #expect(error?.description.contains("one of mse") == true)
}

/// One way in which a checkpoint goes bad, and what the message must say.
struct Damage: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let says: String
  let inflict: @Sendable (_ folder: String) throws -> Void

  static func flip(_ name: String, at place: Int) -> Damage {
    Damage(testDescription: "\(name) flipped at \(place)", says: name) { folder in
      let path = "\(folder)/\(name)"
      var data = try Data(contentsOf: URL(fileURLWithPath: path))
      data[place < 0 ? data.count + place : place] ^= 4
      try data.write(to: URL(fileURLWithPath: path))
    }
  }

  static func cut(_ name: String, to share: Double) -> Damage {
    Damage(testDescription: "\(name) cut to \(share)", says: name) { folder in
      let url = URL(fileURLWithPath: "\(folder)/\(name)")
      let data = try Data(contentsOf: url)
      try data.prefix(Int(Double(data.count) * share)).write(to: url)
    }
  }

  static func lose(_ name: String) -> Damage {
    Damage(testDescription: "\(name) missing", says: name) {
      try FileManager.default.removeItem(atPath: "\($0)/\(name)")
    }
  }

  private static let files = [
    "model.safetensors", "ema.safetensors", "optimizer.safetensors", "config.json", "state.json",
  ]
  static let all: [Damage] =
    files.flatMap {
      [flip($0, at: 0), flip($0, at: -2), cut($0, to: 0), cut($0, to: 0.7), lose($0)]
    }
    + [0, 70, -3].map { flip("SHA256SUMS", at: $0) }.map(anyFile)
    + [anyFile(cut("SHA256SUMS", to: 0)), anyFile(cut("SHA256SUMS", to: 0.5)), lose("SHA256SUMS")]

  /// A list that is wrong itself may blame any file.
  private static func anyFile(_ damage: Damage) -> Damage {
    Damage(testDescription: damage.testDescription, says: "step-0000012", inflict: damage.inflict)
  }
}

@Test(arguments: Damage.all)
func damagedCheckpointsArePassedOver(_ damage: Damage) throws {
  let (whole, folder) = (try TemporaryFolder.make(), try TemporaryFolder.make())
  try trainLine(whole, steps: 14)
  try trainLine(folder, steps: 12)
  #expect(savedSteps(folder) == [8, 12])
  try damage.inflict("\(folder)/checkpoints/step-0000012")

  func newest(strict: Bool) throws -> (checkpoint: Checkpoint?, lines: [String]) {
    var lines: [String] = []
    let directory = try RunDirectory(folder)
    let found = try directory.newestIntactCheckpoint(isStrict: strict) { lines.append($0) }
    return (found, lines)
  }
  let error = #expect(throws: TrainingError.self) { try newest(strict: true) }
  #expect(error?.description.contains(damage.says) == true, "\(error as Any)")
  #expect(savedSteps(folder) == [8, 12], "nothing is touched")

  let (found, lines) = try newest(strict: false)
  #expect(try found?.step() == 8)
  let said = lines.joined(separator: "\n")
  #expect(said.contains("WARNING") && said.contains(damage.says), "\(said)")
  #expect(savedSteps(folder) == [8])
  #expect(FileManager.default.fileExists(atPath: "\(folder)/checkpoints/damaged-step-0000012"))

  try trainLine(folder, steps: 14, resume: true)
  for name in ["model.safetensors", "ema.safetensors", "optimizer.safetensors"] {
    let place = "checkpoints/step-0000014/\(name)"
    #expect(bytes("\(whole)/\(place)") == bytes("\(folder)/\(place)"), "\(name)")
  }
}

@Test func aRunWithoutIntactCheckpointsIsRefused() throws {
  let folder = try TemporaryFolder.make()
  try trainLine(folder, steps: 8)
  for step in savedSteps(folder) {
    try Damage.flip("model.safetensors", at: -1).inflict("\(folder)/checkpoints/step-000000\(step)")
  }
  let error = #expect(throws: TrainingError.self) { try trainLine(folder, steps: 9, resume: true) }
  #expect(
    error?.description.contains("expected an intact checkpoint, found 2 damaged") == true,
    "\(error as Any)")
  #expect(savedSteps(folder) == [4, 8], "nothing is touched")
}

@Test func foreignFoldersAreNoCheckpoints() throws {
  #expect(throws: TrainingError.self) { try Checkpoint(at: "/no/such/run") }
  #expect(throws: TrainingError.self) { try Checkpoint(at: TemporaryFolder.make()) }
  let file = try TemporaryFolder.path("pointer")
  try "checkpoints/../../etc\n".write(toFile: file, atomically: true, encoding: .utf8)
  #expect(throws: TrainingError.self) { try Checkpoint(at: file) }
}

@Test func changedDataIsNamed() throws {
  let folder = try TemporaryFolder.make()
  try trainLine(folder, steps: 4, batches: LineObjective.batches(["a.h5": "1", "b.h5": "2"]))
  let error = #expect(throws: TrainingError.self) {
    try trainLine(
      folder, steps: 6, resume: true, batches: LineObjective.batches(["b.h5": "3", "c.h5": "4"]))
  }
  #expect(
    error?.description.contains("a.h5 is gone, b.h5 has other contents, c.h5 is new") == true,
    "\(error as Any)")
}

/// What a process that was killed has left is cleared away, and what is not its own stays.
@Test func leftoversOfKilledProcessesGo() throws {
  let folder = try TemporaryFolder.make()
  try trainLine(folder, steps: 4)
  let files = FileManager.default
  for name in [
    "checkpoints/step-0000008.partial-123", "checkpoints/step-0000002.removed-9",
    "checkpoints/damaged-step-0000003",
  ] { try files.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true) }
  try "x".write(toFile: "\(folder)/latest.partial-77", atomically: true, encoding: .utf8)
  _ = try RunDirectory(folder)
  let left = try files.contentsOfDirectory(atPath: "\(folder)/checkpoints")
  #expect(left.sorted() == ["damaged-step-0000003", "step-0000004"])
  #expect(!files.fileExists(atPath: "\(folder)/latest.partial-77"))
}

@Test func oneProcessTrainsInAFolder() throws {
  let folder = try TemporaryFolder.make()
  let held = try RunDirectory(folder)
  #expect(held.deadOwner == nil)
  let error = #expect(throws: TrainingError.self) { try RunDirectory(folder) }
  #expect(
    error?.description.contains(
      "pid \(ProcessInfo.processInfo.processIdentifier) on \(ProcessInfo.processInfo.hostName)")
      == true)
  withExtendedLifetime(held) {}
}

@Test func locksOfTheDeadAreTakenOver() throws {
  let folder = try TemporaryFolder.make()
  do { _ = try RunDirectory(folder) }
  #expect(!FileManager.default.fileExists(atPath: folder), "nothing was saved in it")
  try trainLine(folder, steps: 1)
  #expect(try RunDirectory(folder).deadOwner == nil, "it was given back")
  try "pid 999999 on nowhere\n".write(
    toFile: "\(folder)/lock", atomically: false, encoding: .utf8)
  #expect(try RunDirectory(folder).deadOwner == "pid 999999 on nowhere")
}
