import Autograd

/// A pre-norm transformer block over tokens [B, T, N, D] that attends along time or space.
///
/// x += gate_msa · attn(norm1(x));  x += gate_mlp · mlp(norm3(x)), gates initialised to zero
/// (zewei-Zhang/TrajLoom, `models/trajloom_vae.py`, `TrajTransformerBlock`).
struct TrajectoryTransformerBlock: Module {
  @Parameter var gateMsa: Tensor  // [1, 1, D]
  @Parameter var gateMlp: Tensor  // [1, 1, D]
  let norm1: RMSNorm
  let attn: SelfAttention
  let norm2: RMSNormBuffer
  let norm3: RMSNorm
  let mlp: MLP

  init(width: Int, heads: Int, mlpRatio: Double, _ initializer: inout Initializer) {
    let hidden = Int(Double(width) * mlpRatio)
    gateMsa = .zeros([1, 1, width])
    gateMlp = .zeros([1, 1, width])
    norm1 = RMSNorm(width)
    attn = SelfAttention(
      qkv: Linear(xavier: width, 3 * width, &initializer),
      proj: Linear(xavier: width, width, &initializer), heads: heads, normalizesQK: false)
    norm2 = RMSNormBuffer(width)
    norm3 = RMSNorm(width)
    mlp = MLP(
      fc1: Linear(xavier: width, hidden, &initializer),
      fc2: Linear(xavier: hidden, width, &initializer))
  }

  /// - Parameters:
  ///   - axis: 1 to attend over time, 2 over space.
  ///   - checkpoints: keep the inputs of the two branches for the backward pass, and compute the
  ///     rest again.
  func callAsFunction(_ x: Tensor, axis: Int, checkpoints: Bool) -> Tensor {
    let x =
      checkpoints
      ? checkpointed(self, [x]) { block, inputs in block.attend(inputs[0], axis) }
      : attend(x, axis)
    return mlp.branch(x, gain: norm3.weight, gate: gateMlp, keepsHidden: !checkpoints)
  }

  private func attend(_ x: Tensor, _ axis: Int) -> Tensor {
    attn(norm1(x), axis: axis, addedTo: x, gate: gateMsa)
  }
}

/// The norm that published checkpoints carry and no forward pass uses.
struct RMSNormBuffer: Module {
  @Buffer var weight: NDArray  // [D]
  init(_ width: Int) { weight = NDArray(repeating: 1, shape: [width]) }
}
