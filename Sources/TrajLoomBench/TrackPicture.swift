import Autograd
import Foundation

/// A picture of one track and what several models reconstruct of it: per model the path, and the
/// speed over time, in which jitter shows that the path is too small for.
///
/// All panels have one scale, so that they compare.
public struct TrackPicture: Sendable {
  /// One model's reconstruction.
  public struct Variant: Sendable {
    public let name: String
    /// [T, 1]
    public let reconstruction: PointTracks

    public init(name: String, reconstruction: PointTracks) {
      self.name = name
      self.reconstruction = reconstruction
    }
  }

  let title: String
  let firstFrame: Int
  let truth: PointTracks
  let variants: [Variant]

  /// - Parameters:
  ///   - title: which track of which clip it is.
  ///   - firstFrame: the number of the track's first frame in its clip.
  ///   - truth: [T, 1], of which only the visible part is drawn.
  /// - Precondition: there is a variant, and all have the truth's shape.
  public init(title: String, firstFrame: Int, truth: PointTracks, variants: [Variant]) {
    precondition(
      truth.points == 1 && truth.frames > 0,
      "TrackPicture: truth [\(truth.frames), \(truth.points)], expected [T, 1]")
    precondition(!variants.isEmpty, "TrackPicture: no variants")
    for variant in variants { checkSameShape(variant.reconstruction, truth, in: "TrackPicture") }
    self.title = title
    self.firstFrame = firstFrame
    self.truth = truth
    self.variants = variants
  }

  /// Draws the picture into a PNG at `path`, which appears complete or not at all.
  /// - Throws: `FileError`.
  public func render(to path: String) throws {
    let canvas = draw()
    try AtomicFile.write(
      PNG.encode(pixels: canvas.pixels, width: canvas.width, height: canvas.height), to: path)
  }

  func draw() -> Raster {
    let layout = TrackPictureLayout(panels: variants.count)
    var canvas = Raster(width: layout.width, height: layout.height, color: Palette.canvas)
    canvas.text(
      BitmapFont.fitted(title, into: layout.title.width / layout.textScale), x: layout.title.x,
      y: layout.title.y, scale: layout.textScale, color: Palette.title)
    let subtitle = "left: the path, from the white dot; right: speed in px/frame over frames"
    canvas.text(
      BitmapFont.fitted(subtitle, into: layout.subtitle.width / layout.textScale),
      x: layout.subtitle.x, y: layout.subtitle.y, scale: layout.textScale, color: Palette.caption)
    drawLegend(in: layout.legend, scale: layout.textScale, on: &canvas)

    let trueTrack = TrackCurve(truth, seenIn: truth)
    let tracks = variants.map { TrackCurve($0.reconstruction, seenIn: truth) }
    let view = PathView(truth: trueTrack, others: tracks, aspect: layout.pathAspect)
    let axes = PlotAxes(
      frames: firstFrame...firstFrame + max(1, truth.frames - 1),
      highest: highestSpeed(trueTrack, tracks))
    for ((variant, track), place) in zip(zip(variants, tracks), layout.panels) {
      drawLabel(of: variant, above: place, scale: layout.textScale, on: &canvas)
      canvas.fill(place.path, color: Palette.panel)
      view.drawScaleBar(in: place.path, textScale: layout.textScale, on: &canvas)
      view.draw(trueTrack, in: place.path, ink: .truth, on: &canvas)
      view.drawStart(of: trueTrack, in: place.path, on: &canvas)
      view.draw(track, in: place.path, ink: .reconstruction, on: &canvas)
      canvas.fill(place.plot, color: Palette.panel)
      axes.drawGrid(in: place.plot, textScale: layout.textScale, on: &canvas)
      axes.draw(trueTrack.speeds, in: place.plot, ink: .truth, on: &canvas)
      axes.draw(track.speeds, in: place.plot, ink: .reconstruction, on: &canvas)
    }
    return canvas
  }

  /// Of all curves, but at most four times the truth's: a model that has learnt nothing yet would
  /// flatten the others.
  private func highestSpeed(_ truth: TrackCurve, _ tracks: [TrackCurve]) -> Double {
    let highest = truth.highestSpeed
    let all = tracks.map(\.highestSpeed).reduce(highest, max)
    return highest > 0 ? min(all, 4 * highest) : max(all, 1)
  }

  private func drawLabel(
    of variant: Variant, above place: TrackPictureLayout.Panel, scale: Int,
    on canvas: inout Raster
  ) {
    let y = place.path.y - (BitmapFont.height + 3) * scale
    canvas.text(variant.name, x: place.path.x, y: y, scale: scale, color: Palette.title)
    var errors = ReconstructionErrors(rows: 1, columns: 1)
    errors.add(.history, reconstruction: variant.reconstruction, truth: truth)
    let found = errors.summary()
    func number(_ value: Double?) -> String { value.map { String(format: "%.2f", $0) } ?? "-" }
    let detail =
      "off by \(number(found.vepe)) px, velocity by \(number(found.velocityError)) px/frame"
    let width = BitmapFont.width(of: detail) * scale
    let right = place.plot.x + place.plot.width
    guard right - width > place.path.x + BitmapFont.width(of: variant.name + "  ") * scale else {
      return
    }
    canvas.text(detail, x: right - width, y: y, scale: scale, color: Palette.caption)
  }

  private func drawLegend(in region: Region, scale: Int, on canvas: inout Raster) {
    var x = region.x
    for (ink, meaning) in [
      (CurveInk.truth, "true"), (.reconstruction, "reconstructed"),
    ] {
      let y = Float(region.y) + 3.5 * Float(scale)
      let ends = [Float(x), Float(x + 12 * scale)].map { ink.point(at: SIMD2($0, y)) }
      canvas.stroke(ends, color: ink.color, clip: canvas.bounds)
      canvas.text(meaning, x: x + 16 * scale, y: region.y, scale: scale, color: Palette.caption)
      x += (16 + BitmapFont.width(of: meaning) + 12) * scale
    }
  }
}

/// How a curve is drawn. The truth is wide and grey, so that it shows below a curve that hides it;
/// the orange is told from grey, black and white by every kind of colour vision (Okabe and Ito,
/// 2008).
enum CurveInk {
  case truth, reconstruction

  var color: RGB {
    switch self {
    case .truth: RGB(repeating: 0.62)
    case .reconstruction: RGB(0.902, 0.624, 0)
    }
  }

  func point(at position: SIMD2<Float>) -> StrokePoint {
    switch self {
    case .truth: StrokePoint(position: position, radius: 2.6, alpha: 0.75)
    case .reconstruction: StrokePoint(position: position, radius: 0.9, alpha: 1)
    }
  }
}
