import Foundation
import Testing

@testable import TrajLoomBench

@Suite struct LineChartTests {
  typealias Point = (x: Double, y: Double)

  private func chart(
    _ points: [Point], yScale: LineChart.Scale = .linear, smoothing: Int = 1
  ) throws -> Element {
    try parsed(
      LineChart(
        xLabel: "time", yLabel: "error", yScale: yScale,
        series: [.init(name: "a", points: points, smoothing: smoothing)]
      ).svg)
  }

  /// The places of a path of M and L commands, one array for each M.
  private func strokes(_ svg: Element, ofClass name: String = "line") throws -> [[Point]] {
    let data = try #require(svg.ofClass(name).first?.attributes["d"])
    return try data.split(separator: "M").map { stroke in
      try stroke.split(separator: "L").map { place in
        let numbers = place.split(separator: " ").compactMap { Double($0) }
        try #require(numbers.count == 2, "\(place)")
        return (numbers[0], numbers[1])
      }
    }
  }

  /// Where the axis says that a number is.
  private func tick(_ text: String, of axis: String, in svg: Element) throws -> Double {
    let label = try #require(svg.ofClass("\(axis)-tick").first { $0.text == text }, "\(text)")
    return try label.number(axis)
  }

  @Test func everySeriesHasOneLineOfItsOwnColor() throws {
    let points: [Point] = (0..<50).map { (Double($0), Double($0 * $0)) }
    let svg = try parsed(
      LineChart(
        xLabel: "time", yLabel: "error",
        series: [
          .init(name: "plain", points: points), .init(name: "mean", points: points, smoothing: 5),
          .init(name: "other", points: points, style: .dashed), .init(name: "none", points: []),
        ]
      ).svg)
    let lines = svg.ofClass("line")
    try #require(lines.map { $0.named("title").map(\.text) } == [["plain"], ["mean"], ["other"]])
    #expect(Set(lines.map { $0.attributes["stroke"] }).count == 3)
    #expect(lines.map { $0.attributes["stroke-dasharray"] != nil } == [false, false, true])
    #expect(svg.ofClass("raw").map { $0.attributes["stroke"] } == [lines[1].attributes["stroke"]])
    #expect(
      svg.ofClass("legend").map(\.text) == [
        "plain", "mean (mean of 5)", "other", "none (no data yet)",
      ])
    let swatches = svg.ofClass("swatch").map { $0.attributes["stroke"] }
    #expect(swatches.prefix(3) == lines.map { $0.attributes["stroke"] }[...])
  }

  @Test func pointsAreWhereTheTicksSay() throws {
    let svg = try chart([(0, 1), (40, 2), (100, 4), (75, 0)])
    let line = try #require(try strokes(svg).first)
    try #require(line.count == 4)
    for (place, texts) in zip(line, [("0", "1"), ("40", "2"), ("100", "4")]) {
      #expect(abs(place.x - (try tick(texts.0, of: "x", in: svg))) < 0.11)
      #expect(abs(place.y - (try tick(texts.1, of: "y", in: svg))) < 0.11)
    }
    let (left, right) = (line[0].x, line[2].x)
    #expect(abs(line[3].x - (left + 0.75 * (right - left))) < 0.11)
    // The plot is from 34 to 250, and its left edge is as far in as "0" and a gap need.
    #expect(line[3].y == 250 && line[2].y == 34 && line[1].y == 142)
    #expect(abs(left - 21.6) < 0.11 && abs(right - 465.6) < 0.11)
  }

  @Test func aLogarithmicAxisHasPowersOfTen() throws {
    let svg = try chart([(0, 0.01), (1, 1), (2, 1000), (3, 0.1)], yScale: .logarithmic)
    try #require(svg.ofClass("y-tick").map(\.text) == ["0.01", "0.1", "1", "10", "100", "1000"])
    let heights = try svg.ofClass("y-tick").map { try $0.number("y") }
    for (lower, upper) in zip(heights, heights.dropFirst()) {
      #expect(abs(lower - upper - 216 / 5) < 0.11)
    }
    let narrow = try chart([(0, 0.02), (1, 5)], yScale: .logarithmic)
    #expect(
      narrow.ofClass("y-tick").map(\.text) == ["0.02", "0.05", "0.1", "0.2", "0.5", "1", "2", "5"])
    let line = try #require(try strokes(svg).first)
    #expect(line.map(\.y) == [heights[0], heights[2], heights[5], heights[1]])
    #expect(svg.named("text").contains { $0.text == "error (log scale)" })
  }

  @Test func aNonPositiveValueMakesTheAxisLinear() throws {
    let svg = try chart([(0, 0), (1, 1), (2, 1000)], yScale: .logarithmic)
    #expect(svg.ofClass("y-tick").map(\.text) == ["0", "200", "400", "600", "800", "1000"])
    #expect(
      svg.named("text").contains {
        $0.text == "error (linear scale: not all values are positive)"
      })
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity, 1e300])
  func whatIsNoNumberIsAGap(value: Double) throws {
    let svg = try chart([(0, 1), (1, 2), (2, value), (3, 3), (4, value), (5, 2), (6, 1)])
    #expect(try strokes(svg).map(\.count) == [2, 1, 2])
    // Of many points only the one without neighbours is a dot.
    var points: [Point] = (0..<100).map { (Double($0), Double($0)) }
    points[50].y = value
    points[52].y = value
    let long = try chart(points)
    let dots = try #require(long.ofClass("dots").first?.attributes["d"])
    #expect(dots.split(separator: "M").count == 1)
    let parts = try strokes(long)
    try #require(parts.map(\.count) == [50, 1, 47])
    #expect(dots.hasPrefix("M\(parts[1][0].x) "))
  }

  @Test(arguments: [1, 50]) func thinningKeepsASpike(smoothing: Int) throws {
    var points: [Point] = (0..<100_000).map { (Double($0), 5 + sin(Double($0))) }
    points[43_217].y = 10
    points[71_003].y = 0
    let svg = try chart(points, smoothing: smoothing)
    let thin = try #require(
      try strokes(svg, ofClass: smoothing == 1 ? "line" : "raw").first)
    #expect(thin.count <= 1000 && thin.count > 900)
    let high = try #require(thin.min { $0.y < $1.y })
    let low = try #require(thin.max { $0.y < $1.y })
    #expect(try high.y == tick("10", of: "y", in: svg) && low.y == tick("0", of: "y", in: svg))
    let (left, right) = (thin[0].x, thin[thin.count - 1].x)
    #expect(try abs(left - tick("0", of: "x", in: svg)) < 1)
    #expect(abs(high.x - (left + 0.43217 * (right - left))) < 1)
    #expect(abs(low.x - (left + 0.71003 * (right - left))) < 1)
    #expect(zip(thin, thin.dropFirst()).allSatisfy { $0.x <= $1.x })
  }

  @Test(arguments: [40, 40_000]) func theBoldLineIsTheMean(count: Int) throws {
    // Every second point lies apart: the mean over 4 is half-way.
    let points: [Point] = (0..<count).map { (Double($0), $0.isMultiple(of: 2) ? 0 : 4) }
    let svg = try chart(points, smoothing: 4)
    let line = try #require(try strokes(svg).first)
    let middle = try tick("2", of: "y", in: svg)
    #expect(line.dropFirst(2).dropLast(2).allSatisfy { $0.y == middle })
    let raw = try strokes(svg, ofClass: "raw").joined()
    #expect(Set(raw.map(\.y)).count == 2)
    let short = try chart([(0, 0), (1, 4), (2, 0)], smoothing: 4)
    #expect(try strokes(short).map(\.count) == [3])
    #expect(short.ofClass("raw").isEmpty)
  }

  @Test func aMeanPassesOverWhatIsNoNumber() throws {
    var points: [Point] = (0..<60).map { (Double($0), $0.isMultiple(of: 2) ? 1 : 3) }
    points[30].y = .nan
    let svg = try chart(points, smoothing: 6)
    #expect(try strokes(svg).map(\.count) == [30, 29])
  }

  @Test func namesStayText() throws {
    let name = "<script>alert('1 & 2')</script> \"q\" \u{1B}"
    let svg = try parsed(
      LineChart(
        xLabel: name, yLabel: name, series: [.init(name: name, points: [(0, 1), (1, 2)])]
      ).svg)
    let seen = name.replacingOccurrences(of: "\u{1B}", with: "\u{FFFD}")
    #expect(svg.named("script").isEmpty && svg.named("title").map(\.text) == [seen])
    #expect(svg.named("text").count { $0.text == seen } == 3)
    #expect(svg.attributes["aria-label"] == "\(seen) over \(seen)")
  }

  @Test func withoutPointsItSaysSo() throws {
    for points in [[], [(0, .nan)], [(.infinity, 1)]] as [[Point]] {
      for scale in [LineChart.Scale.linear, .logarithmic] {
        let svg = try chart(points, yScale: scale)
        #expect(svg.named("text").contains { $0.text == "no data yet" })
        #expect(svg.ofClass("legend").map(\.text) == ["a (no data yet)"])
        #expect(svg.ofClass("line").isEmpty && svg.ofClass("y-tick").isEmpty)
      }
    }
    #expect(!(try chart([(0, 1)])).all.contains { $0.text == "no data yet" })
  }

  /// All that is written or drawn stays in the view box, and is large enough on a phone.
  @Test(
    arguments: [
      [(0, 1)], [(0, 0)], [(3, -2), (3, -2)], [(0, .leastNonzeroMagnitude), (1, 0)],
      [(-1e290, 1e290), (1e290, -1e290)],
      [(0, 1.000_000_1), (1, 1.000_000_2)], [(1e6, 1e-9), (3e6, 1e9)], [(0, 1e-290), (1, 1e290)],
      [(0, 0.7), (1, 0.9)],
    ] as [[Point]])
  func everythingIsInside(points: [Point]) throws {
    for scale in [LineChart.Scale.linear, .logarithmic] {
      let names = (0..<9).map { String(repeating: "name \($0) ", count: 1 + 2 * $0) }
      let svg = try parsed(
        LineChart(
          xLabel: names[8], yLabel: names[8], yScale: scale,
          series: names.map { .init(name: $0, points: points) }
        ).svg)
      let box = try #require(svg.attributes["viewBox"]).split(separator: " ").compactMap {
        Double($0)
      }
      let textSize = try svg.number("font-size")
      #expect(360 / box[2] * textSize > 10.5)
      for text in svg.named("text") {
        let width = Double(text.text.count) * 0.63 * textSize
        let before: [String: Double] = ["middle": 0.5, "end": 1]
        let anchor = text.attributes["text-anchor"].flatMap { before[$0] } ?? 0
        let left = try text.number("x") - anchor * width
        let y = try text.number("y")
        #expect(left >= box[0] && left + width <= box[0] + box[2], "\(text.text)")
        #expect(y > box[1] + 10 && y < box[1] + box[3] - 3, "\(text.text)")
      }
      #expect(svg.ofClass("y-tick").count > 1)
      let ticks = svg.ofClass("y-tick").map(\.text)
      #expect(Set(ticks).count == ticks.count && ticks.count < 12, "\(ticks)")
      for place in try strokes(svg).joined() {
        #expect(place.x >= 0 && place.x <= box[2] && place.y >= 34 && place.y <= 250, "\(place)")
      }
    }
  }

  @Test func legendEntriesDoNotOverlap() throws {
    let svg = try parsed(
      LineChart(
        xLabel: "x", yLabel: "y",
        series: (0..<9).map { .init(name: "some curve \($0)", points: [(0, 1)]) }
      ).svg)
    let entries = try svg.ofClass("legend").map {
      (x: try $0.number("x"), y: try $0.number("y"), width: 0.63 * 15 * Double($0.text.count))
    }
    #expect(Set(entries.map(\.y)).count > 1)
    for (entry, next) in zip(entries, entries.dropFirst()) where entry.y == next.y {
      #expect(entry.x + entry.width + 24 < next.x)
    }
  }

  @Test func labelsOfTheHorizontalAxisDoNotTouch() throws {
    for end in [1.0, 7, 500, 100_000, 19_999_999] {
      let svg = try chart([(0, 1), (end, 2)])
      let places = try svg.ofClass("x-tick").map {
        (x: try $0.number("x"), half: 0.63 / 2 * 15 * Double($0.text.count))
      }
      #expect(places.count > 1)
      for (place, next) in zip(places, places.dropFirst()) {
        #expect(place.x + place.half < next.x - next.half, "\(end)")
      }
    }
    #expect(try chart([(0, 1), (3, 2)]).ofClass("x-tick").map(\.text) == ["0", "1", "2", "3"])
  }
}
