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

/// erf(x), within 2 ulp: an odd polynomial near zero, 1 - e^(polynomial) elsewhere.
@inline(__always)
func errorFunction(_ x: Vector) -> Vector {
  let t = absolute(x)
  let s = x * x
  // |x| > 0.9277
  var r = Vector(repeating: 3.831_971_26e-4).addingProduct(t, Vector(repeating: -1.728_534_70e-5))
  let u = Vector(repeating: 2.425_462_19e-2).addingProduct(t, Vector(repeating: -3.883_964_38e-3))
  r = u.addingProduct(r, s)
  r = Vector(repeating: -1.067_778_77e-1).addingProduct(r, t)
  r = Vector(repeating: -6.348_466_87e-1).addingProduct(r, t)
  r = Vector(repeating: -1.287_175_12e-1).addingProduct(r, t)
  r = (-t).addingProduct(r, t)
  let magnitude = 1 - exponential(r)
  let outer = magnitude.replacing(with: -magnitude, where: x .< 0)
  // |x| <= 0.9277
  var q = Vector(repeating: 4.991_194_23e-3).addingProduct(s, Vector(repeating: -5.967_617_03e-4))
  q = Vector(repeating: -2.676_813_49e-2).addingProduct(q, s)
  q = Vector(repeating: 1.128_199_25e-1).addingProduct(q, s)
  q = Vector(repeating: -3.761_253_36e-1).addingProduct(q, s)
  q = Vector(repeating: 1.283_791_66e-1).addingProduct(q, s)
  let inner = x.addingProduct(q, x)
  return inner.replacing(with: outer, where: t .> 0.927_734_375)
}

/// x Φ(x), the exact GELU (Hendrycks and Gimpel, arXiv 1606.08415).
@inline(__always)
func gelu(_ x: Vector) -> Vector {
  0.5 * x * (1 + errorFunction(x * 0.707_106_78))
}

/// Φ(x) + x φ(x)
@inline(__always)
func geluDerivative(_ x: Vector) -> Vector {
  let cumulative = 0.5 * (1 + errorFunction(x * 0.707_106_78))
  let density = 0.398_942_28 * exponential(-0.5 * x * x)
  return cumulative.addingProduct(x, density)
}
