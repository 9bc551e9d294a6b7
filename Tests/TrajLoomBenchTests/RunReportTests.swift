import Foundation
import Testing

@testable import TrajLoomBench

@Suite struct RunReportTests {
  private static func png(width: Int, height: Int) -> Data {
    PNG.encode(
      pixels: (0..<width * height * 3).map { UInt8(truncatingIfNeeded: $0 * 37) }, width: width,
      height: height)
  }

  private let pictures = [png(width: 30, height: 20), png(width: 60, height: 20)]

  /// - Parameter extra: put into every text.
  private func report(_ extra: String = "") -> RunReport {
    RunReport(
      title: "title" + extra, status: "status" + extra, notices: ["notice" + extra, "second"],
      facts: [
        .init(name: "Data" + extra, entries: [("clips" + extra, "12" + extra), ("frames", "81")]),
        .init(name: "Nothing", entries: []),
      ],
      charts: (0..<2).map {
        .init(
          title: "chart \($0)" + extra, caption: "of errors" + extra,
          chart: LineChart(
            xLabel: "x" + extra, yLabel: "y",
            series: [.init(name: "a" + extra, points: [(0, 1), (1, 2)])]))
      },
      previews: [
        .init(title: "first" + extra, caption: "caption" + extra, png: pictures[0]),
        .init(title: "second", png: pictures[1]), .init(title: "third", png: nil),
      ],
      configuration: "{\n  \"key\": 1\(extra)\n}")
  }

  @Test func everythingIsOnThePage() throws {
    let page = try parsed(report().html)
    #expect(page.name == "html" && page.children.map(\.name) == ["head", "body"])
    #expect(page.named("h1").map(\.text) == ["title"] && page.named("svg").count == 2)
    #expect(page.children[0].named("title").map(\.text) == ["title"])
    #expect(page.ofClass("status").map(\.text) == ["status"])
    #expect(page.ofClass("notice").map(\.text) == ["notice", "second"])
    #expect(
      page.named("h3").map(\.text) == ["chart 0", "chart 1", "first", "second", "third", "Data"])
    #expect(page.named("figcaption").map(\.text) == ["of errors", "of errors", "caption"])
    #expect(page.named("dt").map(\.text) == ["clips", "frames"])
    #expect(page.named("dd").map(\.text) == ["12", "81"])
    let folded = try #require(page.named("details").first)
    #expect(folded.named("pre").map(\.text) == ["{\n  \"key\": 1\n}"])
    #expect(
      page.named("meta").contains {
        $0.attributes["name"] == "viewport"
          && $0.attributes["content"]?.hasPrefix("width=device-width") == true
      })
  }

  @Test func whatIsEmptyIsLeftOut() throws {
    let page = try parsed(RunReport(title: "title", status: "not begun").html)
    for name in ["section", "h2", "figure", "details", "img", "svg"] {
      #expect(page.named(name).isEmpty, "\(name)")
    }
    #expect(page.ofClass("notice").isEmpty)
  }

  @Test(arguments: [
    "<script>alert(1)</script>", "</style><script src='x'/>", "\" onload=\"alert(1)", "]]>&amp;&",
    "<!--",
  ])
  func textIsInert(_ text: String) throws {
    let html = report(text).html
    #expect(!html.contains("<script") && !html.contains("</style><"))
    let page = try parsed(html)
    #expect(page.all.map(\.name) == (try parsed(report().html)).all.map(\.name))
    #expect(page.all.allSatisfy { $0.attributes["onload"] == nil })
    for name in ["h1", "dt", "dd", "figcaption", "h3"] {
      #expect(page.named(name).contains { $0.text.hasSuffix(text) }, "\(name)")
    }
    #expect(page.ofClass("notice").first?.text == "notice" + text)
    #expect(page.named("img").first?.attributes["alt"] == "first" + text)
    #expect(page.named("pre").first?.text == "{\n  \"key\": 1\(text)\n}")
  }

  @Test func picturesAreInThePage() throws {
    let page = try parsed(report().html)
    let prefix = "data:image/png;base64,"
    let sources = page.named("img").compactMap { $0.attributes["src"] }
    #expect(sources.allSatisfy { $0.hasPrefix(prefix) })
    #expect(sources.map { Data(base64Encoded: String($0.dropFirst(prefix.count))) } == pictures)
    #expect(page.ofClass("wide").flatMap { $0.named("h3") }.map(\.text) == ["second"])
    #expect(page.ofClass("missing").count == 1)
  }

  /// The page works where there is no network, and tells nobody that it is read.
  @Test func thePageNeedsNothingElse() throws {
    let html = report().html
    let page = try parsed(html)
    let namespaces = page.named("svg").count { $0.attributes["xmlns"] != nil }
    #expect(html.components(separatedBy: "http://").count - 1 == namespaces)
    #expect(!html.contains("https://") && !html.contains("url(") && !html.contains("@import"))
    #expect(page.named("script").isEmpty)
    for element in page.all {
      for (name, value) in element.attributes where ["src", "href"].contains(name) {
        #expect(value.hasPrefix("data:"), "\(element.name) \(name)")
      }
    }
    let ids = page.all.compactMap { $0.attributes["id"] }
    #expect(Set(ids).count == ids.count)
  }

  @Test func theFileIsThePage() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("report.html")
    try report("ü").write(to: file.path)
    #expect(try String(contentsOf: file, encoding: .utf8) == report("ü").html)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["report.html"])
  }
}
