/// The axes of the speed plots: frames to the right, pixels per frame upwards from zero.
struct PlotAxes {
  /// The numbers of the first and the last frame.
  private let frames: ClosedRange<Int>
  /// At the upper edge.
  private let top: Double
  private let tick: Double

  /// - Parameter highest: the speed that must fit; positive.
  init(frames: ClosedRange<Int>, highest: Double) {
    self.frames = frames
    tick = roundStep(below: highest / 2)
    top = 1.08 * highest
  }

  /// Lines at round numbers, with their labels to the left of the region and below it.
  func drawGrid(in region: Region, textScale: Int, on canvas: inout Raster) {
    let gap = 3 * textScale
    for value in multiples(of: tick, in: 0...top) {
      let y = Int(place(Double(frames.lowerBound), value, region).y)
      let text = tickText(value)
      canvas.fill(
        Region(x: region.x, y: y, width: region.width, height: 1), color: Palette.label,
        alpha: 0.13)
      canvas.text(
        text, x: region.x - gap - BitmapFont.width(of: text) * textScale,
        y: y - BitmapFont.height * textScale / 2, scale: textScale, color: Palette.caption)
    }
    let step = Int(max(1, roundStep(below: max(1, Double(frames.count) / 3))))
    for frame in frames where frame.isMultiple(of: step) {
      let x = Int(place(Double(frame), 0, region).x)
      let text = tickText(Double(frame))
      canvas.fill(
        Region(x: x, y: region.y, width: 1, height: region.height), color: Palette.label,
        alpha: 0.13)
      canvas.text(
        text, x: x - BitmapFont.width(of: text) * textScale / 2, y: region.y + region.height + gap,
        scale: textScale, color: Palette.caption)
    }
  }

  /// - Parameter speeds: from each frame to the next; drawn half-way between the two.
  func draw(_ speeds: [Double?], in region: Region, ink: CurveInk, on canvas: inout Raster) {
    let first = Double(frames.lowerBound) + 0.5
    let places = speeds.enumerated().map { index, speed in
      speed.map { place(first + Double(index), $0, region) }
    }
    canvas.stroke(places, ink: ink, clip: region)
  }

  private func place(_ frame: Double, _ speed: Double, _ region: Region) -> SIMD2<Float> {
    let across = (frame - Double(frames.lowerBound)) / Double(frames.upperBound - frames.lowerBound)
    return SIMD2(
      Float(region.x) + Float(across) * Float(region.width),
      Float(region.y + region.height) - Float(speed / top) * Float(region.height))
  }
}
