import Autograd
import Foundation
import Testing
import Training

@testable import TrajLoomFlow
@testable import TrajLoomVAE

/// The shipped published configurations make models of the published sizes, initialised as published.
private func config<Config: Codable>(_ name: String, _ type: Config.Type) throws -> Config {
  var url = URL(fileURLWithPath: #filePath)
  for _ in 0..<3 { url.deleteLastPathComponent() }
  return try StrictConfig.load(type, from: "\(url.path)/configs/published/\(name).json")
}

private func range(_ state: [String: NDArray], _ name: String) -> (low: Float, high: Float) {
  let scalars = state[name]?.scalars ?? []
  return (scalars.min() ?? .nan, scalars.max() ?? .nan)
}

@Test func publishedVAEHasItsSizeAndInitialisation() throws {
  let run = try config("vae", VAERunConfig.self)
  try run.validate()
  #expect(run.vae == .published)
  let model = try TrajectoryVAE(run.vae, seed: 1)
  // 106.7 M, of which the unused norms and fixed tables are not trained.
  let millions = Double(model.parameterCount) / 1e6
  #expect(abs(millions - 106.7) < 0.1, "\(millions) M parameters")
  let state = model.stateDictionary()
  #expect(range(state, "final_layer.weight") == (0, 0))
  #expect(range(state, "encoder_blocks.15.gate_msa") == (0, 0))
  let bound = (6 / Float(512 + 1536)).squareRoot()  // Xavier
  let qkv = range(state, "decoder_blocks.0.attn.qkv.weight")
  #expect(qkv.high <= bound && qkv.high > 0.99 * bound && qkv.low < -0.99 * bound)
  #expect(state["offset_anchor_grid"]?.shape == [1, 1, 2, 480, 832])
  #expect(state["temp_compressor.conv.weight"]?.shape == [512, 512, 7])
}

@Test func publishedGeneratorHasItsSizeAndInitialisation() throws {
  let run = try config("flow", FlowRunConfig.self)
  try run.validate()
  #expect(run.flow == .published)
  let model = try TrajectoryDiT(run.flow, seed: 1)
  let millions = Double(model.parameterCount) / 1e6
  // 16 blocks of 14.76 M, 4.72 M for time, 3.15 M for text and 0.38 M for the rest.
  #expect(abs(millions - 244.46) < 0.01, "\(millions) M parameters")
  let state = model.stateDictionary()
  let bias = try #require(state["blocks.3.adaLN.1.bias"]).scalars
  let gates = [2, 5, 8].flatMap { bias[$0 * 768..<($0 + 1) * 768] }
  #expect(gates.allSatisfy { $0 == 1 } && bias.reduce(0, +) == Float(gates.count))
  #expect(range(state, "blocks.3.adaLN.1.weight") == (0, 0))
  #expect(range(state, "hist_vis_proj.weight") == (0, 0))
  let bound = 1 / Float(768).squareRoot()
  let fc1 = range(state, "blocks.0.mlp.fc1.weight")
  #expect(fc1.high <= bound && fc1.high > 0.99 * bound)
  #expect(state["track_fusion_scale"]?.item == 0.1)
  let gate = try #require(state["track_fusion_gate_logit"]).scalars.map { 1 / (1 + exp(-$0)) }
  #expect(abs(gate.first! - 0.95) < 1e-5 && abs(gate.last! - 0.35) < 1e-5)
}
