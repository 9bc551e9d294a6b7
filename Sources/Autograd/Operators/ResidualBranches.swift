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

/// `x + gate · (gelu(a · w₁ᵀ + bias₁) · w₂ᵀ + bias₂)`: a whole MLP branch, in blocks of rows whose
/// hidden layer stays in cache. Shapes: `x` [..., D], `a` [..., I], first layer [H, I] and [H],
/// second [D, H] and [D]; `gate` as in `gatedLinear`.
///
/// - Parameter keepsHidden: whether the hidden layer [..., H] before GELU is kept for the gradient;
///   if not, its product is computed again.
public func gatedMLP(
  _ x: Tensor, gate: Tensor, _ a: Tensor, _ first: (weight: Tensor, bias: Tensor),
  _ second: (weight: Tensor, bias: Tensor), keepsHidden: Bool = true
) -> Tensor {
  let backend = checkBranch("gatedMLP", x, gate, a, [first, second])
  let one = LinearArrays(weight: first.weight.array, bias: first.bias.array)
  let two = LinearArrays(weight: second.weight.array, bias: second.bias.array)
  let inputs = [x, gate, a, first.weight, first.bias, second.weight, second.bias]
  let (y, hidden) = backend.gatedMLP(
    x.array, gate: gate.array, a.array, one, two,
    keepsHidden: keepsHidden && inputs.contains(where: \.isTracked))
  return .recorded(y, from: inputs) { [gate = gate.array, a = a.array] dy in
    let gradient = backend.gatedMLPGradient(gate: gate, a, hidden: hidden, one, two, dy)
    return [
      dy, gradient.dGate.reshaped(gate.shape), gradient.da, gradient.dFirst.weight,
      gradient.dFirst.bias, gradient.dSecond.weight, gradient.dSecond.bias,
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
