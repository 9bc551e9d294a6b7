/// The text and the grid take the colour of what surrounds the chart; the curves' colours can be
/// told apart on light and on dark ground, and by every kind of colour vision.
extension LineChart {
  /// Okabe and Ito (2008), without the yellow, which is too pale on white.
  private static let colors = [
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "currentColor",
  ]

  /// For the head of a page that has charts in it. On a wide screen charts are drawn larger, so
  /// that their text may be smaller.
  static let pageStyle: Markup = """
    .chart { display: block; width: 100%; height: auto; }
    @media (min-width: 1000px) { .chart { font-size: 13px; } }
    """

  private static let standaloneStyle: Markup = """
    <style>
    .chart { color: #1c2126; background: #ffffff; }
    @media (prefers-color-scheme: dark) { .chart { color: #e4e7ea; background: #14171a; } }
    </style>
    """

  /// - Parameter isStandalone: with a ground, a margin and a style of its own.
  func drawing(isStandalone: Bool) -> Markup {
    let curves = series.map(LineCurve.init)
    let points = curves.flatMap(\.points)
    let isPositive = points.allSatisfy { $0.y >= ChartAxis.smallestSize }
    let isLogarithmic = yScale == .logarithmic && isPositive && !points.isEmpty
    let layout = LineChartLayout(
      points: points, isLogarithmic: isLogarithmic, names: zip(series, curves).map(legendText))
    let note: String =
      switch (yScale, isLogarithmic) {
      case (.linear, _): ""
      case (.logarithmic, true): " (log scale)"
      case (.logarithmic, false):
        points.isEmpty ? "" : " (linear scale: not all values are positive)"
      }
    let styled = zip(zip(series, curves), colorsBySeries)
    let raw = styled.map { rawPath($0.1, color: $1, layout) }
    let lines = styled.map { linePath(of: $0.0, $0.1, color: $1, layout) }
    let noData: Markup = """
      <text x="\((layout.left + layout.right) / 2)" y="\((layout.top + layout.bottom) / 2)" \
      text-anchor="middle" fill="currentColor" fill-opacity="0.7">no data yet</text>
      """
    let margin = isStandalone ? 10.0 : 0
    return """
      <svg xmlns="http://www.w3.org/2000/svg" class="chart" \
      viewBox="\(-margin) \(-margin) \(LineChartLayout.width + 2 * margin) \
      \(layout.height + 2 * margin)" role="img" \
      aria-label="\(yLabel) over \(xLabel)" font-family="system-ui, sans-serif" \
      font-size="\(LineChartLayout.textSize)">
      \(isStandalone ? Self.standaloneStyle : "")
      \(grid(layout))
      <text x="0" y="17" fill="currentColor">\(LineChartLayout.fitted(yLabel + note))</text>
      <text x="\(layout.right)" y="\(layout.bottom + 44)" text-anchor="end" \
      fill="currentColor">\
      \(LineChartLayout.fitted(xLabel, taken: LineChartLayout.width - layout.right))</text>
      \((raw + lines).joined())
      \(points.isEmpty ? noData : "")
      \(legend(layout))
      </svg>
      """
  }

  private var colorsBySeries: [String] {
    series.indices.map { Self.colors[$0 % Self.colors.count] }
  }

  private func legendText(_ series: Series, _ curve: LineCurve) -> String {
    if curve.points.isEmpty { return series.name + " (no data yet)" }
    return series.name + (curve.isSmoothed ? " (mean of \(series.smoothing))" : "")
  }

  private func grid(_ layout: LineChartLayout) -> Markup {
    let horizontal = layout.y.ticks.map { tick -> Markup in
      let y = layout.place((layout.x.range.lowerBound, tick.value)).y
      return """
        <path class="grid" d="M\(layout.left) \(y)H\(layout.right)" stroke="currentColor" \
        stroke-opacity="0.15"/>
        <text class="y-tick" x="\(layout.left - 7)" y="\(y)" dy="0.35em" text-anchor="end" \
        fill="currentColor" fill-opacity="0.75">\(tick.text)</text>
        """
    }
    let vertical = layout.x.ticks.map { tick -> Markup in
      let x = layout.place((tick.value, layout.y.range.lowerBound)).x
      return """
        <path class="grid" d="M\(x) \(layout.top)V\(layout.bottom)" stroke="currentColor" \
        stroke-opacity="0.15"/>
        <text class="x-tick" x="\(x)" y="\(layout.bottom + 20)" text-anchor="middle" \
        fill="currentColor" fill-opacity="0.75">\(tick.text)</text>
        """
    }
    return """
      \((horizontal + vertical).joined())
      <path class="base" d="M\(layout.left) \(layout.bottom)H\(layout.right)" \
      stroke="currentColor" stroke-opacity="0.4"/>
      """
  }

  private func rawPath(_ curve: LineCurve, color: String, _ layout: LineChartLayout) -> Markup {
    guard curve.isSmoothed else { return "" }
    return """
      <path class="raw" d="\(pathData(curve.raw, layout))" fill="none" stroke="\(color)" \
      stroke-opacity="0.4" stroke-linejoin="round"/>
      """
  }

  private func linePath(
    of series: Series, _ curve: LineCurve, color: String, _ layout: LineChartLayout
  ) -> Markup {
    guard !curve.points.isEmpty else { return "" }
    let dash: Markup = series.style == .dashed ? " stroke-dasharray=\"6 4\"" : ""
    return """
      <path class="line" d="\(pathData(curve.line, layout))" fill="none" stroke="\(color)" \
      stroke-width="2" stroke-linejoin="round"\(dash)><title>\(series.name)</title></path>
      <path class="dots" d="\(dotData(curve, layout))" fill="none" stroke="\(color)" \
      stroke-width="5" stroke-linecap="round"/>
      """
  }

  /// A line through the points, broken at gaps.
  private func pathData(_ points: [LineCurve.Point?], _ layout: LineChartLayout) -> String {
    var data = ""
    var isAfterGap = true
    for point in points {
      if let point {
        let place = layout.place(point)
        data += (isAfterGap ? "M" : "L") + tenths(place.x) + " " + tenths(place.y)
      }
      isAfterGap = point == nil
    }
    return data
  }

  /// A dot (a line of no length with a round end) where there are few points, or where a point
  /// between two gaps would leave no line.
  private func dotData(_ curve: LineCurve, _ layout: LineChartLayout) -> String {
    let line = curve.line
    let isSparse = !curve.isSmoothed && line.count <= 40
    return line.indices.map { index in
      let hasNeighbor =
        index > 0 && line[index - 1] != nil || index + 1 < line.count && line[index + 1] != nil
      guard let point = line[index], isSparse || !hasNeighbor else { return "" }
      let place = layout.place(point)
      return "M" + tenths(place.x) + " " + tenths(place.y) + "h0"
    }.joined()
  }

  private func legend(_ layout: LineChartLayout) -> Markup {
    zip(zip(layout.legend, series), colorsBySeries).map { entry, color -> Markup in
      let (label, series) = entry
      let dash: Markup = series.style == .dashed ? " stroke-dasharray=\"6 4\"" : ""
      return """
        <path class="swatch" d="M\(label.x) \(label.y - 5)h\(LineChartLayout.swatchWidth)" \
        stroke="\(color)" stroke-width="3"\(dash)/>
        <text class="legend" x="\(label.x + LineChartLayout.swatchWidth + 8)" y="\(label.y)" \
        fill="currentColor">\(label.text)</text>
        """
    }.joined()
  }
}
