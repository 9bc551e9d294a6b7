import Autograd

/// A window of one clip on its way into a batch. The changes only say where values come from; each
/// value is made once, as it is written to its place.
///
/// Dimension letters: T frames of the segment, Hc and Wc grid.
struct SegmentView {
  let clip: Clip
  private let geometry: GridGeometry
  /// Of the clip, in the order of the segment.
  private var frames: [Int]
  private var isMirrored = false

  /// Frames `window` of a clip, in that order.
  init(_ clip: Clip, window: some Sequence<Int>, geometry: GridGeometry) {
    self.clip = clip
    self.geometry = geometry
    frames = Array(window)
  }

  /// Mirrors left and right as `Augmentation.horizontalFlip` says.
  mutating func flipHorizontally() { isMirrored.toggle() }

  mutating func reverseTime() { frames.reverse() }

  /// Appends [T, Hc, Wc, 2], pixels.
  func writeTracks(to output: inout OutputSpan<Float>) {
    let axis = mirrorAxis
    forEachRow { row in
      let values = clip.tracks.span.extracting(2 * row.lowerBound..<2 * row.upperBound)
      if isMirrored {
        for column in (0..<row.count).reversed() {
          output.append(axis - values[2 * column])
          output.append(values[2 * column + 1])
        }
      } else {
        for index in values.indices { output.append(values[index]) }
      }
    }
  }

  /// Appends [T, Hc, Wc]: 1 where the clip says visible and the point is on the frame, in the mirror
  /// too if there is one; else 0.
  func writeVisibility(to output: inout OutputSpan<Float>) {
    let axis = mirrorAxis
    forEachRow { row in
      let values = clip.tracks.span.extracting(2 * row.lowerBound..<2 * row.upperBound)
      let visible = clip.visibility.span.extracting(row)
      for column in visible.indices {
        let own = isMirrored ? visible.count - 1 - column : column
        let (x, y) = (values[2 * own], values[2 * own + 1])
        // x' = axis - x is not negative where x <= axis, and below the width wherever x is not
        // negative.
        let isOnFrame = geometry.contains(x: x, y: y) && (!isMirrored || x <= axis)
        output.append(isOnFrame ? Float(visible[own]) : 0)
      }
    }
  }

  /// x + x' of a point and its mirror image, pixels.
  private var mirrorAxis: Float { Float(geometry.width - geometry.stride) }

  /// Calls `body` with the points of one row of the grid after the other, frame by frame, as places
  /// among the points [T, Hc, Wc] of the clip.
  private func forEachRow(_ body: (Range<Int>) -> Void) {
    let (rows, columns) = (geometry.rows, geometry.columns)
    for frame in frames {
      for row in frame * rows..<(frame + 1) * rows { body(row * columns..<(row + 1) * columns) }
    }
  }
}

extension TrackBatch {
  /// `count` segments of `frames` frames each, stacked.
  /// - Parameter segment: called for 0..<count in turn, so that one clip at a time is in memory.
  init(
    count: Int, frames: Int, geometry: GridGeometry, segment: (Int) throws -> SegmentView
  ) rethrows {
    let shape = [count, frames, geometry.rows, geometry.columns]
    var clips: [String] = []
    var seen: NDArray?
    let tracks = try NDArray(shape: shape + [2]) { tracks in
      seen = try NDArray(shape: shape) { visibility in
        for index in 0..<count {
          let segment = try segment(index)
          clips.append(segment.clip.id)
          segment.writeTracks(to: &tracks)
          segment.writeVisibility(to: &visibility)
        }
      }
    }
    guard let seen else { preconditionFailure("TrackBatch: arrays are filled as they are made") }
    self.init(clips: clips, tracks: tracks, visibility: seen)
  }
}
