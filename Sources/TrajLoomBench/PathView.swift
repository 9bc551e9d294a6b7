import Foundation

/// The part of the frame that the path panels show: the true path's box, and some of what lies
/// around it.
struct PathView {
  /// The frame's pixels at the upper left corner.
  private let corner: SIMD2<Float>
  /// Of what is shown, the frame's pixels.
  private let size: SIMD2<Float>

  /// - Parameters:
  ///   - others: reconstructions, which the view takes in as far as they stay near the truth.
  ///   - aspect: width over height of the panels.
  init(truth: TrackCurve, others: [TrackCurve], aspect: Float) {
    let box = truth.box ?? (low: .zero, high: .zero)
    // At least a few pixels, so that a point that stays does not become a cloud of rounding errors.
    let extent = max((box.high - box.low).max(), 4)
    let reach = 0.4 * extent
    var (low, high) = box
    for other in others.compactMap(\.box) {
      low = pointwiseMin(low, pointwiseMax(other.low, box.low - reach))
      high = pointwiseMax(high, pointwiseMin(other.high, box.high + reach))
    }
    low -= 0.1 * extent
    high += 0.1 * extent
    let needed = high - low
    let height = max(needed.y, needed.x / aspect)
    size = SIMD2(aspect * height, height)
    corner = (low + high) / 2 - size / 2
  }

  func draw(_ curve: TrackCurve, in panel: Region, ink: CurveInk, on canvas: inout Raster) {
    canvas.stroke(curve.path.map { $0.map { onCanvas($0, panel) } }, ink: ink, clip: panel)
  }

  /// A white dot where a path begins.
  func drawStart(of curve: TrackCurve, in panel: Region, on canvas: inout Raster) {
    guard let start = curve.path.lazy.compactMap({ $0 }).first else { return }
    let center = onCanvas(start, panel)
    canvas.disc(center: center, radius: 6, color: Palette.panel, clip: panel)
    canvas.disc(center: center, radius: 4, color: Palette.title, clip: panel)
  }

  /// A round number of pixels that is about a quarter of the panel, in the lower left corner.
  func drawScaleBar(in panel: Region, textScale: Int, on canvas: inout Raster) {
    let length = roundStep(below: Double(size.x) / 3)
    let width = Int(Float(length) / size.x * Float(panel.width))
    let left = panel.x + 6 * textScale
    let bottom = panel.y + panel.height - 6 * textScale
    canvas.fill(
      Region(x: left, y: bottom, width: width, height: textScale), color: Palette.caption)
    canvas.text(
      "\(tickText(length)) px", x: left, y: bottom - (BitmapFont.height + 2) * textScale,
      scale: textScale, color: Palette.caption)
  }

  private func onCanvas(_ position: SIMD2<Float>, _ panel: Region) -> SIMD2<Float> {
    let panelSize = SIMD2(Float(panel.width), Float(panel.height))
    return SIMD2(Float(panel.x), Float(panel.y)) + (position - corner) / size * panelSize
  }
}
