import Autograd
import Foundation
import TestSupport
import Testing

@testable import Training

/// A line fitted to noisy points: the smallest objective that uses everything a run has.
private struct LineObjective: Objective {
  struct Line: Module {
    let layer: Linear
    @Buffer var shift: NDArray
    init() {
      var initializer = Initializer(seed: 3)
      layer = Linear(2, 1, &initializer)
      shift = NDArray([0.5], shape: [1])
    }
  }

  let model = Line()
  var poisonedBatch: Int?

  func loss(_ batch: NDArray, index: Int) -> (loss: Tensor, terms: [Term]) {
    let noise = Philox(seed: 1, stream: "noise").normal([4, 1], step: index)
    let target = Tensor(batch).sum([1], keepingAxes: true) + 0.01 * Tensor(noise)
    var loss = square(model.layer(Tensor(batch)) + Tensor(model.shift) - target).mean()
    if index == poisonedBatch { loss = loss * .nan }
    return (loss, [Term("mse", loss.array.item)])
  }

  func evaluate(_ batch: NDArray, index: Int) -> [PooledMetric] {
    [PooledMetric("mse", sum: Double(loss(batch, index: 1000).loss.array.item), count: 1)]
  }

  func clips(_ batch: NDArray) -> [String] { ["clip"] }
}

private func batches(hash: String = "data") -> BatchSource<NDArray> {
  let make: @Sendable (Int) throws -> NDArray = {
    Philox(seed: 2, stream: "batch").normal([4, 2], step: $0)
  }
  return BatchSource(
    training: make, validationCount: 1, validation: { try make(500 + $0) }, dataHash: hash)
}

private func config(steps: Int, _ change: (inout TrainingConfig) -> Void = { _ in })
  -> TrainingConfig
{
  var config = TrainingConfig(
    maxSteps: steps, maxMinutes: 0, batchSize: 4, gradientAccumulationSteps: 2, learningRate: 0.02,
    betas: [0.9, 0.999], weightDecay: 0.01, clipGradNorm: 1, lrSchedule: .warmup, warmupSteps: 3,
    minLr: 0, emaDecay: 0.9, seed: 1, activationCheckpointing: .none, logEvery: 1, valEvery: 4,
    valMaxBatches: 1, saveEvery: 4, keepLast: 2, onNonfinite: .stop)
  change(&config)
  return config
}

private func train(
  _ folder: String, steps: Int, resume: Bool = false, hash: String = "data",
  objective: LineObjective = LineObjective(), _ change: (inout TrainingConfig) -> Void = { _ in }
) throws -> TrainingRun<LineObjective>.Outcome {
  var run = try TrainingRun(
    objective, batches(hash: hash), config(steps: steps, change), configText: "{}",
    in: RunDirectory(folder), resuming: resume ? Checkpoint(at: folder) : nil)
  return try run.run()
}

private func bytes(_ path: String) -> Data? { FileManager.default.contents(atPath: path) }

@Test func resumedRunsEndAsUninterruptedOnes() throws {
  let (whole, parts) = (try TemporaryFolder.make(), try TemporaryFolder.make())
  #expect(try train(whole, steps: 12) == .finished)
  for steps in [3, 4, 9, 12] { _ = try train(parts, steps: steps, resume: steps > 3) }
  for name in ["model.safetensors", "ema.safetensors", "optimizer.safetensors"] {
    let place = "checkpoints/step-0000012/\(name)"
    #expect(bytes("\(whole)/\(place)") == bytes("\(parts)/\(place)"), "\(name)")
    #expect(bytes("\(whole)/\(place)") != nil)
  }
  // Training really changed the weights, and the average differs from them.
  let first = try SafetensorsFile(path: "\(parts)/checkpoints/step-0000012/model.safetensors")
  let average = try SafetensorsFile(path: "\(parts)/checkpoints/step-0000012/ema.safetensors")
  #expect(first.names == ["layer.bias", "layer.weight", "shift"])
  #expect(try first.array("layer.weight").scalars != average.array("layer.weight").scalars)
}

@Test func lossFallsAndIsLogged() throws {
  let folder = try TemporaryFolder.make()
  _ = try train(folder, steps: 200) { $0.learningRate = 0.05 }
  let lines = try String(contentsOfFile: "\(folder)/metrics.jsonl", encoding: .utf8)
    .split(separator: "\n").map { try StrictJSON(parsing: $0.utf8) }
  let losses = lines.filter { $0["kind"]?.string == "train" }.compactMap { json -> Double? in
    guard case .number(let text)? = json["loss"] else { return nil }
    return Double(text)
  }
  #expect(losses.count == 200)
  #expect(losses.last! < 0.05 * losses.first!, "\(losses.first!) -> \(losses.last!)")
  #expect(lines.count { $0["kind"]?.string == "validation" } == 50)
  #expect(try RunSummary(folder).text.contains("step 200"))
}

