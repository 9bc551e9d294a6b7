import Autograd

/// Which random changes training segments go through; each is made with probability 1/2.
public struct Augmentation: Codable, Sendable, Equatable {
  /// Mirrors left and right: x' = (W - stride) - x, with the columns of the grid in reverse order.
  /// This maps the query points onto each other exactly, so the mirrored segment is anchored at the
  /// same grid; the mirror x' = (W - 1) - x would put every anchor stride - 1 pixels off.
  ///
  /// Visible after it is what was on the frame before and is on the frame after: points in the last
  /// stride - 1 columns of pixels leave it.
  public var horizontalFlip: Bool
  /// Plays a segment backwards. For future windows only: a history window starts on the query
  /// points of frame 0, and would no longer do so backwards. A future window starts anywhere.
  public var timeReversal: Bool

  public static let none = Augmentation(horizontalFlip: false, timeReversal: false)

  public init(horizontalFlip: Bool, timeReversal: Bool) {
    self.horizontalFlip = horizontalFlip
    self.timeReversal = timeReversal
  }
}

/// A window of one clip before it is stacked into a batch.
struct Segment {
  let geometry: GridGeometry
  let frames: Int
  /// [T, Hc, Wc, 2], pixels.
  var tracks: [Float]
  /// [T, Hc, Wc] of 0 and 1.
  var visibility: [Float]

  /// Frames `window` of a clip; a point outside the frame is invisible.
  init(_ clip: Clip, window: Range<Int>, geometry: GridGeometry) {
    self.geometry = geometry
    frames = window.count
    let points = window.lowerBound * geometry.count..<window.upperBound * geometry.count
    tracks = Array(clip.tracks[2 * points.lowerBound..<2 * points.upperBound])
    visibility = clip.visibility[points].map(Float.init)
    hidePointsOutside()
  }

  mutating func flipHorizontally() {
    let (columns, axis) = (geometry.columns, Float(geometry.width - geometry.stride))
    let (tracks, visibility) = (tracks, visibility)
    for start in stride(from: 0, to: visibility.count, by: columns) {
      for column in 0..<columns {
        let (from, to) = (start + columns - 1 - column, start + column)
        self.tracks[2 * to] = axis - tracks[2 * from]
        self.tracks[2 * to + 1] = tracks[2 * from + 1]
        self.visibility[to] = visibility[from]
      }
    }
    hidePointsOutside()
  }

  mutating func reverseTime() {
    let (tracks, visibility, count) = (tracks, visibility, geometry.count)
    for frame in 0..<frames {
      let (from, to) = ((frames - 1 - frame) * count, frame * count)
      self.visibility.replaceSubrange(to..<to + count, with: visibility[from..<from + count])
      self.tracks.replaceSubrange(
        2 * to..<2 * (to + count), with: tracks[2 * from..<2 * (from + count)])
    }
  }

  private mutating func hidePointsOutside() {
    for point in visibility.indices
    where !geometry.contains(x: tracks[2 * point], y: tracks[2 * point + 1]) {
      visibility[point] = 0
    }
  }
}
