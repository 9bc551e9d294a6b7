import Testing

@testable import TrajLoomBench

@Suite struct TrackPictureTests {
  private let truth = tracks(frames: 0..<9) { time in [(10 * time, 4 * time)] }

  private func picture(_ reconstructions: [PointTracks], _ truth: PointTracks? = nil) -> Raster {
    TrackPicture(
      title: "track", firstFrame: 9, truth: truth ?? self.truth,
      variants: reconstructions.enumerated().map { .init(name: "v\($0)", reconstruction: $1) }
    ).draw()
  }

  /// How many pixels of a region are of the reconstruction's colour.
  private func ink(_ canvas: Raster, _ region: Region) -> Int {
    (region.y..<region.y + region.height).reduce(0) { count, y in
      count
        + (region.x..<region.x + region.width).count { x in
          let index = 3 * (y * canvas.width + x)
          let (red, blue) = (Int(canvas.pixels[index]), Int(canvas.pixels[index + 2]))
          return red - blue > 100
        }
    }
  }

  @Test func eachReconstructionIsInItsOwnPanels() {
    let hidden = tracks(frames: 0..<9, hidden: Set((0..<9).map { [$0, 0] })) { _ in [(0, 0)] }
    let layout = TrackPictureLayout(panels: 3)
    let canvas = picture([truth, truth, truth])
    #expect(canvas.width == layout.width && canvas.height == layout.height)
    for panel in layout.panels {
      #expect(ink(canvas, panel.path) > 100 && ink(canvas, panel.plot) > 100)
    }
    #expect(ink(canvas, layout.title) == 0)
    let empty = picture([truth], hidden)
    let panel = TrackPictureLayout(panels: 1).panels[0]
    #expect(ink(empty, panel.path) == 0 && ink(empty, panel.plot) == 0)
  }

  /// A steady speed is a straight line, an alternating one fills the plot's height.
  @Test func jitterShowsInTheSpeedPlot() {
    let shaky = tracks(frames: 0..<9) { time in
      let error: Float = Int(time) % 2 == 0 ? 2 : -2
      return [(10 * time + error, 4 * time)]
    }
    let panels = TrackPictureLayout(panels: 2).panels
    let canvas = picture([truth, shaky])
    let (steady, alternating) = (ink(canvas, panels[0].plot), ink(canvas, panels[1].plot))
    #expect(Double(alternating) > 1.3 * Double(steady), "\(steady), \(alternating)")
  }

  /// Hidden in frame 1 of the truth, no number in frame 3 of the reconstruction.
  @Test func aCurveHasGapsWhereItIsNotSeen() {
    let truth = tracks(frames: 0..<6, hidden: [[1, 0]]) { time in [(3 * time, 4 * time)] }
    let curve = TrackCurve(
      tracks(frames: 0..<6) { time in [(time == 3 ? .nan : 3 * time, 4 * time)] }, seenIn: truth)
    #expect(curve.path == [SIMD2(0, 0), nil, SIMD2(6, 8), nil, SIMD2(12, 16), SIMD2(15, 20)])
    #expect(curve.speeds == [nil, nil, nil, nil, 5] && curve.highestSpeed == 5)
  }

  @Test func whatIsNoNumberOrFarAwayIsHarmless() {
    for far in [Float.nan, .infinity, 3e38, -1e20] {
      let lost = tracks(frames: 0..<9) { time in [(time == 4 ? far : time, far)] }
      #expect(picture([lost, truth]).width > 0)
    }
    let still = tracks(frames: 0..<9) { _ in [(5, 5)] }
    #expect(picture([still], still).width > 0)
    let once = tracks(frames: 0..<1) { _ in [(5, 5)] }
    #expect(picture([once], once).width > 0)
  }
}
