/// `x + gate · (a · wᵀ + bias)`: the last layer of a transformer block's residual branch. Shapes: `x`
/// [..., D], `a` [..., I], `weight` [D, I], `bias` [D]; `gate` is [D], or [G, D] as in `rmsNorm`.
///
/// The layer's own result is never stored: with S = Σ dy aᵀ over rows, the gate's gradient is
/// Σ_i w S, row by row, and the weight's is gate · S.
public func gatedLinear(
  _ x: Tensor, gate: Tensor, _ a: Tensor, _ weight: Tensor, _ bias: Tensor
) -> Tensor {
  let backend = checkBranch("gatedLinear", x, gate, a, [(weight, bias)])
  let layer = LinearArrays(weight: weight.array, bias: bias.array)
  let y = backend.gatedLinear(x.array, gate: gate.array, a.array, layer)
  return .recorded(y, from: [x, gate, a, weight, bias]) {
    [gate = gate.array, a = a.array] dy in
    let (dGate, da, dLayer) = backend.gatedLinearGradient(gate: gate, a, layer, dy)
    return [dy, dGate.reshaped(gate.shape), da, dLayer.weight, dLayer.bias]
  }
}

/// `x + gate · mlp(rmsNorm(x) · gain + offset)` with `mlp(a) = gelu(a · w₁ᵀ + bias₁) · w₂ᵀ + bias₂`: a
/// transformer block's whole MLP branch, in blocks of rows whose intermediate results stay in
/// cache. Shapes: `x` [..., D], first layer [H, D] and [H], second [D, H] and [D]; `gain`, `offset`
/// and `gate` all [D] or all [G, D], as in `rmsNorm`.
///
/// - Parameter keepsHidden: whether the hidden layer [..., H] before GELU is kept for the gradient;
///   if not, its product is computed again.
public func residualMLP(
  _ x: Tensor, gain: Tensor, offset: Tensor? = nil, gate: Tensor,
  _ first: (weight: Tensor, bias: Tensor), _ second: (weight: Tensor, bias: Tensor),
  epsilon: Float = 1e-6, keepsHidden: Bool = true
) -> Tensor {
  let backend = checkBranch("residualMLP", x, gate, x, [first, second])
  for vectors in [gain, offset].compactMap({ $0 }) {
    precondition(
      vectors.shape.last == x.shape.last && vectors.array.count == gate.array.count,
      "residualMLP: gain or offset \(vectors.shape), gate \(gate.shape)")
  }
  let one = LinearArrays(weight: first.weight.array, bias: first.bias.array)
  let two = LinearArrays(weight: second.weight.array, bias: second.bias.array)
  let modulation = NormModulation(gain: gain.array, offset: offset?.array, epsilon: epsilon)
  let inputs =
    [x, gain, gate, first.weight, first.bias, second.weight, second.bias]
    + (offset.map { [$0] } ?? [])
  let (y, hidden) = backend.residualMLP(
    x.array, modulation, gate: gate.array, one, two,
    keepsHidden: keepsHidden && inputs.contains(where: \.isTracked))
  return .recorded(y, from: inputs) { [x = x.array, gate = gate.array] dy in
    let gradient = backend.residualMLPGradient(
      x, modulation, gate: gate, hidden: hidden, one, two, dy)
    return [
      gradient.dx, gradient.dGain.reshaped(modulation.gain.shape),
      gradient.dGate.reshaped(gate.shape), gradient.dFirst.weight, gradient.dFirst.bias,
      gradient.dSecond.weight, gradient.dSecond.bias,
      gradient.dOffset?.reshaped(modulation.offset!.shape),
    ]
  }
}

private func checkBranch(
  _ op: StaticString, _ x: Tensor, _ gate: Tensor, _ a: Tensor,
  _ layers: [(weight: Tensor, bias: Tensor)]
) -> any Backend {
  checkGroups(op, x, gate)
  var shape = a.shape
  for (weight, bias) in layers {
    precondition(
      weight.rank == 2 && weight.shape[1] == shape.last && bias.shape == [weight.shape[0]],
      "\(op): x \(shape) · weight \(weight.shape)ᵀ + bias \(bias.shape)")
    shape[shape.count - 1] = weight.shape[0]
  }
  precondition(shape == x.shape, "\(op): \(x.shape) + gate · \(shape)")
  return Device.common(
    op, [x.array, gate.array, a.array] + layers.flatMap { [$0.weight.array, $0.bias.array] }
  ).backend
}
