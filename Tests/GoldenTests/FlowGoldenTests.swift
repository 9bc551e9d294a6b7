import Autograd
import TestSupport
import Testing

@testable import TrajLoomFlow

/// A generator with its conditions as parameters, so that one call gives the gradients of both.
private struct Probe: Module {
  let model: TrajectoryDiT
  @Parameter var history: Tensor
  @Parameter var z: Tensor
  let video: Parameter?
  let text: Parameter?
}

private func probe(_ golden: GoldenFile, _ model: TrajectoryDiT, z: String) throws -> Probe {
  func optional(_ tensor: String) throws -> Parameter? {
    golden.has(tensor) ? Parameter(wrappedValue: Tensor(try golden.array(tensor))) : nil
  }
  return Probe(
    model: model, history: Tensor(try golden.array("z_hist")), z: Tensor(try golden.array(z)),
    video: try optional("z_video"), text: try optional("text"))
}

extension Probe {
  func context(visibility: NDArray?) -> FlowContext {
    model.context(
      FlowConditions(
        history: history, historyVisibility: visibility.map { Tensor($0) },
        video: video?.wrappedValue, text: text?.wrappedValue))
  }
}

@Test(arguments: GoldenFolder.files(with: "v_hat", "z_t", "t"), [false, true])
func flowForwardLossAndGradient(_ golden: GoldenFile, _ checkpointsBlocks: Bool) throws {
  let weights = try GoldenFolder.file(named: "\(golden.stem)_weights.safetensors")
  let model = try weights.generator(
    config: golden.metadata(), weightsKey: "", checkpointsBlocks: checkpointsBlocks)
  let inputs = try probe(golden, model, z: "z_t")
  let visibility = try golden.array("hist_vis_lat")
  let time = try golden.array("t").scalars
  func check(_ actual: Tensor, _ tensor: String) throws {
    expectClose(actual.array, try golden.array(tensor), within: 2e-5, "\(golden) \(tensor)")
  }
  let context = inputs.context(visibility: visibility)
  try check(model.velocity(inputs.z, time: time, context), "v_hat")
  try check(
    model.velocity(inputs.z, time: time, inputs.context(visibility: nil)), "v_hat_no_hist_vis")
  try check(model.velocity(inputs.z, time: time.map { _ in 0 }, context), "v_hat_t0")

  // The pieces of the loss, from the same draws.
  let config = try golden.metadata()
  let source = RectifiedFlow.source(
    noise: try golden.array("noise"), anchorNoise: try golden.array("noise_anchor"),
    anchors: .init(history: try golden.array("z_hist")), .anchorFirst, noiseDeviation: 0.1)
  expectClose(source, try golden.array("z0"), within: 1e-6, "\(golden) z0")
  let anchoredEverywhere = RectifiedFlow.source(
    noise: try golden.array("noise"), anchorNoise: try golden.array("noise_anchor"),
    anchors: .init(history: try golden.array("z_hist")), .anchorAll, noiseDeviation: 0.1)
  expectClose(
    anchoredEverywhere, try golden.array("z0_anchor_all"), within: 1e-6, "\(golden) z0_anchor_all")
  let data = try golden.array("z1")
  expectClose(
    RectifiedFlow.interpolate(source, data, time), try golden.array("z_t"), within: 1e-6,
    "\(golden) z_t")
  let invisible = Float(config["fm_invis_weight"] as? Double ?? 0.01)
  let tokenWeights = RectifiedFlow.tokenWeights(
    try golden.array("fut_vis_lat"), invisibleWeight: invisible)
  expectClose(tokenWeights, try golden.array("token_weight"), within: 1e-6, "\(golden) weights")
  let target = try golden.array("target")
  let noisy = Tensor(try golden.array("z_t")) + 0.05 * Tensor(try golden.array("xi"))
  let sigmaLoss = RectifiedFlow.loss(
    model.velocity(noisy, time: time, context), target: Tensor(target), weights: tokenWeights)
  expectClose(
    sigmaLoss.array.item, try golden.values("loss_sigma")[0], within: 1e-5, "\(golden) loss_sigma")

  let (loss, gradient) = valueWithGradient(at: inputs) { inputs in
    RectifiedFlow.loss(
      inputs.model.velocity(inputs.z, time: time, inputs.context(visibility: visibility)),
      target: Tensor(target), weights: tokenWeights)
  }
  expectClose(loss, try golden.values("loss64")[0], within: 1e-5, "\(golden) loss")
  let parameters = gradient.filter { $0.key.hasPrefix("model.") }.map {
    (String($0.key.dropFirst("model.".count)), $0.value)
  }
  try expectGradients(
    Dictionary(uniqueKeysWithValues: parameters), golden, under: "grad.", isComplete: true,
    within: 1e-4)
  let inputGradients = [
    ("history", "grad_in.z_hist"), ("z", "grad_in.z_t"), ("video", "grad_in.z_video"),
    ("text", "grad_in.text"),
  ]
  for (name, tensor) in inputGradients where golden.has(tensor) {
    expectClose(
      try #require(gradient[name]), try golden.array(tensor), within: 1e-4, "\(golden) \(tensor)")
  }
}

@Test(arguments: GoldenFolder.files(with: "z_states", "t_grid", "loss.op"))
func onPolicyTermsAndGradients(_ golden: GoldenFile) throws {
  let model = try golden.generator(config: golden.metadata(), weightsKey: "weights_file")
  let inputs = try probe(golden, model, z: "z0")
  let visibility = golden.has("hist_vis_lat") ? try golden.array("hist_vis_lat") : nil
  let times = try golden.array("t_grid").scalars
  let data = try golden.array("z1")
  let weights = RectifiedFlow.tokenWeights(
    try golden.array("fut_vis_lat"),
    invisibleWeight: Float(try golden.metadata()["fm_invis_weight"] as? Double ?? 0.01))
  func rollout(_ inputs: Probe) -> OnPolicyRollout {
    OnPolicyRollout(
      inputs.model, inputs.context(visibility: visibility), source: inputs.z.array, data: data,
      times: times, weights: weights)
  }

  let detached = rollout(inputs)
  func stacked(_ arrays: [NDArray]) -> NDArray {
    concatenated(arrays.map { Tensor($0.reshaped([1] + $0.shape)) }, axis: 0).array
  }
  func check(_ actual: NDArray, _ tensor: String) throws {
    expectClose(actual, try golden.array(tensor), within: 5e-5, "\(golden) \(tensor)")
  }
  try check(stacked(Array(detached.states.dropLast())), "z_states")
  try check(detached.states.last!, "z_last")
  try check(stacked(detached.velocities), "v_k")
  try check(stacked(detached.targets), "targets")
  try check(stacked(detached.endpoints), "endpoints")

  let terms: [(String, (OnPolicyRollout) -> Tensor)] = [
    ("op", { $0.roll }), ("end_z1", { $0.endpointData }), ("end_consec", { $0.endpointPrevious }),
  ]
  for (name, term) in terms {
    let (value, gradient) = valueWithGradient(at: inputs) { term(rollout($0)) }
    expectClose(value, try golden.values("loss.\(name)")[0], within: 2e-5, "\(golden) loss.\(name)")
    let parameters = gradient.filter { $0.key.hasPrefix("model.") }.map {
      (String($0.key.dropFirst("model.".count)), $0.value)
    }
    try expectGradients(
      Dictionary(uniqueKeysWithValues: parameters), golden, under: "grad.\(name).",
      isComplete: true, within: 2e-4, scalarTolerance: 1e-3)
  }
  let lambda = try golden.array("lambda").scalars
  let total = (lambda[0] * detached.roll + lambda[1] * detached.endpointData).array.item
  expectClose(total, try golden.values("loss.total_A")[0], within: 2e-5, "\(golden) total A")
}

@Test(arguments: GoldenFolder.files(with: "logits", "prob_frames", "z_fut"))
func visibilityHead(_ golden: GoldenFile) throws {
  let metadata = try golden.metadata()
  let model = try VisibilityPredictor(published(metadata, adding: [:]), seed: 0)
  try model.load(golden.arrays(under: "w."))
  let future = try golden.array("z_fut")
  let history = golden.has("z_hist") ? try golden.array("z_hist") : future
  let target = try golden.array("target")
  let logits = model(Tensor(future), history: Tensor(history))
  expectClose(logits.array, try golden.array("logits"), within: 1e-5, "\(golden) logits")
  let frames = try #require(metadata["T_in"] as? Int)
  let stride = metadata["temp_stride"] as? Int ?? 4
  expectClose(
    framewise(sigmoid(logits).array, frames: frames, stride: stride),
    try golden.array("prob_frames"), within: 1e-5, "\(golden) prob_frames")
  let weighted = model.loss(
    future: Tensor(future), history: Tensor(history), visibility: target, positiveWeight: 2.5)
  expectClose(
    weighted.array.item, try golden.values("loss_pos_weight_2.5")[0], within: 1e-5, "\(golden)")

  struct Inputs: Module {
    let model: VisibilityPredictor
    @Parameter var future: Tensor
  }
  let inputs = Inputs(model: model, future: Tensor(future))
  let (loss, gradient) = valueWithGradient(at: inputs) { inputs in
    inputs.model.loss(future: inputs.future, history: Tensor(history), visibility: target)
  }
  expectClose(loss, try golden.values("loss")[0], within: 1e-5, "\(golden) loss")
  let parameters = gradient.filter { $0.key.hasPrefix("model.") }.map {
    (String($0.key.dropFirst("model.".count)), $0.value)
  }
  try expectGradients(
    Dictionary(uniqueKeysWithValues: parameters), golden, under: "grad.", isComplete: true,
    within: 2e-5)
  expectClose(
    gradient["future"]!, try golden.array("grad_in.z_fut"), within: 2e-5, "\(golden) grad_in")
}
