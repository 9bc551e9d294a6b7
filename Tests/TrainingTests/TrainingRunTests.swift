import Autograd
import Foundation
import TestSupport
import Testing

@testable import Training

@Test func resumedRunsEndAsUninterruptedOnes() throws {
  let (whole, parts) = (try TemporaryFolder.make(), try TemporaryFolder.make())
  #expect(try trainLine(whole, steps: 12) == .finished)
  for steps in [3, 4, 9, 12] { try trainLine(parts, steps: steps, resume: steps > 3) }
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
  try trainLine(folder, steps: 200) { $0.learningRate = 0.05 }
  let lines = try String(contentsOfFile: "\(folder)/metrics.jsonl", encoding: .utf8)
    .split(separator: "\n").map { try StrictJSON(parsing: $0.utf8) }
  let losses = lines.filter { $0["kind"]?.string == "train" }.compactMap { $0["loss"]?.double }
  #expect(losses.count == 200)
  #expect(losses.last! < 0.05 * losses.first!, "\(losses.first!) -> \(losses.last!)")
  #expect(lines.count { $0["kind"]?.string == "validation" } == 50)
  #expect(try RunSummary(folder).text.contains("step 200"))
}

private let faults: [(String, @Sendable (inout TrainingConfig) -> Void)] = [
  ("max_steps", { c in c.maxSteps = 0 }),
  ("betas", { c in c.betas = [0.9] }), ("clip_grad_norm", { c in c.clipGradNorm = 0 }),
  ("ema_decay", { c in c.emaDecay = 1 }), ("keep_last", { c in c.keepLast = 1 }),
  ("keep_every", { c in c.keepEvery = -1 }), ("preview_every", { c in c.previewEvery = -1 }),
  ("prefetch_batches", { c in c.prefetchBatches = 0 }),
  ("loss_spike_zscore", { c in c.lossSpikeZscore = -1 }),
  ("min_lr", { c in c.minLr = 1 }), ("batch_size", { c in c.batchSize = -1 }),
]

@Test(arguments: faults)
func impossibleSettingsAreRefused(_ key: String, _ change: @Sendable (inout TrainingConfig) -> Void)
{
  let error = #expect(throws: ConfigError.self) {
    try TrainingConfig.line(steps: 1, change).validate()
  }
  #expect(error?.key == "train.\(key)")
  #expect(throws: Never.self) { try TrainingConfig.line(steps: 1).validate() }
}
