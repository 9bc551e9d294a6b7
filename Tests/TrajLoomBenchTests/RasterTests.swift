import Testing

@testable import TrajLoomBench

@Suite struct RasterTests {
  private let white = RGB(repeating: 1)

  /// The area under white ink on black, in pixels.
  private func area(size: Int = 64, _ draw: (inout Raster) -> Void) -> Double {
    var canvas = Raster(width: size, height: size, color: .zero)
    draw(&canvas)
    return stride(from: 0, to: canvas.pixels.count, by: 3)
      .reduce(0) { $0 + Double(canvas.pixels[$1]) / 255 }
  }

  private func line(_ width: Float, alpha: Float = 1) -> [StrokePoint] {
    [SIMD2<Float>(10, 12.3), SIMD2(40, 52.3)].map {
      StrokePoint(position: $0, radius: width / 2, alpha: alpha)
    }
  }

  /// A line of length 50: the body, and half a disc at each end.
  @Test(arguments: [1.0, 2.0, 3.5, 6.0])
  func aLineCoversItsArea(width: Float) {
    let found = area { $0.stroke(line(width), color: white, clip: $0.bounds) }
    let expected = 50 * Double(width) + Double.pi * Double(width * width) / 4
    #expect(abs(found / expected - 1) < 0.02, "\(found), expected \(expected)")
  }

  @Test func aHairlineIsFaintNotGone() {
    let found = area { $0.stroke(line(0.4), color: white, clip: $0.bounds) }
    #expect(abs(found / 20 - 1) < 0.06, "\(found)")
  }

  @Test func discAndRingCoverTheirArea() {
    let disc = area { $0.disc(center: SIMD2(30.2, 31.7), radius: 9, color: white, clip: $0.bounds) }
    #expect(abs(disc / (81 * .pi) - 1) < 0.01, "\(disc)")
    let ring = area {
      $0.ring(
        center: SIMD2(30.2, 31.7), radius: 9, thickness: 2, color: white, clip: $0.bounds)
    }
    #expect(abs(ring / (36 * .pi) - 1) < 0.01, "\(ring)")
  }

  @Test func overlapOfOneStrokeIsDrawnOnce() {
    let once = area { $0.stroke(line(4, alpha: 0.5), color: white, clip: $0.bounds) }
    let there = line(4, alpha: 0.5)
    let back = area {
      $0.stroke(there + there.reversed(), color: white, clip: $0.bounds)
    }
    #expect(abs(once - back) < 0.2)
  }

  @Test func alphaBlends() {
    var canvas = Raster(width: 1, height: 1, color: RGB(0, 0.2, 1))
    canvas.blend(x: 0, y: 0, color: RGB(1, 0.6, 0), alpha: 0.25)
    #expect(canvas.pixels == [64, 77, 191])
  }

  @Test func nothingIsDrawnOutsideTheClip() {
    let clip = Region(x: 20, y: 20, width: 8, height: 8)
    let found = area { $0.disc(center: SIMD2(24, 24), radius: 30, color: white, clip: clip) }
    #expect(found == 64)
  }

  @Test(arguments: [Float.infinity, 1e30, -1e30, 1e9])
  func pointsFarAwayAreHarmless(x: Float) {
    let points = [SIMD2<Float>(5, 5), SIMD2(x, x)].map {
      StrokePoint(position: $0, radius: 1, alpha: 1)
    }
    #expect(area { $0.stroke(points, color: white, clip: $0.bounds) } >= 0)
    #expect(area { $0.disc(center: SIMD2(x, 3), radius: 2, color: white, clip: $0.bounds) } == 0)
    #expect(area { $0.stroke([], color: white, clip: $0.bounds) } == 0)
  }

  @Test func anImageOfItsOwnSizeIsCopied() {
    let pixels = (0..<48).map { UInt8($0 * 5) }
    var canvas = Raster(width: 4, height: 4, color: white)
    canvas.draw(
      RGBImage(pixels: pixels, width: 4, height: 4), over: canvas.bounds, alpha: 1,
      desaturation: 0)
    #expect(canvas.pixels == pixels)
  }

  /// Two pixels, 0 and 200, over eight columns: flat for half a source pixel at the ends, and
  /// linear between.
  @Test func anImageIsScaledBilinearly() {
    var canvas = Raster(width: 8, height: 1, color: .zero)
    canvas.draw(
      RGBImage(pixels: [0, 0, 0, 200, 200, 200], width: 2, height: 1), over: canvas.bounds,
      alpha: 1, desaturation: 0)
    #expect((0..<8).map { canvas.pixels[3 * $0] } == [0, 0, 25, 75, 125, 175, 200, 200])
  }

  @Test func textHasInkWithinItsBox() {
    let width = BitmapFont.width(of: "Ag 1")
    #expect(width == 5 + 1 + 5 + 1 + 3 + 1 + 5)
    var canvas = Raster(width: 64, height: 40, color: .zero)
    canvas.text("Ag 1", x: 4, y: 6, scale: 2, color: white)
    for y in 0..<40 {
      for x in 0..<64 where canvas.pixels[3 * (y * 64 + x)] > 0 {
        #expect((4..<4 + 2 * width).contains(x) && (6..<6 + 2 * BitmapFont.height).contains(y))
      }
    }
    #expect(canvas.pixels.contains(255))
  }
}
