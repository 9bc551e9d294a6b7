/// Errors of reconstructed tracks against the true ones, accumulated segment by segment in double
/// precision: where the points are, how they move from frame to frame, and how neighbours stand to
/// each other.
///
/// Every number is a mean pooled over what is visible in the truth, as in `TrajectoryErrors`. What
/// a loss on positions cannot tell apart these can: a constant shift has no velocity and no
/// neighbour error, while the same distance in alternating directions has twice it as velocity
/// error and four times it as jitter (arXiv 2603.22606, Fig. 7).
///
/// T frames, N = rows · columns points, row by row.
public struct ReconstructionErrors: Sendable {
  /// Which half of a clip a segment is.
  public enum Segment: Sendable { case history, future }

  private let rows: Int
  private let columns: Int
  private var history = RunningMean()
  private var future = RunningMean()
  private var velocity = RunningMean()
  private var neighbor = RunningMean()
  private var jitter = RunningMean()

  /// - Parameters:
  ///   - rows: of the grid that the points stand on.
  ///   - columns: of that grid.
  public init(rows: Int, columns: Int) {
    precondition(rows > 0 && columns > 0, "ReconstructionErrors: a grid of \(rows) x \(columns)")
    self.rows = rows
    self.columns = columns
  }

  /// Adds one segment. Shapes: both [T, N]; the reconstruction's visibility is not looked at. The
  /// truth against itself has no errors, and a jitter of its own.
  /// - Precondition: N is rows · columns.
  public mutating func add(_ segment: Segment, reconstruction: PointTracks, truth: PointTracks) {
    checkSameShape(reconstruction, truth, in: "ReconstructionErrors.add")
    precondition(
      truth.points == rows * columns,
      "ReconstructionErrors.add: \(truth.points) points on a grid of \(rows) x \(columns)")
    let seen = SeenTracks(reconstruction: reconstruction, truth: truth)
    for frame in 0..<truth.frames {
      for point in 0..<truth.points {
        guard let error = seen.error(frame, point) else { continue }
        switch segment {
        case .history: history.add(error.length)
        case .future: future.add(error.length)
        }
        if let before = seen.error(frame - 1, point) { velocity.add((error - before).length) }
        if let bend = seen.bend(frame, point) { jitter.add(bend.length) }
        if point % columns < columns - 1, let right = seen.error(frame, point + 1) {
          neighbor.add((right - error).length)
        }
        if point / columns < rows - 1, let below = seen.error(frame, point + columns) {
          neighbor.add((below - error).length)
        }
      }
    }
  }

  public func summary() -> ReconstructionSummary {
    var all = history
    all.add(future)
    return ReconstructionSummary(
      vepe: all.value, vepeHistory: history.value, vepeFuture: future.value,
      velocityError: velocity.value, neighborError: neighbor.value, jitter: jitter.value)
  }
}

/// What `ReconstructionErrors` found; nil where nothing could be counted.
public struct ReconstructionSummary: Sendable, Equatable {
  /// Mean distance to the truth over all visible points, pixels.
  public let vepe: Double?
  /// The same over history segments alone.
  public let vepeHistory: Double?
  /// The same over future segments alone.
  public let vepeFuture: Double?
  /// Mean length of the difference between reconstructed and true frame-to-frame displacements,
  /// over pairs visible in both frames, pixels per frame.
  public let velocityError: Double?
  /// Mean length of the difference between reconstructed and true offsets from a point to its right
  /// and lower neighbour, over pairs both visible in that frame, pixels.
  public let neighborError: Double?
  /// Mean length of the reconstruction's second difference x[t+1] - 2 x[t] + x[t-1], over triples
  /// visible in all three frames, pixels per frame². Not an error: the truth has its own.
  public let jitter: Double?
}

/// A reconstruction where the truth is visible. T frames, N points.
private struct SeenTracks {
  private let frames: Int
  private let points: Int
  private let reconstructed: [SIMD2<Double>]  // [T, N]
  private let errors: [SIMD2<Double>?]  // [T, N], reconstruction minus truth; nil where hidden

  init(reconstruction: PointTracks, truth: PointTracks) {
    frames = truth.frames
    points = truth.points
    let places = (0..<truth.frames).flatMap { frame in
      (0..<truth.points).map { (frame: frame, point: $0) }
    }
    let reconstructed = places.map {
      SIMD2<Double>(reconstruction.position(frame: $0.frame, point: $0.point))
    }
    errors = zip(places, reconstructed).map { place, position in
      guard truth.isVisible(frame: place.frame, point: place.point) else { return nil }
      return position - SIMD2(truth.position(frame: place.frame, point: place.point))
    }
    self.reconstructed = reconstructed
  }

  /// Nil where the point is hidden, and before the first and after the last frame.
  func error(_ frame: Int, _ point: Int) -> SIMD2<Double>? {
    (0..<frames).contains(frame) ? errors[frame * points + point] : nil
  }

  /// The reconstruction's second difference around a frame; nil where one of the three is hidden.
  func bend(_ frame: Int, _ point: Int) -> SIMD2<Double>? {
    guard error(frame - 1, point) != nil, error(frame, point) != nil, error(frame + 1, point) != nil
    else { return nil }
    let index = frame * points + point
    return reconstructed[index + points] - 2 * reconstructed[index] + reconstructed[index - points]
  }
}
