/// The matrix product `op(a) · op(b)`, where `op` transposes the last two axes if asked to, without
/// a copy. Shapes: [..., M, K] · [..., K, N] → [..., M, N]; the leading axes broadcast.
/// - Precondition: both have rank 2 or more, and the inner extents agree.
public func matmul(
  _ a: Tensor, _ b: Tensor, transposeA: Bool = false, transposeB: Bool = false
) -> Tensor {
  precondition(
    a.rank >= 2 && b.rank >= 2
      && a.shape[a.rank - (transposeA ? 2 : 1)] == b.shape[b.rank - (transposeB ? 1 : 2)],
    "matmul: \(a.shape)\(transposeA ? "ᵀ" : "") · \(b.shape)\(transposeB ? "ᵀ" : "")")
  guard a.rank == 2 && b.rank == 2 else {
    return batchedMatmul(a, b, transposeA: transposeA, transposeB: transposeB)
  }
  let backend = Device.common("matmul", a.array, b.array).backend
  let y = backend.matmul(a.array, b.array, transposeA: transposeA, transposeB: transposeB)
  return .recorded(y, from: [a, b]) {
    [x = a.array, w = b.array, wantsA = a.isTracked, wantsB = b.isTracked] dy in
    // y = op(a)·op(b):  d op(a) = dy · op(b)ᵀ,  d op(b) = op(a)ᵀ · dy
    let da =
      transposeA
      ? backend.matmul(w, dy, transposeA: transposeB, transposeB: true)
      : backend.matmul(dy, w, transposeA: false, transposeB: !transposeB)
    guard wantsB else { return [wantsA ? da : nil, nil] }
    let db =
      transposeB
      ? backend.matmul(dy, x, transposeA: true, transposeB: transposeA)
      : backend.matmul(x, dy, transposeA: !transposeA, transposeB: false)
    return [da, db]
  }
}

/// `x · wᵀ + bias`. Shapes: `x` [..., I], `weight` [O, I], `bias` [O] → [..., O].
/// - Precondition: the shapes fit.
public func linear(_ x: Tensor, _ weight: Tensor, _ bias: Tensor? = nil) -> Tensor {
  let backend = checkLinear(x, weight, bias)
  let y = backend.linear(x.array, weight.array, bias?.array)
  return .recorded(y, from: [x, weight] + (bias.map { [$0] } ?? [])) {
    [x = x.array, w = weight.array, wantsX = x.isTracked] dy in
    linearGradient(x, w, dy, wantsX: wantsX)
  }
}

/// `gelu(x · wᵀ + bias)`, in one pass over the result. Shapes as for `linear`.
public func linearGELU(_ x: Tensor, _ weight: Tensor, _ bias: Tensor) -> Tensor {
  let backend = checkLinear(x, weight, bias)
  let (preactivation, y) = backend.linearGELU(x.array, weight.array, bias.array)
  return .recorded(y, from: [x, weight, bias]) {
    [x = x.array, w = weight.array, wantsX = x.isTracked] dy in
    linearGradient(x, w, backend.unaryGradient(.gelu, preactivation, dy), wantsX: wantsX)
  }
}

private func linearGradient(_ x: NDArray, _ w: NDArray, _ dy: NDArray, wantsX: Bool) -> [NDArray?] {
  let gradient = dy.device.backend.linearGradient(x, w, dy, wantsX: wantsX)
  return [gradient.dx, gradient.dWeight, gradient.dBias]
}

func checkLinear(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?) -> any Backend {
  precondition(
    weight.rank == 2 && x.rank >= 1 && x.shape.last == weight.shape[1],
    "linear: x \(x.shape) · weight \(weight.shape)ᵀ")
  precondition(
    bias == nil || bias!.shape == [weight.shape[0]],
    "linear: bias \(bias?.shape ?? []) for weight \(weight.shape)")
  return Device.common("linear", [x.array, weight.array] + (bias.map { [$0.array] } ?? [])).backend
}
