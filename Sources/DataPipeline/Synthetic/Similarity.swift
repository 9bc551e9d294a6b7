/// A turn, a scaling and a shift of the plane, in this order: p -> zoom · R p + shift.
struct Similarity: Sendable, Equatable {
  /// Zoom times the cosine and the sine of the turn.
  let cosine: Float
  let sine: Float
  let shift: SIMD2<Float>
  /// 1 / zoom².
  private let inverseSquare: Float

  init(cosine: Float, sine: Float, shift: SIMD2<Float>) {
    self.cosine = cosine
    self.sine = sine
    self.shift = shift
    inverseSquare = 1 / (cosine * cosine + sine * sine)
  }

  var zoom: Float { (cosine * cosine + sine * sine).squareRoot() }

  func apply(_ p: SIMD2<Float>) -> SIMD2<Float> {
    SIMD2(cosine * p.x - sine * p.y, sine * p.x + cosine * p.y) + shift
  }

  /// The point that `apply` takes to `p`.
  func invert(_ p: SIMD2<Float>) -> SIMD2<Float> {
    let q = (p - shift) * inverseSquare
    return SIMD2(cosine * q.x + sine * q.y, cosine * q.y - sine * q.x)
  }
}
