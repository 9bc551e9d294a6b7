/// Red, green, blue in [0, 1], as stored in the file (sRGB); blending happens on these numbers.
typealias RGB = SIMD3<Float>

/// A rectangle of a raster, in pixels.
struct Region: Sendable, Equatable {
  var x, y, width, height: Int

  func intersection(_ other: Region) -> Region {
    let left = max(x, other.x)
    let top = max(y, other.y)
    return Region(
      x: left, y: top, width: max(0, min(x + width, other.x + other.width) - left),
      height: max(0, min(y + height, other.y + other.height) - top))
  }
}

/// A canvas of 8-bit RGB pixels with antialiased drawing.
///
/// Coordinates of shapes are continuous, x right and y down: pixel (i, j) covers [i, i+1) x [j,
/// j+1).
struct Raster: Sendable {
  let width: Int
  let height: Int
  /// [height, width, 3], RGB.
  private(set) var pixels: [UInt8]

  var bounds: Region { Region(x: 0, y: 0, width: width, height: height) }

  init(width: Int, height: Int, color: RGB) {
    self.width = width
    self.height = height
    pixels = [UInt8](repeating: 0, count: width * height * 3)
    fill(Region(x: 0, y: 0, width: width, height: height), color: color)
  }

  /// Mixes `color` into one pixel; `alpha` 1 replaces it.
  mutating func blend(x: Int, y: Int, color: RGB, alpha: Float) {
    let index = 3 * (y * width + x)
    let old = RGB(Float(pixels[index]), Float(pixels[index + 1]), Float(pixels[index + 2]))
    let new = old + (255 * color - old) * alpha
    for channel in 0..<3 {
      pixels[index + channel] = UInt8(max(0, min(255, new[channel] + 0.5)))
    }
  }

  mutating func fill(_ region: Region, color: RGB, alpha: Float = 1) {
    let region = region.intersection(bounds)
    for y in region.y..<region.y + region.height {
      for x in region.x..<region.x + region.width { blend(x: x, y: y, color: color, alpha: alpha) }
    }
  }
}
