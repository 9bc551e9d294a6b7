/// The line below a picture that says what its signs mean.
struct PictureLegend {
  let scale: Int  // canvas pixels per font pixel

  private enum Sign: CaseIterable {
    case color, seen, hidden, hiddenStretch, boundary

    var meaning: String {
      switch self {
      case .color: "colour: place in the first frame"
      case .seen: "seen at the end"
      case .hidden: "hidden or out of view at the end"
      case .hiddenStretch: "hidden on the way"
      case .boundary: "last history frame, with the way to it"
      }
    }
  }

  private var lineHeight: Int { (BitmapFont.height + 6) * scale }
  private var signWidth: Int { 16 * scale }

  func height(forWidth width: Int) -> Int { (places(width).last!.line + 1) * lineHeight }

  func draw(in region: Region, on canvas: inout Raster) {
    for (sign, x, line) in places(region.width) {
      let top = region.y + line * lineHeight
      let box = Region(
        x: region.x + x, y: top, width: signWidth - 4 * scale, height: BitmapFont.height * scale)
      draw(sign, in: box, on: &canvas)
      canvas.text(
        sign.meaning, x: region.x + x + signWidth, y: top, scale: scale, color: Palette.caption)
    }
  }

  /// Each sign from left to right, on a new line where it would run over.
  private func places(_ width: Int) -> [(sign: Sign, x: Int, line: Int)] {
    var x = 0
    var line = 0
    return Sign.allCases.map { sign in
      let needed = signWidth + BitmapFont.width(of: sign.meaning) * scale
      if x > 0 && x + needed > width {
        x = 0
        line += 1
      }
      defer { x += needed + 12 * scale }
      return (sign, x, line)
    }
  }

  private func draw(_ sign: Sign, in box: Region, on canvas: inout Raster) {
    let unit = Float(scale)
    let middle = Float(box.y) + Float(box.height) / 2 - unit / 2
    let left = SIMD2(Float(box.x), middle)
    let right = SIMD2(Float(box.x + box.width) - unit, middle)
    let clip = canvas.bounds
    switch sign {
    case .color:
      for y in 0..<box.height {
        for x in 0..<box.width {
          let place = SIMD2(Float(x) / Float(box.width), Float(y) / Float(box.height))
          canvas.blend(x: box.x + x, y: box.y + y, color: PositionColors.color(at: place), alpha: 1)
        }
      }
    case .seen:
      canvas.stroke(
        line(left, right, radius: 0.2...0.7, alpha: 0.15...0.9), color: Palette.label, clip: clip)
      canvas.disc(center: right, radius: 1.9 * unit, color: Palette.label, clip: clip)
    case .hidden:
      canvas.stroke(
        line(left, right - SIMD2(1.6 * unit, 0), radius: 0.2...0.6, alpha: 0.15...0.9),
        color: Palette.label, clip: clip)
      canvas.ring(
        center: right, radius: 1.6 * unit, thickness: 0.7 * unit, color: Palette.label, clip: clip)
    case .hiddenStretch:
      canvas.stroke(
        line(left, right, radius: 0.25...0.25, alpha: 0.4...0.4), color: Palette.label, clip: clip)
    case .boundary:
      canvas.stroke(
        line(left, right, radius: 0.3...0.3, alpha: 0.1...0.6), color: Palette.caption, clip: clip)
      canvas.disc(center: right, radius: unit, color: Palette.title, clip: clip)
    }
  }

  private func line(
    _ from: SIMD2<Float>, _ to: SIMD2<Float>, radius: ClosedRange<Float>, alpha: ClosedRange<Float>
  ) -> [StrokePoint] {
    let unit = Float(scale)
    return [
      StrokePoint(position: from, radius: radius.lowerBound * unit, alpha: alpha.lowerBound),
      StrokePoint(position: to, radius: radius.upperBound * unit, alpha: alpha.upperBound),
    ]
  }
}
