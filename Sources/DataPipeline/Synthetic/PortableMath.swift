/// Sine and cosine that are equal to the bit on any machine, which those of the C library are not:
/// IEEE sums, products and roundings alone, in a fixed order, none of them fused.
enum PortableMath {
  /// The sine and cosine of an angle in radians, each within 2.5e-16 of the true value (before it
  /// is rounded to `Float`, whose steps are 6e-8).
  /// - Precondition: `angle` is within ±1e5; the reduced angle loses digits beyond.
  static func sineAndCosine(_ angle: Float) -> (sine: Float, cosine: Float) {
    let (sine, cosine) = sineAndCosine(Double(angle))
    return (Float(sine), Float(cosine))
  }

  static func sineAndCosine(_ angle: Double) -> (sine: Double, cosine: Double) {
    precondition(abs(angle) <= 1e5, "sineAndCosine: \(angle) is beyond 1e5")
    // The angle less a whole number of quarter turns lies in ±π/4. π/2 is cut in three: products of
    // the first two parts (33 bits each, as fdlibm cuts it) with the number of turns are exact.
    let turns = (angle * 0.6366197723675814).rounded(.toNearestOrEven)
    let high = angle - turns * 1.57079632673412561417
    let middle = high - turns * 6.07710050630396597660e-11
    let rest = middle - turns * 2.02226624879595063154e-21
    let square = rest * rest
    // Taylor's series: at π/4 the first term left out is below 3e-18.
    let sine = rest + rest * square * polynomial(square, sineTerms)
    let cosine = 1 + square * polynomial(square, cosineTerms)
    switch Int(turns) & 3 {
    case 0: return (sine, cosine)
    case 1: return (cosine, -sine)
    case 2: return (-sine, -cosine)
    default: return (-cosine, sine)
    }
  }

  /// The point on the unit circle at an angle in radians, from the x axis towards the y axis.
  static func direction(_ angle: Float) -> SIMD2<Float> {
    let (sine, cosine) = sineAndCosine(angle)
    return SIMD2(cosine, sine)
  }

  /// -1/3!, 1/5!, ... -1/15!
  private static let sineTerms: [Double] = [
    -1 / 6, 1 / 120, -1 / 5040, 1 / 362_880, -1 / 39_916_800, 1 / 6_227_020_800,
    -1 / 1_307_674_368_000,
  ]
  /// -1/2!, 1/4!, ... 1/16!
  private static let cosineTerms: [Double] = [
    -1 / 2, 1 / 24, -1 / 720, 1 / 40_320, -1 / 3_628_800, 1 / 479_001_600,
    -1 / 87_178_291_200, 1 / 20_922_789_888_000,
  ]

  /// The sum of `terms[i] x^i`, by Horner's rule.
  private static func polynomial(_ x: Double, _ terms: [Double]) -> Double {
    var sum = 0.0
    for term in terms.reversed() { sum = sum * x + term }
    return sum
  }
}
