import Autograd
import Foundation

/// A picture of predicted futures: per clip, the past, the true future and the samples side by
/// side.
///
/// A point has the colour of its place in frame 0 in every panel, so that one finds it again.
public enum FuturePicture {
  /// One clip. T history frames, F future frames, N points.
  public struct Row: Sendable {
    public let title: String
    public let caption: String
    /// Of the video that the tracks live in, pixels.
    public let frameWidth: Int
    public let frameHeight: Int
    /// [T, N]
    public let history: PointTracks
    /// [F, N], where it is known.
    public let truth: PointTracks?
    /// Each [F, N].
    public let samples: [PointTracks]
    /// The last history frame of the video, of any size.
    public let background: RGBImage?

    /// - Precondition: the history has a frame, and all tracks have the same points.
    public init(
      title: String, caption: String = "", frameWidth: Int, frameHeight: Int, history: PointTracks,
      truth: PointTracks?, samples: [PointTracks], background: RGBImage? = nil
    ) {
      precondition(
        frameWidth > 0 && frameHeight > 0,
        "FuturePicture.Row: a frame of \(frameWidth) x \(frameHeight)")
      precondition(history.frames > 0, "FuturePicture.Row: the history has no frames")
      for future in [truth].compactMap({ $0 }) + samples {
        precondition(
          future.points == history.points,
          "FuturePicture.Row: \(history.points) points in the history, \(future.points) after it")
      }
      self.title = title
      self.caption = caption
      self.frameWidth = frameWidth
      self.frameHeight = frameHeight
      self.history = history
      self.truth = truth
      self.samples = samples
      self.background = background
    }
  }

  /// Draws the rows below each other into one PNG at `path`, which appears complete or not at all.
  ///
  /// - Parameters:
  ///   - maxPanelWidth: pixels. A panel is as wide as the frame, but at most this and at least 320,
  ///     and narrower where that brings all panels of a clip into one line.
  ///   - maxPoints: how many points are drawn, evenly chosen among those that move first.
  /// - Throws: `FileError`.
  public static func render(
    rows: [Row], to path: String, maxPanelWidth: Int = 832, maxPoints: Int = 200
  ) throws {
    let canvas = draw(rows: rows, maxPanelWidth: maxPanelWidth, maxPoints: maxPoints)
    try AtomicFile.write(
      PNG.encode(pixels: canvas.pixels, width: canvas.width, height: canvas.height), to: path)
  }

  static func draw(rows: [Row], maxPanelWidth: Int, maxPoints: Int) -> Raster {
    precondition(!rows.isEmpty, "FuturePicture.draw: no rows")
    let layout = PictureLayout(rows: rows, maxPanelWidth: maxPanelWidth)
    var canvas = Raster(width: layout.width, height: layout.height, color: Palette.canvas)
    for (row, place) in zip(rows, layout.rows) {
      drawTitle(of: row, at: place.title, scale: layout.textScale, on: &canvas)
      let painterPoints = chosenPoints(of: row, limit: maxPoints)
      for (panel, region) in zip(panels(of: row), place.panels) {
        drawLabel(panel, above: region, scale: layout.textScale, on: &canvas)
        canvas.fill(region, color: Palette.panel)
        if let background = row.background {
          // The past is what was filmed; behind the futures the same frame only helps to find one's
          // way.
          canvas.draw(
            background, over: region, alpha: panel.future == nil ? 0.45 : 0.25, desaturation: 0.5)
        }
        let painter = TrackPainter(
          panel: region, frameSize: SIMD2(Float(row.frameWidth), Float(row.frameHeight)),
          points: painterPoints, unit: max(1, Float(region.width) / 420))
        if let future = panel.future {
          painter.drawFuture(future, after: row.history, on: &canvas)
        } else {
          painter.drawPast(row.history, on: &canvas)
        }
      }
    }
    PictureLegend(scale: layout.textScale).draw(in: layout.legend, on: &canvas)
    return canvas
  }

  /// What one panel shows: the history where there is no future.
  private struct Panel {
    let name: String
    let detail: String
    let future: PointTracks?
  }

  private static func panels(of row: Row) -> [Panel] {
    var panels = [Panel(name: "past", detail: "\(row.history.frames) frames", future: nil)]
    if let truth = row.truth {
      panels.append(Panel(name: "true future", detail: "\(truth.frames) frames", future: truth))
    }
    for (k, sample) in row.samples.enumerated() {
      var detail = "\(sample.frames) frames"
      if let truth = row.truth, truth.frames == sample.frames {
        var error = VisiblePointError()
        error.add(prediction: sample, truth: truth)
        if let value = error.value {
          detail = String(format: value < 10 ? "ADE %.2f px" : "ADE %.1f px", value)
        }
      }
      panels.append(Panel(name: "sample \(k + 1)", detail: detail, future: sample))
    }
    return panels
  }

  /// A point that gets a hundredth of the frame away from its start, in any panel, is a moving one.
  private static func chosenPoints(of row: Row, limit: Int) -> [(index: Int, color: RGB)] {
    let starts = (0..<row.history.points).map { point -> SIMD2<Float> in
      let positions = (0..<row.history.frames).lazy.map {
        row.history.position(frame: $0, point: point)
      }
      return positions.first(where: \.isFinite) ?? row.history.position(frame: 0, point: point)
    }
    let enough = 0.01 * Double(row.frameWidth)
    let tracks = [row.history] + [row.truth].compactMap { $0 } + row.samples
    let moves = starts.indices.map { point in
      tracks.contains { tracks in
        (0..<tracks.frames).contains {
          (tracks.position(frame: $0, point: point) - starts[point]).length > enough
        }
      }
    }
    let frameSize = SIMD2(Float(row.frameWidth), Float(row.frameHeight))
    return PointSelection.spread(starts, moves: moves, limit: limit).map {
      ($0, PositionColors.color(at: starts[$0] / frameSize))
    }
  }

  private static func drawTitle(
    of row: Row, at region: Region, scale: Int, on canvas: inout Raster
  ) {
    canvas.text(
      BitmapFont.fitted(row.title, into: region.width / scale), x: region.x, y: region.y,
      scale: scale, color: Palette.title)
    let used = BitmapFont.width(of: row.title) * scale + 8 * scale
    guard used < region.width else { return }
    canvas.text(
      BitmapFont.fitted(row.caption, into: (region.width - used) / scale), x: region.x + used,
      y: region.y, scale: scale, color: Palette.caption)
  }

  private static func drawLabel(
    _ panel: Panel, above region: Region, scale: Int, on canvas: inout Raster
  ) {
    let y = region.y - (BitmapFont.height + 2) * scale
    canvas.text(panel.name, x: region.x, y: y, scale: scale, color: Palette.label)
    let width = BitmapFont.width(of: panel.detail) * scale
    guard width + (BitmapFont.width(of: panel.name) + 4) * scale <= region.width else { return }
    canvas.text(
      panel.detail, x: region.x + region.width - width, y: y, scale: scale, color: Palette.caption)
  }
}

/// The greys around the tracks, which alone carry colour.
enum Palette {
  static let canvas = RGB(0.055, 0.06, 0.075)
  static let panel = RGB(0.105, 0.115, 0.14)
  static let title = RGB(0.97, 0.97, 0.98)
  static let label = RGB(0.80, 0.82, 0.86)
  static let caption = RGB(0.56, 0.59, 0.65)
}
