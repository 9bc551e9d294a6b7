/// Where everything stands in a picture of one track, in canvas pixels: two columns of panels, each
/// a path with its speed plot beside it.
struct TrackPictureLayout {
  struct Panel {
    let path: Region
    let plot: Region
  }

  let width: Int
  let height: Int
  let title: Region
  let subtitle: Region
  let legend: Region
  let panels: [Panel]
  /// Canvas pixels per font pixel.
  let textScale = 2

  /// Width over height of the path panels.
  var pathAspect: Float { Float(Self.pathSize.width) / Float(Self.pathSize.height) }

  private static let pathSize = (width: 260, height: 220)
  private static let plotWidth = 460
  /// Between a path and its plot, where the labels of the plot's axis stand.
  private static let axisWidth = 50
  private static let margin = 30

  init(panels count: Int) {
    let (margin, gap) = (Self.margin, 10)
    let textHeight = BitmapFont.height * textScale
    // The name above a panel, and the frames' numbers below it.
    let labelHeight = textHeight + 3 * textScale
    let columns = min(2, count)
    let rows = (count + columns - 1) / columns
    let cell = (
      width: Self.pathSize.width + Self.axisWidth + Self.plotWidth,
      height: 2 * labelHeight + Self.pathSize.height
    )
    let space = columns * cell.width + (columns - 1) * margin
    let top = margin + 2 * textHeight + gap + margin
    width = space + 2 * margin
    title = Region(x: margin, y: margin, width: space, height: textHeight)
    subtitle = Region(x: margin, y: margin + textHeight + gap, width: space, height: textHeight)
    panels = (0..<count).map { index in
      let (row, column) = index.quotientAndRemainder(dividingBy: columns)
      let x = margin + column * (cell.width + margin)
      let y = top + row * (cell.height + 2 * gap) + labelHeight
      return Panel(
        path: Region(x: x, y: y, width: Self.pathSize.width, height: Self.pathSize.height),
        plot: Region(
          x: x + Self.pathSize.width + Self.axisWidth, y: y, width: Self.plotWidth,
          height: Self.pathSize.height))
    }
    legend = Region(
      x: margin, y: top + rows * (cell.height + 2 * gap) + gap, width: space, height: textHeight)
    height = legend.y + textHeight + margin
  }
}
