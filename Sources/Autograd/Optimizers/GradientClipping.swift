/// Scales all gradients by min(1, maximum / (norm + 1e-6)), with norm the L2 norm over all of them
/// together.
///
/// - Returns: the norm before clipping; NaN or infinite when an element is, and then nothing is
///   scaled.
public func clip(_ gradient: inout [String: NDArray], toNorm maximum: Float) -> Float {
  // In a fixed order: the sum must not depend on the dictionary's.
  let names = gradient.keys.sorted()
  let norm = Float(
    names.reduce(0.0) { $0 + gradient[$1]!.device.backend.sumOfSquares(gradient[$1]!) }.squareRoot()
  )
  guard norm.isFinite else { return norm }
  let factor = min(1, maximum / (norm + 1e-6))
  guard factor < 1 else { return norm }
  for name in names {
    var array = gradient.removeValue(forKey: name)!
    array.device.backend.scale(&array, by: factor)
    gradient[name] = array
  }
  return norm
}

/// Adds `other`, times `scale`, to `total` (gradient accumulation).
public func accumulate(
  _ other: [String: NDArray], into total: inout [String: NDArray], scale: Float = 1
) {
  for (name, gradient) in other {
    var term = gradient
    if scale != 1 { term.device.backend.scale(&term, by: scale) }
    if var sum = total.removeValue(forKey: name) {
      sum.device.backend.add(term, to: &sum)
      total[name] = sum
    } else {
      total[name] = term
    }
  }
}
