import Autograd
import TestSupport
import Testing

@testable import TrajLoomVAE

private let io = GoldenFolder.files(with: "coarse_tracks_px", "posterior_mean", "eps")

/// Pixels [B, T, Hc, Wc, 2] → normalised points [B, T, N, 2].
private func points(
  _ golden: GoldenFile, _ tensor: String, _ model: TrajectoryVAE, _ device: Device
)
  throws -> NDArray
{
  let tracks = try golden.array(tensor, on: device)
  let (batch, frames) = (tracks.shape[0], tracks.shape[1])
  return model.anchor.normalize(tracks.reshaped([batch, frames, model.config.tokens, 2]))
}

@Test(arguments: io, [Device.cpu, .reference])
func vaeEncodesAndDecodes(_ golden: GoldenFile, _ device: Device) throws {
  let model = try golden.vae(on: device)
  let posterior = model.encode(try points(golden, "coarse_tracks_px", model, device))
  func check(_ actual: NDArray, _ tensor: String) throws {
    expectClose(actual, try golden.array(tensor), within: 2e-5, "\(golden) \(device) \(tensor)")
  }
  try check(posterior.mean.array, "posterior_mean")
  try check(posterior.scale.array, "posterior_scale")
  let z = posterior.sample(try golden.array("eps", on: device))
  try check(z.array, "z")
  let mean = Tensor(try golden.array("posterior_mean", on: device))
  try check(model.decodeDense(mean).array, "recon_mean_dense")
  func pixels(_ z: Tensor) -> NDArray { model.anchor.denormalize(model.decodePoints(z).array) }
  try check(pixels(mean), "recon_mean_coarse_px")
  try check(
    pixels(Tensor(try golden.array("z", on: device))), "recon_z_coarse_px")
  for dense in GoldenFolder.files(with: "recon_z_dense")
  where dense.stem.hasPrefix(golden.stem.dropLast(2)) {
    expectClose(
      model.decodeDense(Tensor(try golden.array("z", on: device))).array,
      try dense.array("recon_z_dense"), within: 2e-5, "\(dense)")
  }
}

/// The inputs of a training file: the io file with the same model.
private func inputs(of golden: GoldenFile) throws -> GoldenFile {
  let stem = try #require(golden.stem.range(of: "_train_").map { golden.stem[..<$0.lowerBound] })
  return try GoldenFolder.file(named: "\(stem)_io.safetensors")
}

private func lossAndGradient(
  _ golden: GoldenFile, _ loss: VAELossConfig, _ device: Device
) throws -> (total: Float, terms: VAELossTerms, gradient: [String: NDArray]) {
  let input = try inputs(of: golden)
  let model = try golden.vae(on: device)
  let points = try points(input, "coarse_tracks_px", model, device)
  let visibility = try input.array("coarse_vis", on: device)
  let mask = visibility.reshaped([points.shape[0], points.shape[1], model.config.tokens])
  let noise = try input.array("eps", on: device)
  var terms: VAELossTerms?
  let (total, gradient) = valueWithGradient(at: model) { model in
    let (total, values) = model.loss(points: points, visibility: mask, noise: noise, loss)
    terms = values
    return total
  }
  return (total, terms!, gradient)
}

private let training = GoldenFolder.files(with: "loss.recon", "loss.kl", "loss.vel", "loss.spatial")

@Test(arguments: training)
func vaeLossAndGradient(_ golden: GoldenFile) throws {
  let cost = PairCost.allCases.first { golden.stem.hasSuffix("_\($0.rawValue)") } ?? .l1
  let loss = VAELossConfig(
    neighborHopUnit: golden.stem.contains("coarse") ? .cell : .pixel, pairCost: cost)
  let (total, terms, gradient) = try lossAndGradient(golden, loss, .cpu)
  func check(_ actual: Float, _ name: String) throws {
    let exact = golden.has("loss64.\(name)") ? "loss64.\(name)" : "loss.\(name)"
    expectClose(actual, try golden.values(exact)[0], within: 1e-5, "\(golden) \(name)")
  }
  try check(terms.reconstruction, "recon")
  try check(terms.kl, "kl")
  try check(terms.velocity, "vel")
  try check(terms.neighbor, "spatial")
  try check(total, "total")
  // L1 has kinks: a pair whose error is within rounding of zero may change sign, so its files
  // compare norms.
  try expectGradients(
    gradient, golden, under: "grad.", isComplete: true, within: cost == .l1 ? 2e-3 : 1e-4,
    inNorm: cost == .l1)
}

private let otherCosts: [(GoldenFile, PairCost, GridFieldLoss.HopUnit)] =
  GoldenFolder.files.flatMap { file in
    PairCost.allCases.flatMap { cost in
      [("dense", GridFieldLoss.HopUnit.pixel), ("coarse", .cell)].compactMap { name, unit in
        file.has("\(cost.rawValue).\(name).loss.total") ? (file, cost, unit) : nil
      }
    }
  }

@Test(arguments: otherCosts)
func vaeLossWithOtherPairCosts(
  _ golden: GoldenFile, _ cost: PairCost, _ unit: GridFieldLoss.HopUnit
) throws {
  let prefix = "\(cost.rawValue).\(unit == .cell ? "coarse" : "dense")."
  for device in unit == .cell ? [Device.cpu, .reference] : [.cpu] {
    let (total, terms, gradient) = try lossAndGradient(
      golden, VAELossConfig(neighborHopUnit: unit, pairCost: cost), device)
    let values = [("vel", terms.velocity), ("spatial", terms.neighbor), ("total", total)]
    for (name, actual) in values {
      expectClose(
        actual, try golden.values("\(prefix)loss.\(name)")[0], within: 1e-5,
        "\(golden) \(prefix)\(name) on \(device)")
    }
    for gradients in ["\(prefix)grad.", "grad.\(prefix)"]
    where golden.names.contains(where: { $0.hasPrefix(gradients) }) {
      try expectGradients(gradient, golden, under: gradients, isComplete: false, within: 1e-4)
    }
  }
}

