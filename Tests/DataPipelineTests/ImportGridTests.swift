import Foundation
import Testing

@testable import DataPipeline

@Test func pointsInTheMiddleOfTheCellsServeTheirOwn() throws {
  let source = try ImportSource()
  let tracks = source.tracks().map { $0.map { $0 + SIMD2(8, 8) } }
  try withTemporaryFolder { folder in
    try source.write(tracks, to: folder)
    let (clip, report) = try source.importOne(folder)
    #expect(report.gridMatch == "nearest" && report.emptyCells == 0 && report.unusedPoints == 0)
    #expect(abs(report.meanStartDistance - 11.3137) < 1e-3)
    let isSame = clip.tracks == source.gridded(tracks)
    #expect(isSame)
  }
}

/// A grid of half the stride: every second point of every second row is on ours.
@Test func finerGridsGiveTheirClosestPoints() throws {
  let source = try ImportSource()
  let fine = (0..<96).map { point -> [SIMD2<Float>] in
    let start = SIMD2(8 * Float(point % 12), 8 * Float(point / 12))
    return (0..<6).map { start + SIMD2(Float($0), 0.5 * Float($0)) }
  }
  try withTemporaryFolder { folder in
    try source.write(fine, to: folder)
    let (clip, report) = try source.importOne(folder)
    #expect(report.emptyCells == 0 && report.unusedPoints == 72 && report.meanStartDistance == 0)
    #expect(report.units == "pixel" && report.axisOrder == "xy")
    let isSame = clip.tracks == source.gridded(source.tracks())
    #expect(isSame)
  }
}

/// Tracks of a frame of twice the size are no pixels of ours, and say so.
@Test func otherResolutionsNeedTheirSize() throws {
  let source = try ImportSource()
  let large = source.tracks().map { $0.map { 2 * $0 } }
  let small = source.tracks().map { $0.map { 0.75 * $0 } }
  try withTemporaryFolder { folder in
    try source.write(large, to: folder)
    let unknown = try source.faults(folder)["clip"]
    #expect(try #require(unknown).contains("--source-size WxH"))
    let (clip, report) = try source.importOne(folder) {
      $0.reading.sourceSize = FrameSize("192x128")
    }
    #expect(
      report.gridMatch == "exact" && report.evidence[1...].contains { $0.contains("192x128") })
    for (a, b) in zip(clip.tracks, source.gridded(source.tracks())) { #expect(abs(a - b) < 1e-4) }
  }
  try withTemporaryFolder { folder in
    try source.write(small, to: folder)
    let unknown = try source.faults(folder)["clip"]
    #expect(try #require(unknown).contains("--source-size WxH"))
  }
  // The grid of a frame that is one column wider, of which nearly all lies on ours.
  let wide = try GridGeometry(height: 480, width: 832, stride: 32)
  let starts = (0..<15 * 27).map { point -> SIMD2<Float> in
    SIMD2(32 * Float(point % 27), 32 * Float(point / 27))
  }
  let wider = dataErrorMessage {
    _ = try TrackConvention.detect(
      starts: starts, settings: ImportSettings(geometry: wide), path: "a.npz")
  }
  #expect(try #require(wider).contains("--source-size"))
  #expect(FrameSize("192x128") == FrameSize(width: 192, height: 128))
  for text in ["", "192", "192x", "x128", "0x5", "-1x5", "192x128x3", "70000x5"] {
    #expect(FrameSize(text) == nil, "\(text)")
  }
}

