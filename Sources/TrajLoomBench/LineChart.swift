/// A chart of several curves over one axis, drawn as SVG.
///
/// Points that are not finite are gaps. Long curves are thinned to what the eye can tell, with
/// their highest and lowest points kept.
public struct LineChart: Sendable {
  public enum Scale: Sendable {
    case linear
    /// In powers of ten. Where values are not all positive, the axis is linear, and says so.
    case logarithmic
  }

  public struct Series: Sendable {
    public enum Style: Sendable { case solid, dashed }

    public let name: String
    /// In the order in which the line visits them.
    public let points: [(x: Double, y: Double)]
    public let style: Style
    /// How many neighbouring points the drawn mean is over; 1 for the points themselves.
    public let smoothing: Int

    /// - Parameters:
    ///   - smoothing: with more than 1, the line is the mean over so many points around each one,
    ///     and the points themselves are a faint line behind it. Of fewer than twice as many
    ///     points no mean is drawn.
    /// - Precondition: `smoothing` is positive.
    public init(
      name: String, points: [(x: Double, y: Double)], style: Style = .solid, smoothing: Int = 1
    ) {
      precondition(smoothing > 0, "LineChart.Series: smoothing \(smoothing)")
      self.name = name
      self.points = points
      self.style = style
      self.smoothing = smoothing
    }
  }

  let xLabel: String
  let yLabel: String
  let yScale: Scale
  let series: [Series]

  /// - Parameter series: the first seven have colours of their own, the following repeat them.
  public init(xLabel: String, yLabel: String, yScale: Scale = .linear, series: [Series]) {
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.yScale = yScale
    self.series = series
  }

  /// A complete SVG document, which is as wide as the place it is put in.
  public var svg: String { drawing(isStandalone: true).source }
}
