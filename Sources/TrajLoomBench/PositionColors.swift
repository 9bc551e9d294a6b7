import Foundation

/// A smooth map from a place in the frame to a colour, so that a point is recognised by where it
/// started.
///
/// From left to right the hue goes from blue over pink and orange to yellow, steadily along the
/// blue-yellow axis that the common kinds of colour blindness leave intact; from top to bottom it
/// gets darker. No place is grey. Mixed in OKLab (Ottosson, 2020), where equal steps look equal.
enum PositionColors {
  /// - Parameter place: x right and y down, as shares of the frame; outside of [0, 1] the border's
  ///   colour is taken.
  static func color(at place: SIMD2<Float>) -> RGB {
    let x = max(0, min(1, place.x))
    let y = max(0, min(1, place.y))
    let hue = (250 + 205 * x) * Float.pi / 180
    let chroma = 0.11 + 0.04 * y
    let lightness = 0.86 - 0.22 * y
    return rgb(fromOKLab: SIMD3(lightness, chroma * cos(hue), chroma * sin(hue)))
  }

  /// - Parameter lab: lightness, green to red, blue to yellow.
  private static func rgb(fromOKLab lab: SIMD3<Float>) -> RGB {
    let l = lab.x + 0.3963377774 * lab.y + 0.2158037573 * lab.z
    let m = lab.x - 0.1055613458 * lab.y - 0.0638541728 * lab.z
    let s = lab.x - 0.0894841775 * lab.y - 1.2914855480 * lab.z
    let cone = SIMD3(l * l * l, m * m * m, s * s * s)
    let linear = RGB(
      (SIMD3(4.0767416621, -3.3077115913, 0.2309699292) * cone).sum(),
      (SIMD3(-1.2684380046, 2.6097574011, -0.3413193965) * cone).sum(),
      (SIMD3(-0.0041960863, -0.7034186147, 1.7076147010) * cone).sum())
    return RGB(gammaEncoded(linear.x), gammaEncoded(linear.y), gammaEncoded(linear.z))
  }

  /// The sRGB transfer curve. Colours outside of it are brought to its border.
  private static func gammaEncoded(_ value: Float) -> Float {
    let value = max(0, min(1, value))
    return value <= 0.0031308 ? 12.92 * value : 1.055 * pow(value, 1 / 2.4) - 0.055
  }
}
