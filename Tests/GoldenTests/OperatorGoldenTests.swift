import Autograd
import Foundation
import TestSupport
import Testing

@testable import TrajLoomFlow
@testable import TrajLoomVAE

/// A reference op: inputs `<name>.in.*`, cotangent `<name>.gy`, result `<name>.out` and gradients
/// `<name>.grad.*`.
struct GoldenOp: Sendable, CustomStringConvertible {
  let golden: GoldenFile
  let name: String
  var description: String { "\(golden) \(name)" }

  static let all: [GoldenOp] = GoldenFolder.files.flatMap { file in
    file.names.filter { $0.hasSuffix(".gy") }.map {
      GoldenOp(golden: file, name: String($0.dropLast(3)))
    }
  }
}

/// What the reference calls `name`, and the tolerances for its result and gradients.
private func implementation(
  _ op: GoldenOp, _ device: Device
) throws -> (f: ([String: Tensor]) throws -> Tensor, tolerance: Float, gradientTolerance: Float)? {
  func plain(_ f: @escaping ([String: Tensor]) throws -> Tensor, _ tolerance: Float = 1e-6)
    -> (f: ([String: Tensor]) throws -> Tensor, tolerance: Float, gradientTolerance: Float)
  { (f, tolerance, tolerance) }
  let parts = op.name.split(separator: ".").map(String.init)
  let stride = parts.count > 1 ? Int(parts[0].dropFirst()) ?? 4 : 4
  switch parts.last! {
  case "rmsnorm", "rmsnorm_small":
    return plain { rmsNorm($0["x"]!, gain: $0["weight"]) }
  case "gelu": return plain { gelu($0["x"]!) }
  case "silu": return plain { silu($0["x"]!) }
  case "softplus": return plain { softplus($0["x"]!) }
  case "posterior_scale": return plain { softplus(0.5 * $0["logvar"]!) + 1e-8 }
  case "softmax": return plain({ softmax($0["x"]!) }, 5e-6)
  case "sdpa", "sdpa_qknorm":
    return plain(
      { inputs in
        let (q, k, v) = (inputs["q"]!, inputs["k"]!, inputs["v"]!)
        let (length, size) = (q.shape[2], q.shape[3])
        let flat = [q, k, v].map { $0.reshaped([$0.shape[0] * $0.shape[1], $0.shape[2], size]) }
        return crossAttention(
          flat[0], concatenated([flat[1], flat[2]], axis: 2), heads: 1, axis: 1,
          normalizesQK: op.name.hasSuffix("qknorm")
        ).reshaped([q.shape[0], q.shape[1], length, size])
      }, 5e-6)
  case "compress":
    return plain(
      {
        convolution1D(
          $0["x"]!, $0["weight"]!, $0["bias"]!, stride: stride, padding: .replicate(stride - 1))
      }, 2e-6)
  case "expand":
    return plain(
      {
        transposedConvolution1D(
          $0["x"]!, $0["weight"]!, $0["bias"]!, stride: stride, padding: stride - 1)
      }, 2e-6)
  case "conv1d_same":
    return plain(
      {
        convolution1D(
          $0["x"]!.permuted([0, 2, 1]), $0["weight"]!, $0["bias"]!,
          padding: .zeros($0["weight"]!.shape[2] / 2)
        ).permuted([0, 2, 1])
      }, 2e-6)
  case "huber": return plain { huber($0["a"]! - $0["b"]!) }
  case "kl": return plain { gaussianKL(mean: $0["mean"]!, scale: $0["scale"]!) }
  case "bce_logits", "bce_logits_pw":
    let target = Tensor(
      try op.golden.array(
        op.golden.has("\(op.name).target") ? "\(op.name).target" : "bce_logits.target", on: device))
    return plain {
      binaryCrossEntropy(
        logits: $0["x"]!, target, positiveWeight: op.name.hasSuffix("pw") ? 4 : 1)
    }
  case "vae_block":
    let config = try op.golden.metadata()
    return (
      { inputs in
        try block(inputs, op) { width in
          var initializer = Initializer(seed: 0)
          return TrajectoryTransformerBlock(
            width: width, heads: config["num_heads"] as! Int,
            mlpRatio: config["mlp_ratio"] as! Double,
            &initializer)
        } run: {
          $0($1, axis: 1, checkpoints: false)
        }
      }, 5e-6, 2e-5
    )
  case "dit_block", "dit_block_noctx":
    let config = try op.golden.metadata()
    return (
      { inputs in
        try block(inputs, op) { width in
          var initializer = Initializer(seed: 0)
          return DiTBlock(
            width: width, heads: config["num_heads"] as! Int,
            mlpRatio: config["mlp_ratio"] as! Double,
            &initializer)
        } run: { block, x in
          let context = inputs["context"].map { context in
            context.reshaped([context.shape[0], context.shape[1], 1, context.shape[2]])
          }
          return block(
            x, condition: inputs["cond"]!, keyValue: context.map { block.xattn.kv($0) }, axis: .time
          )
        }
      }, 5e-6, 2e-5
    )
  default: return nil
  }
}

