import Foundation

extension RunReport {
  /// The policy forbids what the page does not do anyway: scripts, and requests of any kind.
  var page: Markup {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8"/>
    <meta http-equiv="Content-Security-Policy" \
    content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"/>
    <meta name="viewport" content="width=device-width, initial-scale=1"/>
    <meta name="color-scheme" content="light dark"/>
    <title>\(title)</title>
    <link rel="icon" href="data:,"/>
    <style>
    \(Self.style)
    \(LineChart.pageStyle)
    </style>
    </head>
    <body>
    <main>
    \([header, chartSection, previewSection, factSection, configurationSection].joined())
    </main>
    </body>
    </html>

    """
  }

  private var header: Markup {
    """
    <header>
    <h1>\(title)</h1>
    <p class="status">\(status)</p>
    \(notices.map { "<p class=\"notice\" role=\"note\">\($0)</p>" as Markup }.joined())
    </header>
    """
  }

  private var chartSection: Markup {
    section(
      "Curves", grid: "charts",
      charts.map { chart in
        """
        <figure>
        <h3>\(chart.title)</h3>
        \(chart.chart.drawing(isStandalone: false))
        \(figureCaption(chart.caption))
        </figure>
        """
      })
  }

  private var previewSection: Markup {
    section(
      "Previews", grid: "previews",
      previews.map { preview in
        """
        <figure\(preview.isWide ? " class=\"wide\"" : "" as Markup)>
        <h3>\(preview.title)</h3>
        \(preview.picture)
        \(figureCaption(preview.caption))
        </figure>
        """
      })
  }

  private var factSection: Markup {
    section(
      "Facts", grid: "facts",
      facts.filter { !$0.entries.isEmpty }.map { facts in
        """
        <div>
        <h3>\(facts.name)</h3>
        <dl>
        \(facts.entries.map(row).joined())
        </dl>
        </div>
        """
      })
  }

  private func row(key: String, value: String) -> Markup {
    "<div><dt>\(key)</dt><dd>\(value)</dd></div>"
  }

  private var configurationSection: Markup {
    guard let configuration, !configuration.isEmpty else { return "" }
    return """
      <section>
      <details>
      <summary>Configuration</summary>
      <pre><code>\(configuration)</code></pre>
      </details>
      </section>
      """
  }

  private func section(_ name: String, grid: String, _ parts: [Markup]) -> Markup {
    guard !parts.isEmpty else { return "" }
    return """
      <section>
      <h2>\(name)</h2>
      <div class="grid \(grid)">
      \(parts.joined())
      </div>
      </section>
      """
  }

  private func figureCaption(_ caption: String) -> Markup {
    caption.isEmpty ? "" : "<figcaption>\(caption)</figcaption>"
  }
}

extension RunReport.Preview {
  fileprivate var picture: Markup {
    guard let png else { return "<p class=\"missing\">no picture yet</p>" }
    return "<img alt=\"\(title)\" src=\"data:image/png;base64,\(png.base64EncodedString())\"/>"
  }

  /// Pictures of several panels side by side get both columns.
  fileprivate var isWide: Bool {
    guard let size = png.flatMap(PNG.size(of:)) else { return false }
    return Double(size.width) > 1.5 * Double(size.height)
  }
}
