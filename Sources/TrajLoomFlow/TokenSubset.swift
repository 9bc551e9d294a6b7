import Autograd

/// A few tokens of each clip, drawn with replacement and by importance, so that a training step costs
/// less and most of it goes where the future is not what the source says already.
///
/// A token is drawn with a probability p that grows with its surprise, and counts 1/p: sums over
/// tokens keep their expectation (importance sampling). What a token's velocity is depends on the
/// others that were drawn, through the spatial attention, and to that the expectation does not
/// extend. Not in the paper.
struct TokenSubset {
  /// [B] of N' indices into the tokens.
  let indices: [[Int]]
  /// [B, 1, N']: 1/p of each, over N'.
  let weights: NDArray

  /// - Parameters:
  ///   - surprise: of each token, >= 0, [B, N].
  ///   - uniforms: N' numbers in [0, 1) for each clip.
  init(surprise: NDArray, uniforms: [[Float]]) {
    let tokens = surprise.shape[1]
    let count = uniforms[0].count
    let values = surprise.scalars.map(Double.init)
    var weights: [Float] = []
    indices = uniforms.enumerated().map { clip, draws in
      let own = values[clip * tokens..<(clip + 1) * tokens]
      // Half of the chance is shared evenly, so that no weight is beyond twice that of a plain draw.
      let mean = max(own.reduce(0, +) / Double(tokens), 1e-12)
      var total = 0.0
      let cumulative = own.map { value -> Double in
        total += value + mean
        return total
      }
      return draws.map { draw in
        let place = Double(draw) * total
        let token = min(cumulative.firstIndex { $0 > place } ?? tokens - 1, tokens - 1)
        let share = (values[clip * tokens + token] + mean) / total
        weights.append(Float(1 / (Double(count) * share)))
        return token
      }
    }
    self.weights = NDArray(weights, shape: [uniforms.count, 1, count])
  }

  /// The chosen tokens of [B, L, N, ...], [B, L, N', ...].
  func of(_ x: Tensor) -> Tensor {
    let (clips, steps, tokens) = (x.shape[0], x.shape[1], x.shape[2])
    let rest = Array(x.shape.dropFirst(3))
    let rows = x.reshaped([clips * steps * tokens, rest.reduce(1, *)])
    let chosen = (0..<clips).flatMap { clip in
      (0..<steps).flatMap { step in indices[clip].map { (clip * steps + step) * tokens + $0 } }
    }
    return embedding(rows, chosen).reshaped([clips, steps, indices[0].count] + rest)
  }

  func of(_ x: NDArray) -> NDArray { of(Tensor(x)).array }
}
