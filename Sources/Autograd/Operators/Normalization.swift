/// Root-mean-square normalisation over the last axis, `x / sqrt(mean(x²) + ε) · gain + offset`
/// (Zhang and Sennrich, arXiv 1910.07467).
///
/// `gain` and `offset` are [D], or [G, D] with G dividing the number of rows: each of G equal
/// groups of consecutive rows then has its own, such as one modulation vector per sample of [B, T,
/// N, D].
public func rmsNorm(
  _ x: Tensor, gain: Tensor? = nil, offset: Tensor? = nil, epsilon: Float = 1e-6
) -> Tensor {
  checkGroups("rmsNorm", x, gain)
  checkGroups("rmsNorm", x, offset)
  precondition(
    gain == nil || offset == nil || gain!.array.count == offset!.array.count,
    "rmsNorm: gain \(gain?.shape ?? []) and offset \(offset?.shape ?? [])")
  precondition(offset == nil || gain != nil, "rmsNorm: an offset needs a gain")
  let extras = [gain, offset].compactMap { $0 }
  let backend = Device.common("rmsNorm", [x.array] + extras.map(\.array)).backend
  let (y, inverseRMS) = backend.rmsNorm(
    x.array, gain: gain?.array, offset: offset?.array, epsilon: epsilon)
  return .recorded(y, from: [x] + extras) {
    [x = x.array, gain = gain?.array, offsetShape = offset?.shape] dy in
    let (dx, dGain, dOffset) = backend.rmsNormGradient(
      x, gain: gain, hasOffset: offsetShape != nil, inverseRMS: inverseRMS, dy)
    let extras = [
      gain.flatMap { g in dGain?.reshaped(g.shape) }, offsetShape.flatMap { dOffset?.reshaped($0) },
    ]
    return [dx] + extras.compactMap { $0 }
  }
}

func checkGroups(_ op: StaticString, _ x: Tensor, _ vectors: Tensor?) {
  guard let vectors else { return }
  let width = x.shape.last ?? 1
  precondition(
    vectors.shape.last == width && x.array.rowCount % (vectors.array.count / width) == 0,
    "\(op): vectors \(vectors.shape) for x \(x.shape)")
}
