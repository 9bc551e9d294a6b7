/// Where the parts of a line chart are, in the units of its view box.
struct LineChartLayout {
  struct LegendEntry {
    let x, y: Double
    let text: String
  }

  /// At 360 pixels, the width of a phone, text is 11 pixels high.
  static let width = 480.0
  static let textSize = 15.0
  static let swatchWidth = 24.0
  private static let lineHeight = 23.0
  /// Of digits in DejaVu Sans, the widest of the usual fonts: which one it is, the browser chooses.
  private static let characterWidth = 0.64 * textSize

  let left, right: Double
  let top = 34.0
  let bottom = 250.0
  let x, y: ChartAxis
  let legend: [LegendEntry]
  let height: Double

  /// - Parameters:
  ///   - points: all that must fit; may be empty.
  ///   - names: the legend.
  init(points: [LineCurve.Point], isLogarithmic: Bool, names: [String]) {
    let (xData, yData) = (Self.range(points.map(\.x)), Self.range(points.map(\.y)))
    y = yData.map { isLogarithmic ? .logarithmic($0) : .rounded($0) } ?? .empty
    let labels = 12 + Self.width(ofCharacters: y.ticks.map(\.text.count).max() ?? 0)
    x =
      xData.map { data in
        .tight(
          data, isWhole: points.allSatisfy { $0.x == $0.x.rounded() },
          columns: Int((Self.width - labels) / Self.characterWidth))
      } ?? .empty
    // Half of the first and of the last label may stand out.
    left = max(labels, Self.width(ofCharacters: x.ticks.first?.text.count ?? 0) / 2)
    right = Self.width - max(12, Self.width(ofCharacters: x.ticks.last?.text.count ?? 0) / 2)
    (legend, height) = Self.legend(names, top: bottom + 74)
  }

  func place(_ point: LineCurve.Point) -> LineCurve.Point {
    (
      left + x.share(of: point.x) * (right - left),
      bottom - y.share(of: point.y) * (bottom - top)
    )
  }

  /// Cut so that it leaves `taken` units of the chart's width.
  static func fitted(_ text: String, taken: Double = 0) -> String {
    let columns = Int((width - taken) / characterWidth)
    return text.count <= columns ? text : text.prefix(columns - 1) + "…"
  }

  /// Each entry from left to right, on a new line where it would run over.
  private static func legend(
    _ names: [String], top: Double
  ) -> (entries: [LegendEntry], height: Double) {
    var (left, y) = (0.0, top)
    let entries = names.map { name in
      let text = fitted(name, taken: swatchWidth + 8)
      let needed = swatchWidth + 8 + width(ofCharacters: text.count)
      if left > 0 && left + needed > width {
        left = 0
        y += lineHeight
      }
      defer { left += needed + 14 }
      return LegendEntry(x: left, y: y, text: text)
    }
    return (entries, y + 10)
  }

  private static func range(_ values: [Double]) -> ClosedRange<Double>? {
    guard let low = values.min(), let high = values.max() else { return nil }
    return low...high
  }

  private static func width(ofCharacters count: Int) -> Double { Double(count) * characterWidth }
}
