import Foundation
import Testing

@testable import TrajLoomBench

@Suite struct FuturePictureTests {
  /// A 4 x 3 grid over a frame of 64 x 48, of which one point moves and one is never a number.
  private func row(samples: Int, withTruth: Bool = true) -> FuturePicture.Row {
    func part(_ frames: Range<Int>, slope: Float) -> PointTracks {
      tracks(
        frames.map { frame in
          (0..<12).map { point in
            let (x, y) = (Float(16 * (point % 4)), Float(16 * (point / 4)))
            if point == 11 { return (.nan, .nan) }
            return point == 5 ? (x + 2 * Float(frame), y + slope * Float(frame)) : (x, y)
          }
        })
    }
    return FuturePicture.Row(
      title: "clip", caption: "a caption", frameWidth: 64, frameHeight: 48,
      history: part(0..<6, slope: 0), truth: withTruth ? part(6..<12, slope: 0) : nil,
      samples: (0..<samples).map { part(6..<12, slope: Float($0)) },
      background: RGBImage(pixels: [UInt8](repeating: 200, count: 12), width: 2, height: 2))
  }

  @Test func rendersAReadableFileAndLeavesNothingElse() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("future.png")
    let rows = [row(samples: 2), row(samples: 0, withTruth: false)]
    try FuturePicture.render(rows: rows, to: file.path)
    let picture = try decoded([UInt8](Data(contentsOf: file)))
    let canvas = FuturePicture.draw(rows: rows, maxPanelWidth: 832, maxPoints: 200)
    #expect(picture.width == canvas.width && picture.height == canvas.height)
    let isSame = picture.pixels == canvas.pixels
    #expect(isSame)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["future.png"])
  }

  @Test func aFolderThatIsNotThereIsNamed() {
    #expect {
      try FuturePicture.render(rows: [row(samples: 1)], to: "/no/such/folder/a.png")
    } throws: { error in
      "\(error)".hasPrefix("/no/such/folder/a.png.partial-")
        && "\(error)".hasSuffix("cannot create: No such file or directory")
    }
  }

  @Test func panelsStayInTheCanvasAndApart() {
    let rows = [row(samples: 9), row(samples: 1, withTruth: false)]
    let layout = PictureLayout(rows: rows, maxPanelWidth: 832)
    #expect(layout.rows.map(\.panels.count) == [11, 2])
    let panels = layout.rows.flatMap(\.panels) + [layout.legend] + layout.rows.map(\.title)
    for (index, panel) in panels.enumerated() {
      let canvas = Region(x: 0, y: 0, width: layout.width, height: layout.height)
      #expect(panel.intersection(canvas) == panel)
      for other in panels[(index + 1)...] {
        let common = panel.intersection(other)
        #expect(common.width * common.height == 0)
      }
    }
  }

  /// The one point that moves leaves ink in its own panel where the still ones have none.
  @Test func samplesAreDrawnInTheirOwnPanels() {
    let rows = [row(samples: 2)]
    let canvas = FuturePicture.draw(rows: rows, maxPanelWidth: 832, maxPoints: 200)
    let panels = PictureLayout(rows: rows, maxPanelWidth: 832).rows[0].panels
    // At its end, frame 11, point 5 is at (38, 16) in the truth and in sample 1, and at (38, 27) in
    // sample 2.
    func strongest(_ panel: Region, _ x: Float, _ y: Float) -> UInt8 {
      let column = panel.x + Int((x + 0.5) / 64 * Float(panel.width))
      let line = panel.y + Int((y + 0.5) / 48 * Float(panel.height))
      return canvas.pixels[
        3 * (line * canvas.width + column)..<3 * (line * canvas.width + column) + 3
      ]
      .max()!
    }
    #expect(panels[1...].map { strongest($0, 38, 16) > 150 } == [true, true, false])
    #expect(panels[1...].map { strongest($0, 38, 27) > 150 } == [false, false, true])
    #expect(strongest(panels[0], 26, 16) > 150)
  }
}
