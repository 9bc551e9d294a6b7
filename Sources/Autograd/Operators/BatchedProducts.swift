/// `matmul` of tensors of which one has more than two axes.
func batchedMatmul(_ a: Tensor, _ b: Tensor, transposeA: Bool, transposeB: Bool) -> Tensor {
  let device = Device.common("matmul", a.array, b.array)
  guard let batch = broadcastShape(a.shape.dropLast(2), b.shape.dropLast(2)) else {
    preconditionFailure(
      "matmul: leading axes of \(a.shape)\(transposeA ? "ᵀ" : "") and "
        + "\(b.shape)\(transposeB ? "ᵀ" : "") do not broadcast")
  }
  let backend = device.backend
  let y = backend.batchedMatmul(
    a.array, b.array, transposeA: transposeA, transposeB: transposeB, batch: batch)
  return .recorded(y, from: [a, b]) {
    [x = a.array, w = b.array, wantsA = a.isTracked, wantsB = b.isTracked] dy in
    func product(_ a: NDArray, _ b: NDArray, _ transposeA: Bool, _ transposeB: Bool) -> NDArray {
      backend.batchedMatmul(a, b, transposeA: transposeA, transposeB: transposeB, batch: batch)
    }
    // The rule of the product of two matrices, then the sum over the axes that were repeated.
    let da =
      !wantsA
      ? nil : transposeA ? product(w, dy, transposeB, true) : product(dy, w, false, !transposeB)
    let db =
      !wantsB
      ? nil : transposeB ? product(dy, x, true, transposeA) : product(x, dy, !transposeA, false)
    return [da?.summed(to: x.shape), db?.summed(to: w.shape)]
  }
}
