/// How a shape bends over time: each point (u, v) of its material moves across by a displacement
/// that depends on u alone, so that the inverse is exact and areas are kept.
struct Bend: Sendable {
  enum Style: CaseIterable, Sendable {
    /// To one side and to the other, as a banana.
    case arch
    /// A wave that travels along the shape, as a fish swims.
    case wave
  }

  /// The bend on one frame.
  struct Curve: Sendable, Equatable {
    /// Pixels of a parabola with mean 0 over the shape's length, and of a cubic with one crest and
    /// one trough.
    var arch: Float
    var wave: Float
    /// 1 over half of the shape's length.
    var perLength: Float

    static let straight = Curve(arch: 0, wave: 0, perLength: 0)

    /// From the material to the shape's own frame.
    func bend(_ p: SIMD2<Float>) -> SIMD2<Float> { SIMD2(p.x, p.y + displacement(at: p.x)) }

    /// The material point that `bend` takes to `p`.
    func unbend(_ p: SIMD2<Float>) -> SIMD2<Float> { SIMD2(p.x, p.y - displacement(at: p.x)) }

    private func displacement(at u: Float) -> Float {
      let s = u * perLength
      // 2.598 = 3√3/2 makes the crest 1 high, at s = 1/√3.
      return arch * (s * s - 1 / 3) + wave * (2.598 * s * (1 - s * s))
    }
  }

  var style: Style
  /// Pixels; the displacement within the shape never exceeds it.
  var amplitude: Float
  /// Radians per frame.
  var rate: Float
  /// Radians.
  var phase: Float

  func curve(frame: Int, halfLength: Float) -> Curve {
    let (sine, cosine) = PortableMath.sineAndCosine(rate * Float(frame) + phase)
    switch style {
    case .arch: return Curve(arch: amplitude * sine, wave: 0, perLength: 1 / halfLength)
    case .wave:
      // 0.7 each: crest and parabola stay below the amplitude together.
      return Curve(
        arch: 0.7 * amplitude * sine, wave: 0.7 * amplitude * cosine, perLength: 1 / halfLength)
    }
  }
}