@Test func onlyTheLastCheckpointsAreKept() throws {
  let folder = try TemporaryFolder.make()
  _ = try train(folder, steps: 17)
  #expect(
    RunDirectory.checkpoints(in: folder).map { ($0 as NSString).lastPathComponent }
      == ["step-0000016", "step-0000017"])
  #expect(
    String(decoding: bytes("\(folder)/latest")!, as: UTF8.self) == "checkpoints/step-0000017\n")
}

@Test func tornMetricsLinesAreDropped() throws {
  let folder = try TemporaryFolder.make()
  _ = try train(folder, steps: 4)
  let path = "\(folder)/metrics.jsonl"
  let before = try String(contentsOfFile: path, encoding: .utf8)
  // A later step of a run that died before saving, and half a line.
  try (before + "{\"kind\":\"train\",\"step\":5,\"loss\":1}\n{\"kind\":\"tra").write(
    toFile: path, atomically: true, encoding: .utf8)
  _ = try train(folder, steps: 6, resume: true)
  let after = try String(contentsOfFile: path, encoding: .utf8)
  #expect(after.hasPrefix(before))
  #expect(after.components(separatedBy: "\"step\":5,").count == 2)
}

@Test func nonFiniteLossesStopOrAreSkipped() throws {
  let folder = try TemporaryFolder.make()
  let objective = LineObjective(poisonedBatch: 5)  // in step 3
  let error = #expect(throws: TrainingError.self) {
    try train(folder, steps: 6, objective: objective) { $0.saveEvery = 1 }
  }
  #expect(
    error?.description.contains("step 3") == true && error?.description.contains("clip") == true)
  #expect(error?.description.contains("first operation to blame: ") == true, "\(error!)")
  #expect(try Checkpoint(at: folder).step() == 2)
  let skipping = try TemporaryFolder.make()
  let outcome = try train(skipping, steps: 6, objective: objective) { $0.onNonfinite = .skip }
  #expect(outcome == .finished)
  let weights = try SafetensorsFile(path: "\(Checkpoint(at: skipping).path)/model.safetensors")
  #expect(try weights.array("layer.weight").scalars.allSatisfy(\.isFinite))
}

@Test func damagedAndForeignCheckpointsAreRefused() throws {
  let folder = try TemporaryFolder.make()
  _ = try train(folder, steps: 4)
  let other = #expect(throws: TrainingError.self) {
    try train(folder, steps: 6, resume: true, hash: "other")
  }
  #expect(other?.description.contains("other data") == true)

  let file = "\(folder)/checkpoints/step-0000004/model.safetensors"
  var data = bytes(file)!
  data[data.count - 3] ^= 1
  try data.write(to: URL(fileURLWithPath: file))
  let damaged = #expect(throws: TrainingError.self) { try train(folder, steps: 6, resume: true) }
  #expect(damaged?.description.contains("damaged") == true)
  try FileManager.default.removeItem(atPath: file)
  #expect(throws: TrainingError.self) { try train(folder, steps: 6, resume: true) }
  #expect(throws: TrainingError.self) { try Checkpoint(at: "/no/such/run") }
  #expect(throws: TrainingError.self) { try Checkpoint(at: TemporaryFolder.make()) }
}

@Test func oneProcessTrainsInAFolder() throws {
  let folder = try TemporaryFolder.make()
  let held = try RunDirectory(folder)
  let error = #expect(throws: TrainingError.self) { try RunDirectory(folder) }
  #expect(error?.description.contains("pid \(ProcessInfo.processInfo.processIdentifier)") == true)
  withExtendedLifetime(held) {}
}

private let faults: [(String, @Sendable (inout TrainingConfig) -> Void)] = [
  ("max_steps", { c in c.maxSteps = 0 }),
  ("betas", { c in c.betas = [0.9] }), ("clip_grad_norm", { c in c.clipGradNorm = 0 }),
  ("ema_decay", { c in c.emaDecay = 1 }), ("keep_last", { c in c.keepLast = 1 }),
  ("min_lr", { c in c.minLr = 1 }), ("batch_size", { c in c.batchSize = -1 }),
]

@Test(arguments: faults)
func impossibleSettingsAreRefused(_ key: String, _ change: @Sendable (inout TrainingConfig) -> Void)
{
  let error = #expect(throws: ConfigError.self) { try config(steps: 1, change).validate() }
  #expect(error?.key == "train.\(key)")
  #expect(throws: Never.self) { try config(steps: 1).validate() }
}
