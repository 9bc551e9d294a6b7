import Autograd

/// A diffusion-transformer block whose norms are modulated by a condition vector (AdaLN, Peebles and Xie, arXiv 2212.09748),
/// with cross-attention (`DiTBlock` in `models/trajloom_generator.py` of zewei-Zhang/TrajLoom).
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
    attn = SelfAttention(width: width, heads: heads, &initializer)
    xattn = CrossAttention(width: width, heads: heads, &initializer)
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
  ///   - keyValue: `xattn.kv` of the context: [B, S, N, 2D] for a block over time (each token's own history), [B, S, 2D]
  ///     for a block over space (one context for all frames). Nil: no cross-attention.
  func callAsFunction(_ x: Tensor, condition: Tensor, keyValue: Tensor?, axis: Axis) -> Tensor {
    let width = x.shape[3]
    let rows = adaLN(condition)  // [B, 9D]
    let vectors = (0..<9).map { rows.sliced(axis: 1, $0 * width..<($0 + 1) * width) }
    let (shiftMsa, scaleMsa, gateMsa) = (vectors[0], vectors[1], vectors[2])
    let (shiftXattn, scaleXattn, gateXattn) = (vectors[3], vectors[4], vectors[5])
    let (shiftMlp, scaleMlp, gateMlp) = (vectors[6], vectors[7], vectors[8])

    var x = gatedAdd(
      x, gate: gateMsa, attn(rmsNorm(x, gain: 1 + scaleMsa, offset: shiftMsa), axis: axis))
    if let keyValue {
      x = gatedAdd(
        x, gate: gateXattn,
        xattn(rmsNorm(x, gain: 1 + scaleXattn, offset: shiftXattn), keyValue, axis: axis))
    }
    return gatedAdd(x, gate: gateMlp, mlp(rmsNorm(x, gain: 1 + scaleMlp, offset: shiftMlp)))
  }
}

/// Multi-head self-attention with RMS-normalised queries and keys.
struct SelfAttention: Module {
  let qkv: Linear
  let proj: Linear
  private let heads: Int

  init(width: Int, heads: Int, _ initializer: inout Initializer) {
    qkv = Linear(width, 3 * width, &initializer)
    proj = Linear(width, width, &initializer)
    self.heads = heads
  }

  func callAsFunction(_ x: Tensor, axis: DiTBlock.Axis) -> Tensor {
    proj(selfAttention(qkv(x), heads: heads, axis: axis.rawValue, normalizesQK: true))
  }
}

/// Multi-head cross-attention with RMS-normalised queries and keys.
struct CrossAttention: Module {
  let q: Linear
  let kv: Linear
  let proj: Linear
  private let heads: Int

  init(width: Int, heads: Int, _ initializer: inout Initializer) {
    q = Linear(width, width, &initializer)
    kv = Linear(width, 2 * width, &initializer)
    proj = Linear(width, width, &initializer)
    self.heads = heads
  }

  func callAsFunction(_ x: Tensor, _ keyValue: Tensor, axis: DiTBlock.Axis) -> Tensor {
    let query = q(x)
    switch axis {
    case .time:
      return proj(crossAttention(query, keyValue, heads: heads, axis: 1, normalizesQK: true))
    case .space:
      // All frames share the context, so their tokens are one long sequence of queries.
      let (batch, frames, tokens, width) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
      let y = crossAttention(
        query.reshaped([batch, frames * tokens, width]), keyValue, heads: heads, axis: 1,
        normalizesQK: true)
      return proj(y.reshaped(x.shape))
    }
  }
}