@Test(
  arguments: GoldenFolder.files(with: "recon_offset", "vis", "value.recon"),
  [Device.cpu, .reference])
func fieldLossesAndGradients(_ golden: GoldenFile, _ device: Device) throws {
  let config = try golden.metadata()
  let sizes = try ["B", "T", "Hc", "Wc", "stride"].map { try #require(config[$0] as? Int) }
  let (batch, frames, rows, columns, stride) = (sizes[0], sizes[1], sizes[2], sizes[3], sizes[4])
  let anchor = GridAnchor(
    try published(
      [
        "encoding": "pixel", "encoder_depth": 2, "decoder_depth": 2, "hidden_size": 4,
        "num_heads": 1, "mlp_ratio": 4.0, "patch_size": stride, "in_channels": 2,
        "latent_channels": 1, "input_height": rows * stride, "input_width": columns * stride,
        "num_frames_in": frames, "num_frames_latent": frames, "use_temp_compress": false,
        "temp_stride": 1, "use_offsets": true, "learn_sigma": false, "beta": 0,
        "pos_embed_dim": 4,
      ] as [String: Any], adding: [:]))
  /// Dense [B, T, 2, H, W] → patches [B, T, N, stride · stride · 2].
  func patches(_ dense: NDArray) -> NDArray {
    Tensor(dense).reshaped([batch, frames, 2, rows, stride, columns, stride])
      .permuted([0, 1, 3, 5, 4, 6, 2])
      .reshaped([batch, frames, rows * columns, stride * stride * 2]).array
  }
  let tracks = try golden.array("coarse_tracks_px", on: device)
  let points = anchor.normalize(tracks.reshaped([batch, frames, rows * columns, 2]))
  let target = (Tensor(points) - Tensor(anchor.origin.on(device))).array
  let mask = Tensor(try golden.array("vis", on: device))
    .reshaped([batch, frames, rows, stride, columns, stride])
    .sliced(axis: 3, 0..<1).sliced(axis: 5, 0..<1).array
    .reshaped([batch, frames, rows * columns])
  let prediction = patches(try golden.array("recon_offset", on: device))

  func check(
    _ name: String, _ cost: PairCost, _ unit: GridFieldLoss.HopUnit,
    _ weights: (Float, Float, Float), _ term: KeyPath<GridFieldLossTerms, [Float]>
  ) throws {
    guard golden.has("value.\(name)") else { return }
    let loss = GridFieldLoss(
      rows: rows, columns: columns, patch: stride, hopUnit: unit, cost: cost,
      reconstructionWeight: weights.0, velocityWeight: weights.1, neighborWeight: weights.2)
    var terms: GridFieldLossTerms?
    let (_, gradients) = valueWithGradient(at: [prediction]) { inputs in
      let (total, values) = gridFieldLoss(
        prediction: inputs[0], target: target, ramp: anchor.ramp.on(device), mask: mask, loss)
      terms = values
      return total
    }
    for (actual, expected) in zip(terms![keyPath: term], try golden.values("value.\(name)")) {
      expectClose(actual, expected, within: 1e-5, "\(golden) \(name) on \(device)")
    }
    guard golden.has("grad.\(name)") else { return }
    expectClose(
      gradients[0]!, patches(try golden.array("grad.\(name)", on: device)), within: 2e-5,
      "\(golden) grad.\(name) on \(device)")
  }
  try check("recon", .l1, .cell, (1, 0, 0), \.reconstruction)
  for cost in PairCost.allCases {
    try check("vel.\(cost.rawValue)", cost, .cell, (0, 1, 0), \.velocity)
    try check("spatial.\(cost.rawValue).dense", cost, .pixel, (0, 0, 1), \.neighbor)
    try check("spatial.\(cost.rawValue).coarse", cost, .cell, (0, 0, 1), \.neighbor)
  }
  if golden.has("kl_mean") {
    let kl = gaussianKL(
      mean: Tensor(try golden.array("kl_mean")), scale: Tensor(try golden.array("kl_scale")))
    expectClose(
      kl.mean([1, 2, 3]).array, try golden.array("kl_per_sample"), within: 1e-5, "\(golden) kl")
  }
}

@Test(arguments: GoldenFolder.files(with: "patch_embed_full", "dec.tokens"))
func patchEmbeddingIsAffine(_ golden: GoldenFile) throws {
  let model = try golden.vae()
  let tracks = try golden.array("coarse_tracks_norm")
  let (batch, frames) = (tracks.shape[0], tracks.shape[1])
  let points = tracks.reshaped([batch, frames, model.config.tokens, 2])
  let embedded = model.xEmbedder(
    Tensor(points) - Tensor(model.anchor.origin), model.anchor.ramp)
  expectClose(
    embedded.array, try golden.array("patch_embed_full"), within: 1e-5, "\(golden) patch embedding")
  // The exported tracks need only the first two rows of the last layer.
  let topLeft = linear(
    Tensor(try golden.array("dec.tokens")), model.finalLayer.weight.sliced(axis: 0, 0..<2),
    model.finalLayer.bias.sliced(axis: 0, 0..<2))
  expectClose(
    (topLeft + model.firstAnchor(.cpu)).array, try golden.array("dec.topleft_full"), within: 1e-5,
    "\(golden) top-left pixels")
}
