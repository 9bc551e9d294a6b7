/// Draws tracks into one panel of a picture: tails that grow thicker and clearer towards the
/// present, with a head where they end.
///
/// A head is filled where the point is seen at the end, and hollow where it is hidden or has left
/// the frame. Stretches along which the point is hidden are thin and dim.
struct TrackPainter {
  /// The part of the canvas that the frame fills.
  let panel: Region
  /// Of the video frame, pixels.
  let frameSize: SIMD2<Float>
  /// The points to draw, and the colour of each.
  let points: [(index: Int, color: RGB)]
  /// The thickness of all things is in these units of canvas pixels.
  let unit: Float

  /// The whole history, ending in heads.
  func drawPast(_ history: PointTracks, on canvas: inout Raster) {
    draw(points.map { Path(history, point: $0.index, color: $0.color) }, on: &canvas)
  }

  /// A future, which starts where the history ends: its last frames lead in as a grey line, up to a
  /// white mark at the boundary.
  func drawFuture(_ future: PointTracks, after history: PointTracks, on canvas: inout Raster) {
    let last = history.frames - 1
    let leadIn = max(0, last - 24)...last
    for (point, color) in points {
      let past = Path(history, point: point, color: color, frames: leadIn)
      if stays(past) { continue }
      let line = past.stops.filter(\.position.isFinite).enumerated().map { step, stop in
        StrokePoint(
          position: onCanvas(stop.position), radius: 0.5 * unit,
          alpha: 0.45 * Float(step + 1) / Float(past.stops.count))
      }
      canvas.stroke(line, color: RGB(repeating: 0.8), clip: panel)
    }
    let paths = points.map { point, color in
      var path = Path(future, point: point, color: color)
      path.stops.insert(Path.Stop(history, frame: last, point: point), at: 0)
      return path
    }
    draw(paths, markingStart: true, on: &canvas)
  }

  private func draw(_ paths: [Path], markingStart: Bool = false, on canvas: inout Raster) {
    for path in paths where stays(path) { drawDot(path, on: &canvas) }
    let moving = paths.filter { !stays($0) }.sorted { $0.extent < $1.extent }
    for path in moving { drawTail(path, on: &canvas) }
    if markingStart {
      for path in moving where path.stops[0].position.isFinite {
        let start = onCanvas(path.stops[0].position)
        canvas.disc(center: start, radius: 1.7 * unit, color: .zero, alpha: 0.6, clip: panel)
        canvas.disc(center: start, radius: 1.1 * unit, color: RGB(repeating: 0.95), clip: panel)
      }
    }
    for path in moving { drawHead(path, on: &canvas) }
  }

  /// Whether the motion is too small on the canvas to be worth a line.
  private func stays(_ path: Path) -> Bool {
    path.extent * Double(panel.width) / Double(frameSize.x) < 2.5 * Double(unit)
  }

  private func drawDot(_ path: Path, on canvas: inout Raster) {
    guard let end = path.stops.last(where: { isInFrame($0.position) }) else { return }
    let center = onCanvas(end.position)
    if path.stops.last?.isVisible == true {
      canvas.disc(center: center, radius: 1.4 * unit, color: path.color, alpha: 0.5, clip: panel)
    } else {
      canvas.ring(
        center: center, radius: 1.4 * unit, thickness: 0.7 * unit, color: path.color, alpha: 0.35,
        clip: panel)
    }
  }

  private func drawTail(_ path: Path, on canvas: inout Raster) {
    let end = Float(max(1, path.stops.count - 1))
    var run: [StrokePoint] = []
    var runIsVisible = false
    for step in path.stops.indices.dropLast() {
      let (from, to) = (path.stops[step], path.stops[step + 1])
      let isVisible = from.isVisible && to.isVisible
      guard from.position.isFinite, to.position.isFinite else {
        canvas.stroke(run, color: path.color, clip: panel)
        run = []
        continue
      }
      if isVisible != runIsVisible || run.isEmpty {
        canvas.stroke(run, color: path.color, clip: panel)
        run = [strokePoint(from, age: Float(step) / end, isVisible: isVisible)]
        runIsVisible = isVisible
      }
      run.append(strokePoint(to, age: Float(step + 1) / end, isVisible: isVisible))
    }
    canvas.stroke(run, color: path.color, clip: panel)
  }

  /// - Parameter age: 0 at the start of the tail, 1 at its head.
  private func strokePoint(_ stop: Path.Stop, age: Float, isVisible: Bool) -> StrokePoint {
    let alpha = 0.12 + 0.83 * age
    return isVisible
      ? StrokePoint(
        position: onCanvas(stop.position), radius: (0.35 + 0.95 * age) * unit, alpha: alpha)
      : StrokePoint(position: onCanvas(stop.position), radius: 0.35 * unit, alpha: 0.4 * alpha)
  }

  private func drawHead(_ path: Path, on canvas: inout Raster) {
    guard let end = path.stops.last(where: { isInFrame($0.position) }) else { return }
    let center = onCanvas(end.position)
    let isSeen = path.stops.last.map { $0.isVisible && isInFrame($0.position) } ?? false
    canvas.disc(center: center, radius: 3.5 * unit, color: .zero, alpha: 0.65, clip: panel)
    if isSeen {
      canvas.disc(center: center, radius: 2.7 * unit, color: path.color, clip: panel)
    } else {
      canvas.ring(
        center: center, radius: 2.2 * unit, thickness: unit, color: path.color, clip: panel)
    }
  }

  private func isInFrame(_ position: SIMD2<Float>) -> Bool {
    position.x >= 0 && position.y >= 0 && position.x <= frameSize.x - 1
      && position.y <= frameSize.y - 1
  }

  /// From the frame's pixel centres to the canvas.
  private func onCanvas(_ position: SIMD2<Float>) -> SIMD2<Float> {
    let scale = SIMD2(Float(panel.width), Float(panel.height)) / frameSize
    return SIMD2(Float(panel.x), Float(panel.y)) + (position + 0.5) * scale
  }
}

/// One point through time.
private struct Path {
  var stops: [Stop]
  let color: RGB

  struct Stop {
    let position: SIMD2<Float>
    let isVisible: Bool

    init(_ tracks: PointTracks, frame: Int, point: Int) {
      position = tracks.position(frame: frame, point: point)
      isVisible = tracks.isVisible(frame: frame, point: point)
    }
  }

  init(_ tracks: PointTracks, point: Int, color: RGB, frames: ClosedRange<Int>? = nil) {
    stops = (frames.map(Range.init) ?? 0..<tracks.frames).map {
      Stop(tracks, frame: $0, point: point)
    }
    self.color = color
  }

  /// How far the point gets from where it first is, pixels.
  var extent: Double {
    let positions = stops.map(\.position).filter(\.isFinite)
    guard let start = positions.first else { return 0 }
    return positions.map { ($0 - start).length }.max() ?? 0
  }
}
