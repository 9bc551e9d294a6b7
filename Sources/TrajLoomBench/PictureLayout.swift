/// Where everything stands in a picture of futures, in canvas pixels.
///
/// A row is a title and its panels. The panels shrink to fit into one line, down to `smallest`;
/// where that is not enough they wrap.
struct PictureLayout {
  struct RowPlace {
    let title: Region
    let panels: [Region]
  }

  let width: Int
  private(set) var height = 0
  private(set) var rows: [RowPlace] = []
  private(set) var legend = Region(x: 0, y: 0, width: 0, height: 0)
  /// Canvas pixels per font pixel.
  let textScale: Int

  /// Of a line of panels: three of 832 pixels.
  private static let widest = 2560
  /// Panels do not shrink below this, unless the frame is smaller.
  private static let smallest = 400
  /// Frames that are smaller than this are enlarged.
  private static let legible = 320
  private static let gap = 24
  private static let margin = 30

  init(rows: [FuturePicture.Row], maxPanelWidth: Int) {
    let lines = rows.map { PanelLines($0, maxPanelWidth: maxPanelWidth) }
    let (gap, margin) = (PictureLayout.gap, PictureLayout.margin)
    let space = lines.map(\.width).max()!
    width = space + 2 * margin
    // A wide picture is shown smaller, so its text must be larger.
    textScale = width > 2000 ? 3 : 2
    let textHeight = BitmapFont.height * textScale

    var y = margin
    for (row, lines) in zip(rows, lines) {
      let title = Region(x: margin, y: y, width: space, height: textHeight)
      y += textHeight + gap
      let panelHeight = max(1, lines.panelWidth * row.frameHeight / row.frameWidth)
      let labelHeight = textHeight + 2 * textScale
      let panels = (0..<lines.panelCount).map { index in
        let (down, across) = index.quotientAndRemainder(dividingBy: lines.columns)
        return Region(
          x: margin + across * (lines.panelWidth + gap),
          y: y + down * (labelHeight + panelHeight + gap) + labelHeight,
          width: lines.panelWidth, height: panelHeight)
      }
      self.rows.append(RowPlace(title: title, panels: panels))
      y = panels.last!.y + panelHeight + 2 * margin
    }
    legend = Region(
      x: margin, y: y - margin, width: space,
      height: PictureLegend(scale: textScale).height(forWidth: space))
    height = legend.y + legend.height + margin
  }

  /// How the panels of one row are broken into lines.
  private struct PanelLines {
    let panelCount: Int
    let columns: Int
    let panelWidth: Int
    var width: Int { columns * (panelWidth + PictureLayout.gap) - PictureLayout.gap }

    init(_ row: FuturePicture.Row, maxPanelWidth: Int) {
      panelCount = 1 + (row.truth == nil ? 0 : 1) + row.samples.count
      let natural = max(PictureLayout.legible, min(row.frameWidth, maxPanelWidth))
      let available = PictureLayout.widest + PictureLayout.gap
      let most = max(1, available / (min(natural, PictureLayout.smallest) + PictureLayout.gap))
      let lines = (panelCount + most - 1) / most
      columns = (panelCount + lines - 1) / lines
      panelWidth = max(1, min(natural, available / columns - PictureLayout.gap))
    }
  }
}
