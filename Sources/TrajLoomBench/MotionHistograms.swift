import Foundation

/// Histograms of how the points of a clip move, the features that FVMD compares. Measured on tracks
/// as the published benchmark does (`zewei-Zhang/TrajLoom`,
/// `benchmark/compute_fvmd_from_trajectory.py`; FVMD is arXiv 2407.16124).
///
/// A clip is cut into windows, a window into cubes of 4 frames x 5 x 5 grid points; what is left
/// over at the ends is dropped. A cube has a histogram of the directions of its velocities and one
/// of its accelerations, in which a vector weighs 0 to 8 by the order of magnitude of its length.
///
/// T frames, N points, D features of a window.
struct MotionHistograms: Sendable {
  static let cellSize = 5
  static let cubeFrames = 4
  static let angleBins = 8
  /// Features are kept as whole numbers of this share: weights are 0, 1/8, ... 1.
  static let unit = 1.0 / 8
  /// Lengths beyond it weigh as much, pixels.
  private static let longestLength: Float = 255

  private let frames: Int  // T
  private let cellRows: Int
  private let cellColumns: Int
  private let window: FVMD.Window  // no longer than T

  /// Nil where not even one cube fits.
  init?(rows: Int, columns: Int, frames: Int, window: FVMD.Window) {
    self.frames = frames
    self.window = FVMD.Window(frames: min(window.frames, frames), stride: window.stride)
    cellRows = rows / MotionHistograms.cellSize
    cellColumns = columns / MotionHistograms.cellSize
    guard cubes > 0, cellRows > 0, cellColumns > 0 else { return nil }
  }

  /// The columns of velocities; [time, row, column, bin].
  var velocityFeatures: Range<Int> { 0..<cubes * frameBins }
  /// The columns of accelerations, in the same order.
  var accelerationFeatures: Range<Int> { cubes * frameBins..<2 * cubes * frameBins }
  /// D.
  var features: Int { 2 * cubes * frameBins }
  var windows: Int { (frames - window.frames) / window.stride + 1 }

  private var cubes: Int { window.frames / MotionHistograms.cubeFrames }
  /// Of one frame and one kind of vector.
  private var frameBins: Int { cellRows * cellColumns * MotionHistograms.angleBins }

  /// [windows, D], in units of `unit`. Shapes: both tracks [T, N].
  /// - Parameter truth: says where a point is seen; a vector counts where all of its frames are.
  func features(of tracks: PointTracks, seenIn truth: PointTracks, grid: PointGrid) -> [UInt16] {
    let (velocities, accelerations) = frameHistograms(tracks, seenIn: truth, grid: grid)
    var features: [UInt16] = []
    features.reserveCapacity(windows * self.features)
    for number in 0..<windows {
      let start = number * window.stride
      // A window knows nothing of the frames before it: its first frame has no velocity, its first
      // two no acceleration.
      for (histograms, unknown) in [(velocities, 1), (accelerations, 2)] {
        for cube in 0..<cubes {
          var sum = [UInt16](repeating: 0, count: frameBins)
          for frame in 0..<MotionHistograms.cubeFrames {
            let inWindow = cube * MotionHistograms.cubeFrames + frame
            guard inWindow >= unknown else { continue }
            let first = (start + inWindow) * frameBins
            for bin in 0..<frameBins { sum[bin] += histograms[first + bin] }
          }
          features += sum
        }
      }
    }
    return features
  }

  /// Both [T, row, column, bin], of whole frames: windows share them.
  private func frameHistograms(
    _ tracks: PointTracks, seenIn truth: PointTracks, grid: PointGrid
  ) -> (velocities: [UInt16], accelerations: [UInt16]) {
    let seen = tracks.comparable(with: truth)
    var velocities = [UInt16](repeating: 0, count: frames * frameBins)
    var accelerations = velocities
    for row in 0..<cellRows * MotionHistograms.cellSize {
      for column in 0..<cellColumns * MotionHistograms.cellSize {
        let point = grid.point(row: row, column: column)
        let cell =
          row / MotionHistograms.cellSize * cellColumns + column / MotionHistograms.cellSize
        // Up to the frame looked at: for how many frames the point has been seen without a gap, and
        // its velocity.
        var (run, lastVelocity) = (0, SIMD2<Float>.zero)
        for frame in 0..<frames {
          guard seen[frame * tracks.points + point] else {
            run = 0
            continue
          }
          run += 1
          guard run > 1 else { continue }
          let velocity =
            tracks.position(frame: frame, point: point)
            - tracks.position(frame: frame - 1, point: point)
          let first = frame * frameBins + cell * MotionHistograms.angleBins
          let entry = MotionHistograms.entry(velocity)
          velocities[first + entry.bin] += entry.weight
          if run > 2 {
            let entry = MotionHistograms.entry(velocity - lastVelocity)
            accelerations[first + entry.bin] += entry.weight
          }
          lastVelocity = velocity
        }
      }
    }
    return (velocities, accelerations)
  }

  /// Where a vector, pixels per frame, counts and how much, in units of `unit`.
  ///
  /// All in single precision as published: vectors along an axis or a diagonal lie on an edge
  /// between bins, and fall to the side that the rounding of these very operations sends them to.
  static func entry(_ vector: SIMD2<Float>) -> (bin: Int, weight: UInt16) {
    let length = (vector.x * vector.x + vector.y * vector.y).squareRoot()
    // A vector that is no number has no direction.
    guard length > 0 else { return (0, 0) }
    let weight = log2(1 + min(length, longestLength)).rounded(.up)
    // `Float.pi` is rounded towards zero, and numpy's to the nearest.
    let angle = atan2(vector.x, vector.y) + Float(Double.pi)
    let bin = (angle / Float(2 * Double.pi / Double(angleBins))).rounded(.down)
    return (Int(min(max(bin, 0), Float(angleBins - 1))), UInt16(weight))
  }
}