/// Shares of the frame at scattered places, with points that are not seen at first.
@Test func scatteredNormalisedPointsGoToTheNearestCells() throws {
  let source = try ImportSource()
  let starts: [SIMD2<Float>] = (0..<60).map { number in
    SIMD2(Float((number * 37) % 60) / 60, Float((number * 23) % 59) / 59)
  }
  let tracks = starts.map { start in (0..<6).map { start + 0.01 * Float($0) } }
  let visible = (0..<60).map { point in (0..<6).map { frame in point % 4 != 0 || frame > 2 } }
  try withTemporaryFolder { folder in
    try source.write(tracks, visible: visible, to: folder)
    let ambiguous = try source.faults(folder)["clip"]
    #expect(try #require(ambiguous).contains("--axis-order xy|yx"))
    let (clip, report) = try source.importOne(folder) { $0.reading.axisOrder = .xy }
    #expect(report.units == "unit" && report.gridMatch == "nearest")
    let used = (0..<24).filter { clip.visibility[$0] == 1 }
    #expect(used.count == 24 - report.emptyCells && report.unusedPoints == 60 - used.count)
    #expect(used.count > 12)
    var points: Set<SIMD2<Float>> = []
    for cell in used {
      let place = SIMD2(clip.tracks[2 * cell], clip.tracks[2 * cell + 1])
      let query = source.geometry.queryPoint(row: cell / 6, column: cell % 6)
      let offset = place - SIMD2(query.x, query.y)
      #expect((offset * offset).sum().squareRoot() <= 11.4)
      #expect(points.insert(place).inserted, "a point serves one cell")
      let own = starts.indices.min { a, b in
        let (p, q) = (starts[a] * SIMD2(96, 64) - place, starts[b] * SIMD2(96, 64) - place)
        return (p * p).sum() < (q * q).sum()
      }
      let isHidden = try #require(own) % 4 == 0
      #expect(!isHidden, "a hidden point serves no cell")
    }
  }
}

@Test func nearestPointsWinWhateverTheirOrder() throws {
  let geometry = try GridGeometry(height: 32, width: 32, stride: 16)
  let starts: [(x: Float, y: Float)] = [(17, 1), (2, 0), (16, 0), (40, 40), (.nan, 3), (0, 17)]
  let match = GridMatch(starts: starts, geometry: geometry)
  #expect(match.points == [1, 2, 5, nil] && match.kind == .nearest && match.emptyCells == 1)
  let reversed = GridMatch(starts: starts.reversed(), geometry: geometry)
  #expect(reversed.points == [4, 3, 0, nil])
}

@Test func tooFewPointsFitNoGrid() throws {
  let source = try ImportSource()
  try withTemporaryFolder { folder in
    let few = [0, 5, 18, 23, 9, 14, 2].map { source.tracks()[$0] }
    try source.write(few, to: folder)
    let fault = try source.faults(folder)["clip"]
    let text = try #require(fault)
    #expect(text.contains("7 points, and 17 cells without one") && text.contains("--max-empty"))
    let (_, report) = try source.importOne(folder) { $0.reading.maxEmpty = 0.75 }
    #expect(report.emptyCells == 17)
  }
}

@Test func framesAreScaledByArea() throws {
  let geometry = try GridGeometry(height: 8, width: 12, stride: 4)
  // [1, 4, 6, 3] to 2 x 3: each pixel the mean of four.
  let values = (0..<72).map { Float($0) }
  let last = NPYArray(shape: [1, 4, 6, 3], type: "<f4", scalars: values)
  let scaled = try #require(scaledFrames(last, geometry: geometry))
  #expect(scaled.count == 18 && scaled[0] == 11 && scaled[1] == 12 && scaled[3] == 17)
  // The same picture with its channels first.
  let planes = (0..<72).map { index in values[(index % 24) * 3 + index / 24] }
  let first = NPYArray(shape: [1, 3, 4, 6], type: "<f4", scalars: planes)
  #expect(scaledFrames(first, geometry: geometry) == scaled)
  let flat = NPYArray(shape: [1, 5, 7, 3], type: "|u1", scalars: .init(repeating: 9, count: 105))
  #expect(scaledFrames(flat, geometry: geometry) == .init(repeating: 9, count: 18))
  let odd = NPYArray(shape: [4, 6, 3], type: "|u1", scalars: values)
  #expect(scaledFrames(odd, geometry: geometry) == nil)
  let empty = NPYArray(shape: [4, 0, 5, 3], type: "|u1", scalars: [])
  #expect(scaledFrames(empty, geometry: geometry) == nil)
}
