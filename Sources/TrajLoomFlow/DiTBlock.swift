import Autograd

/// A diffusion-transformer block whose norms are modulated by a condition vector (AdaLN, Peebles
/// and Xie, arXiv 2212.09748), with cross-attention (`DiTBlock` in `models/trajloom_generator.py`
/// of zewei-Zhang/TrajLoom).
///
/// Tokens are [B, T, N, D]; a block attends over time (axis 1) or space (axis 2).
struct DiTBlock: Module {
  enum Axis: Int {
    case time = 1
    case space = 2
  }

  let attn: SelfAttention
  let xattn: CrossAttention
  let mlp: MLP
  /// SiLU, then Linear D -> 9D: shift, scale and gate of self-attention, cross-attention and MLP.
  let adaLN: [any Layer]

  init(width: Int, heads: Int, mlpRatio: Double, _ initializer: inout Initializer) {
    let hidden = Int(Double(width) * mlpRatio)
    attn = SelfAttention(
      qkv: Linear(width, 3 * width, &initializer), proj: Linear(width, width, &initializer),
      heads: heads, normalizesQK: true)
    xattn = CrossAttention(
      q: Linear(width, width, &initializer), kv: Linear(width, 2 * width, &initializer),
      proj: Linear(width, width, &initializer), heads: heads, normalizesQK: true)
    mlp = MLP(
      fc1: Linear(width, hidden, &initializer), fc2: Linear(hidden, width, &initializer))
    // Zero weights, and a bias that makes every gate 1.
    let bias = (0..<9 * width).map { Float($0 / width % 3 == 2 ? 1 : 0) }
    adaLN = [
      SiLU(),
      Linear(weight: .zeros([9 * width, width]), bias: Tensor(bias, shape: [9 * width])),
    ]
  }

  /// - Parameters:
  ///   - x: [B, T, N, D]
  ///   - condition: one row per sample, [B, D].
  ///   - keyValue: `xattn.kv` of the context: [B, S, N, 2D] for a block over time (each token's own
  ///     history), [B, S, 2D] for a block over space (one context for all frames). Nil: no
  ///     cross-attention.
  ///   - checkpoints: keep the inputs of the attentions and of the MLP for the backward pass, and
  ///     compute the rest again.
  func callAsFunction(
    _ x: Tensor, condition: Tensor, keyValue: Tensor?, axis: Axis, checkpoints: Bool = false
  ) -> Tensor {
    let width = x.shape[3]
    let rows = adaLN(condition)  // [B, 9D]
    let vectors = (0..<9).map { rows.sliced(axis: 1, $0 * width..<($0 + 1) * width) }
    let inputs = [x] + vectors[..<6] + (keyValue.map { [$0] } ?? [])
    let x =
      checkpoints
      ? checkpointed(self, inputs) { block, inputs in block.attend(inputs, axis) }
      : attend(inputs, axis)
    let (shiftMlp, scaleMlp, gateMlp) = (vectors[6], vectors[7], vectors[8])
    return mlp.branch(
      x, gain: 1 + scaleMlp, offset: shiftMlp, gate: gateMlp, keepsHidden: !checkpoints)
  }

  /// The two attentions.
  /// - Parameter inputs: x, six modulation vectors, and the context's keys and values if any.
  private func attend(_ inputs: [Tensor], _ axis: Axis) -> Tensor {
    let (shiftMsa, scaleMsa, gateMsa) = (inputs[1], inputs[2], inputs[3])
    let (shiftXattn, scaleXattn, gateXattn) = (inputs[4], inputs[5], inputs[6])
    let x = attn(
      rmsNorm(inputs[0], gain: 1 + scaleMsa, offset: shiftMsa), axis: axis.rawValue,
      addedTo: inputs[0], gate: gateMsa)
    guard inputs.count > 7 else { return x }
    let query = rmsNorm(x, gain: 1 + scaleXattn, offset: shiftXattn)
    return attendToContext(query, inputs[7], axis, addedTo: x, gate: gateXattn)
  }

  /// Over time, each token attends to its own context. Over space, all frames share one context, so
  /// their tokens are one long sequence of queries.
  private func attendToContext(
    _ x: Tensor, _ keyValue: Tensor, _ axis: Axis, addedTo residual: Tensor, gate: Tensor
  ) -> Tensor {
    guard axis == .space else {
      return xattn(x, keyValue, axis: 1, addedTo: residual, gate: gate)
    }
    let flat = [x.shape[0], x.shape[1] * x.shape[2], x.shape[3]]
    return xattn(
      x.reshaped(flat), keyValue, axis: 1, addedTo: residual.reshaped(flat), gate: gate
    ).reshaped(x.shape)
  }
}
