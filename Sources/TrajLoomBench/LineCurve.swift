/// A series as it is drawn: few enough points, with gaps.
struct LineCurve {
  typealias Point = (x: Double, y: Double)

  /// nil is a gap.
  let line: [Point?]
  /// What `line` is a mean of; empty if it is no mean.
  let raw: [Point?]
  /// All points that are no gaps, thinned or not.
  let points: [Point]

  var isSmoothed: Bool { !raw.isEmpty }

  /// More could not be told apart on a screen.
  static let maxPoints = 1000

  init(_ series: LineChart.Series) {
    let points = series.points.map { point -> Point? in
      let isDrawable =
        abs(point.x) <= ChartAxis.largestSize && abs(point.y) <= ChartAxis.largestSize
      return isDrawable ? point : nil
    }
    self.points = points.compactMap { $0 }
    let thin = Self.thinned(points)
    if series.smoothing > 1 && points.count >= 2 * series.smoothing {
      raw = thin
      line = Self.smoothed(points, over: series.smoothing)
    } else {
      raw = []
      line = thin
    }
  }

  /// The lowest and the highest point of each stretch, in their order, so that a spike of one point
  /// remains. A gap that is shorter than a stretch closes.
  private static func thinned(_ points: [Point?]) -> [Point?] {
    guard points.count > maxPoints else { return points }
    return stretches(of: points, count: maxPoints / 2).flatMap { stretch -> [Point?] in
      let indices = stretch.filter { points[$0] != nil }
      guard let low = indices.min(by: { points[$0]!.y < points[$1]!.y }),
        let high = indices.max(by: { points[$0]!.y < points[$1]!.y })
      else { return [nil] }
      return low == high ? [points[low]] : [points[min(low, high)], points[max(low, high)]]
    }
  }

  /// The mean around every point, or around the middle of each stretch where there are many. At
  /// both ends it is over the points that there are.
  private static func smoothed(_ points: [Point?], over count: Int) -> [Point?] {
    stretches(of: points, count: maxPoints).map { stretch in
      let middle = (stretch.lowerBound + stretch.upperBound) / 2
      guard let center = points[middle] else { return nil }
      let first = middle - count / 2
      var mean = RunningMean()
      for point in points[max(0, first)..<min(points.count, first + count)] {
        if let point { mean.add(point.y) }
      }
      return mean.value.map { (center.x, $0) }
    }
  }

  /// At most `count` of nearly the same length.
  private static func stretches(of points: [Point?], count: Int) -> [Range<Int>] {
    let length = max(1, (points.count + count - 1) / count)
    return stride(from: 0, to: points.count, by: length).map {
      $0..<min(points.count, $0 + length)
    }
  }
}
