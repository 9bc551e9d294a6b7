// Elementary functions on sixteen lanes. Swift's `rounded()`, `clamped` and float-to-int
// conversions of vectors compile to scalar loops, so rounding is done by adding and subtracting a
// magic number, and selection by `replacing(with:where:)`.

/// e^x, within 2 ulp; 0 below -87.3 and capped at e^88.
@inline(__always)
func exponential(_ x: Vector) -> Vector {
  let low = Vector(repeating: -87.33654)
  let high = Vector(repeating: 88)
  var clamped = x.replacing(with: low, where: x .< low)
  clamped.replace(with: high, where: x .> high)
  // n = round(x / ln 2): after adding 1.5 * 2^23 the integer stands in the low mantissa bits.
  let magic = Vector(repeating: 12_582_912)
  let shifted = magic.addingProduct(clamped, Vector(repeating: 1.442_695_04))
  let n = shifted - magic
  // r = x - n ln 2, with ln 2 in two parts.
  var r = clamped.addingProduct(n, Vector(repeating: -0.693_359_375))
  r.addProduct(n, Vector(repeating: 2.121_944_4e-4))
  var p = Vector(repeating: 1.987_569_15e-4)
  p = Vector(repeating: 1.398_199_95e-3).addingProduct(p, r)
  p = Vector(repeating: 8.333_451_9e-3).addingProduct(p, r)
  p = Vector(repeating: 4.166_579_6e-2).addingProduct(p, r)
  p = Vector(repeating: 0.166_666_65).addingProduct(p, r)
  p = Vector(repeating: 0.5).addingProduct(p, r)
  p = (r + 1).addingProduct(p, r * r)
  // p · 2^n: the low bits of `shifted` hold n, moved into the exponent field.
  let bits = unsafeBitCast(shifted, to: SIMD16<UInt32>.self) &<< 23
  let scaled = unsafeBitCast(p, to: SIMD16<UInt32>.self) &+ bits
  let result = unsafeBitCast(scaled, to: Vector.self)
  // A NaN must stay one.
  return result.replacing(with: Vector(), where: x .< low).replacing(with: x, where: x .!= x)
}

/// 2^x, within 2 ulp; 0 below -126. Meant for x up to 127: nothing caps it.
@inline(__always)
func exponential2(_ x: Vector) -> Vector {
  let low = Vector(repeating: -126)
  let underflows = x .< low
  let clamped = x.replacing(with: low, where: underflows)
  let magic = Vector(repeating: 12_582_912)
  let shifted = magic + clamped
  let r = clamped - (shifted - magic)
  var p = Vector(repeating: 1.535_336_19e-4)
  p = Vector(repeating: 1.339_887_44e-3).addingProduct(p, r)
  p = Vector(repeating: 9.618_437_36e-3).addingProduct(p, r)
  p = Vector(repeating: 5.550_332_47e-2).addingProduct(p, r)
  p = Vector(repeating: 0.240_226_479).addingProduct(p, r)
  p = Vector(repeating: 0.693_147_203).addingProduct(p, r)
  p = Vector(repeating: 1).addingProduct(p, r)
  let bits = unsafeBitCast(shifted, to: SIMD16<UInt32>.self) &<< 23
  let scaled = unsafeBitCast(p, to: SIMD16<UInt32>.self) &+ bits
  return unsafeBitCast(scaled, to: Vector.self).replacing(with: Vector(), where: underflows)
}

@inline(__always)
func absolute(_ x: Vector) -> Vector {
  unsafeBitCast(
    unsafeBitCast(x, to: SIMD16<UInt32>.self) & SIMD16(repeating: 0x7FFF_FFFF), to: Vector.self)
}

/// -1, 0 or 1.
@inline(__always)
func sign(_ x: Vector) -> Vector {
  Vector().replacing(with: Vector(repeating: 1), where: x .> 0)
    .replacing(with: Vector(repeating: -1), where: x .< 0)
}

@inline(__always)
func sigmoid(_ x: Vector) -> Vector { 1 / (1 + exponential(-x)) }

/// Φ(x), the cumulative distribution of N(0, 1), within 8e-8, and e^(-x²/2), from one exponential
/// (Abramowitz and Stegun 7.1.26; PyTorch's vectorised erf is the same).
@inline(__always)
func normalDistribution(_ x: Vector) -> (cumulative: Vector, exponential: Vector) {
  let t = 1 / Vector(repeating: 1).addingProduct(absolute(x), Vector(repeating: 0.231_641_888))
  let e = exponential2(x * x * Vector(repeating: -0.721_347_52))
  var q = Vector(repeating: -0.726_576_013).addingProduct(t, Vector(repeating: 0.530_702_715))
  q = Vector(repeating: 0.710_706_871).addingProduct(q, t)
  q = Vector(repeating: -0.142_248_368).addingProduct(q, t)
  q = Vector(repeating: 0.127_414_796).addingProduct(q, t)
  let tail = q * t * e  // 1 - Φ(|x|)
  return ((1 - tail).replacing(with: tail, where: x .< 0), e)
}

/// x Φ(x), the exact GELU (Hendrycks and Gimpel, arXiv 1606.08415).
@inline(__always)
func gelu(_ x: Vector) -> Vector { x * normalDistribution(x).cumulative }

/// Φ(x) + x φ(x)
@inline(__always)
func geluDerivative(_ x: Vector) -> Vector { geluAndDerivative(x).derivative }

@inline(__always)
func geluAndDerivative(_ x: Vector) -> (value: Vector, derivative: Vector) {
  let (cumulative, exponential) = normalDistribution(x)
  let value = x * cumulative
  return (value, cumulative.addingProduct(x, exponential * Vector(repeating: 0.398_942_28)))
}
