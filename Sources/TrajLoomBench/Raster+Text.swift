extension Raster {
  /// One line of text, its glyphs' upper left corner at (`x`, `y`), `scale` canvas pixels to a font
  /// pixel.
  ///
  /// Ink is joined to neighbouring ink by round strokes instead of drawn as squares, which smooths
  /// the steps of the bitmap.
  mutating func text(_ text: String, x: Int, y: Int, scale: Int, color: RGB) {
    var left = x
    for character in text {
      let glyph = BitmapFont.glyph(character)
      let pieces = glyph.strokes.map { from, to in
        (dot(from, left: left, top: y, scale: scale), dot(to, left: left, top: y, scale: scale))
      }
      stroke(pieces: pieces, color: color, clip: bounds)
      left += (glyph.width + BitmapFont.spacing) * scale
    }
  }

  private func dot(_ cell: (x: Int, y: Int), left: Int, top: Int, scale: Int) -> StrokePoint {
    let center = SIMD2(Float(cell.x), Float(cell.y)) + 0.5
    return StrokePoint(
      position: SIMD2(Float(left), Float(top)) + Float(scale) * center,
      radius: 0.46 * Float(scale), alpha: 1)
  }
}

extension BitmapFont.Glyph {
  /// Pairs of inked cells to join: neighbours along the axes, and diagonal ones that no corner cell
  /// joins already. A cell is also joined to itself, so that one without neighbours is a dot.
  fileprivate var strokes: [(from: (x: Int, y: Int), to: (x: Int, y: Int))] {
    var strokes: [(from: (x: Int, y: Int), to: (x: Int, y: Int))] = []
    for x in 0..<width {
      for y in 0..<BitmapFont.height where hasInk(x, y) {
        strokes.append(((x, y), (x, y)))
        if hasInk(x + 1, y) { strokes.append(((x, y), (x + 1, y))) }
        if hasInk(x, y + 1) { strokes.append(((x, y), (x, y + 1))) }
        for down in [-1, 1] where hasInk(x + 1, y + down) {
          if !hasInk(x + 1, y) && !hasInk(x, y + down) {
            strokes.append(((x, y), (x + 1, y + down)))
          }
        }
      }
    }
    return strokes
  }

  private func hasInk(_ x: Int, _ y: Int) -> Bool {
    columns.indices.contains(x) && columns[x].indices.contains(y) && columns[x][y]
  }
}
