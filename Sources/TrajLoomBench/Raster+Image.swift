/// An RGB picture: a video frame.
public struct RGBImage: Sendable {
  /// [height, width, 3], RGB.
  public let pixels: [UInt8]
  public let width: Int
  public let height: Int

  /// - Precondition: `pixels` holds height·width·3 bytes, and there is at least one pixel.
  public init(pixels: [UInt8], width: Int, height: Int) {
    precondition(
      width > 0 && height > 0 && pixels.count == width * height * 3,
      "RGBImage: \(pixels.count) bytes for [\(height), \(width), 3]")
    self.pixels = pixels
    self.width = width
    self.height = height
  }

  /// Channels in [0, 255]; coordinates outside repeat the border.
  fileprivate func pixel(_ x: Int, _ y: Int) -> RGB {
    let index = 3 * (max(0, min(height - 1, y)) * width + max(0, min(width - 1, x)))
    return RGB(Float(pixels[index]), Float(pixels[index + 1]), Float(pixels[index + 2]))
  }

  /// Bilinear, at continuous coordinates in which pixel (i, j) has its centre at (i + 0.5, j +
  /// 0.5).
  fileprivate func sample(_ x: Float, _ y: Float) -> RGB {
    let (left, top) = ((x - 0.5).rounded(.down), (y - 0.5).rounded(.down))
    let (i, j) = (Int(left), Int(top))
    let (u, v) = (x - 0.5 - left, y - 0.5 - top)
    let upper = pixel(i, j) + u * (pixel(i + 1, j) - pixel(i, j))
    let lower = pixel(i, j + 1) + u * (pixel(i + 1, j + 1) - pixel(i, j + 1))
    return upper + v * (lower - upper)
  }
}

extension Raster {
  /// Draws `image` stretched over `region`, mixed with `alpha` into what is there, its colours
  /// pulled towards grey by `desaturation` in [0, 1].
  mutating func draw(_ image: RGBImage, over region: Region, alpha: Float, desaturation: Float) {
    let scaleX = Float(image.width) / Float(region.width)
    let scaleY = Float(image.height) / Float(region.height)
    let visible = region.intersection(bounds)
    for y in visible.y..<visible.y + visible.height {
      for x in visible.x..<visible.x + visible.width {
        let color = image.sample(
          (Float(x - region.x) + 0.5) * scaleX, (Float(y - region.y) + 0.5) * scaleY)
        let gray = RGB(repeating: (color * RGB(0.299, 0.587, 0.114)).sum())
        blend(x: x, y: y, color: (color + desaturation * (gray - color)) / 255, alpha: alpha)
      }
    }
  }
}
