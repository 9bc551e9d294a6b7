import Autograd
import TestSupport
import Testing

@testable import TrajLoomFlow
@testable import TrajLoomVAE

/// The whole pipeline: history tracks, encode, scale, sample, unscale, decode, pixels.
@Test(arguments: GoldenFolder.files(with: "hist_tracks_px", "noise_anchor", "stat_mean"))
func pipelineFromTracksToTracks(_ golden: GoldenFile) throws {
  let config = try golden.metadata()
  let vae = try golden.vae(config: config["vae"], weightsKey: "vae_weights_file")
  let flow = try golden.generator(config: config["generator"], weightsKey: "generator_weights_file")
  let tolerance: Float = 1e-4
  func check(_ actual: NDArray, _ tensor: String) throws {
    expectClose(actual, try golden.array(tensor), within: tolerance, "\(golden) \(tensor)")
  }
  let tracks = try golden.array("hist_tracks_px")
  let (batch, frames, tokens) = (tracks.shape[0], tracks.shape[1], vae.config.tokens)
  let points = vae.anchor.normalize(tracks.reshaped([batch, frames, tokens, 2]))
  let unscaled = vae.encode(points).mean.array
  try check(unscaled, "z_hist_unscaled")
  let scaling = LatentScaling(
    mean: try golden.array("stat_mean").scalars, deviation: try golden.array("stat_std").scalars)
  let history = scaling.scale(unscaled)
  try check(history, "z_hist")
  let visibility = latentVisibility(
    try golden.array("hist_vis_coarse").reshaped([batch, frames, tokens]),
    stride: vae.config.tempStride)
  expectClose(visibility, try golden.array("hist_vis_lat"), within: 0, "\(golden) hist_vis_lat")
  let source = RectifiedFlow.source(
    noise: try golden.array("noise"), anchorNoise: try golden.array("noise_anchor"),
    anchors: .init(history: history), .anchorFirst, noiseDeviation: 0.1)
  try check(source, "z0")

  let steps = try #require(config["euler_steps"] as? [Int])
  for (mode, seen) in [("no_hist_vis", nil), ("with_hist_vis", visibility)] {
    let context = flow.context(
      FlowConditions(
        history: Tensor(history), historyVisibility: seen.map { Tensor($0) },
        video: golden.has("z_video") ? Tensor(try golden.array("z_video")) : nil,
        text: golden.has("text") ? Tensor(try golden.array("text")) : nil))
    for count in steps where golden.has("\(mode).euler\(count).z1") {
      let z1 = ODESolver.euler.solve(from: source, steps: count) { z, t in
        flow.velocity(z, time: [Float](repeating: t, count: batch), context)
      }
      let name = "\(mode).euler\(count)"
      try check(z1, "\(name).z1")
      guard golden.has("\(name).tracks_px_noclamp") else { continue }
      try check(scaling.unscale(z1), "\(name).z1_unscaled")
      let decoded = vae.decodePoints(Tensor(scaling.unscale(z1))).array
      try check(vae.anchor.denormalize(decoded), "\(name).tracks_px_noclamp")
    }
  }
}