/// A block with the weights among `inputs`, run over [B, L, D] as [B, L, 1, D].
private func block<Block: Module>(
  _ inputs: [String: Tensor], _ op: GoldenOp, make: (Int) -> Block, run: (Block, Tensor) -> Tensor
) throws -> Tensor {
  let x = inputs["x"]!
  let block = make(x.shape[2])
  for (name, parameter) in block.namedParameters() {
    guard let weight = inputs[name] else { continue }  // cross-attention without a context
    parameter.wrappedValue = weight
  }
  return run(block, x.reshaped([x.shape[0], x.shape[1], 1, x.shape[2]])).reshaped(x.shape)
}

@Test(arguments: GoldenOp.all, [Device.cpu, .reference])
func operatorForwardAndGradient(_ op: GoldenOp, _ device: Device) throws {
  let (f, tolerance, gradientTolerance) = try #require(
    try implementation(op, device), "\(op): no implementation is named for this reference")
  let inputs = try op.golden.arrays(under: "\(op.name).in.", on: device)
  let names = inputs.keys.sorted()
  let cotangent = Tensor(try op.golden.array("\(op.name).gy", on: device))
  func evaluate(_ tensors: [Tensor]) throws -> Tensor {
    try f(Dictionary(uniqueKeysWithValues: zip(names, tensors)))
  }
  let output = try evaluate(names.map { Tensor(inputs[$0]!) })
  expectClose(
    output.array, try op.golden.array("\(op.name).out"), within: tolerance, "\(op) on \(device)")
  let (_, gradients) = try valueWithGradient(at: names.map { inputs[$0]! }) {
    (try evaluate($0) * cotangent).sum()
  }
  for (name, gradient) in zip(names, gradients) where op.golden.has("\(op.name).grad.\(name)") {
    expectClose(
      try #require(gradient, "\(op): no gradient for \(name)"),
      try op.golden.array("\(op.name).grad.\(name)"), within: gradientTolerance,
      "\(op) grad.\(name) on \(device)")
  }
}

@Test(arguments: GoldenFolder.files(with: "timestep.t", "temporal_pos.hist"))
func embeddingsAndPooling(_ golden: GoldenFile) throws {
  func check(_ actual: NDArray, _ tensor: String) throws {
    let difference = zip(actual.scalars, try golden.array(tensor).scalars).map { abs($0 - $1) }
    #expect(difference.count == (try golden.array(tensor).count), "\(golden) \(tensor)")
    #expect(difference.max()! <= 2e-6, "\(golden) \(tensor): \(difference.max()!)")
  }
  let times = try golden.array("timestep.t").scalars
  for name in golden.names where name.hasPrefix("timestep.") && name != "timestep.t" {
    let width = try golden.array(name).shape[1]
    try check(SinusoidalEmbedding.cosineFirst(times, width: width), name)
  }
  let steps = try golden.array("temporal_pos.hist").shape
  for (name, start) in [("hist", 0), ("fut", 4 * (steps[0] - 1) + 1)] {
    let positions = (0..<steps[0]).map { Float(start + 4 * $0) }
    try check(
      SinusoidalEmbedding.cosineFirst(positions, width: steps[1]), "temporal_pos.\(name)")
  }
  let centers = try golden.array("vae.patch_centers").scalars
  let columns = centers.indices.first { $0 % 2 == 1 && centers[$0] != centers[1] }.map { $0 / 2 }!
  let rows = centers.count / 2 / columns
  try check(patchCenters(rows: rows, columns: columns), "vae.patch_centers")
  let grid = try golden.array("vae.pos_embed_2d")
  try check(
    SinusoidalEmbedding.grid(rows: rows, columns: columns, width: grid.shape[1]), "vae.pos_embed_2d"
  )
  let frames = try golden.array("vae.temp_embed").shape
  try check(
    SinusoidalEmbedding.sineFirst((0..<frames[0]).map(Double.init), width: frames[1]),
    "vae.temp_embed")

  let weights = try golden.arrays(under: "lff.w.")
  var initializer = Initializer(seed: 0)
  let lff = FourierFeatures(
    width: 2 * weights["w"]!.shape[0], hidden: weights["mlp.fc1.weight"]!.shape[0], &initializer)
  try lff.load(weights)
  let points = try golden.array("lff.in")
  try check(lff(Tensor(points.reshaped([points.count / 2, 2]))).array, "lff.out")

  let image = Tensor(try golden.array("pool.in")).permuted([0, 2, 3, 1])
  for name in golden.names where name.hasPrefix("pool.out") {
    let block = Int(name.dropFirst("pool.out".count))!
    try check(meanPooled(image, block: block).permuted([0, 3, 1, 2]).array, name)
  }
  // The stride is the one that makes this many latents of this many frames.
  let visibility = try golden.array("vispool.in")
  let (frameCount, latents) = (visibility.shape[1], try golden.array("vispool.out").shape[1])
  let stride = try #require((1...frameCount).first { (frameCount + $0 - 1) / $0 == latents })
  try check(latentVisibility(visibility, stride: stride), "vispool.out")
}
