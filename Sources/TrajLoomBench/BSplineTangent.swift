/// The tangent at the end of a cubic B-spline fitted to where a point was seen lately [ours: what
/// the baseline is called is given, how it is fitted is not].
///
/// Five control points, two cubic pieces, least squares over the last 32 frames. Fewer frames or
/// more control points make a curve that bends with the tracker's noise: over 32 visible frames the
/// velocity has 0.30 times the standard deviation of a position, about as much as the slope of a
/// line through 5 frames (0.32), which constant velocity goes by, while the spline follows a turn
/// or a change of speed that the line averages over.
struct BSplineTangent {
  /// How many frames at the end of the history are looked at.
  static let stretch = 32
  /// Visible frames that each of the two pieces needs: below, its end is little more than noise.
  static let fewestPerPiece = 8
  private static let controlPoints = 5
  private static let pieces = Double(controlPoints - 3)
  /// On the second differences of the control points: far too little to bend the curve, enough to
  /// choose one where the visible frames leave it open.
  private static let smoothing = 1e-8

  /// Pixels, in the last frame of the history; on the tangent, where the point is hidden at last.
  let position: SIMD2<Float>
  /// Pixels per frame.
  let velocity: SIMD2<Float>

  /// Shape of `history`: [T, N]. Nil where a piece has too few visible frames.
  init?(of point: Int, in history: PointTracks) {
    let frames = (max(0, history.frames - Self.stretch)..<history.frames)
      .filter { history.isVisible(frame: $0, point: point) }
    guard let first = frames.first, let last = frames.last, last > first else { return nil }
    let earlier = frames.prefix { 2 * $0 < first + last }.count
    guard min(earlier, frames.count - earlier) >= Self.fewestPerPiece else { return nil }

    // Relative to the last visible position, to keep the sums small.
    let origin = SIMD2<Double>(history.position(frame: last, point: point))
    let piecesPerFrame = Self.pieces / Double(last - first)
    var equations = NormalEquations(size: Self.controlPoints)
    for frame in frames {
      let (start, weights) = Self.basis(at: Double(frame - first) * piecesPerFrame)
      equations.add(
        weights, from: start, SIMD2(history.position(frame: frame, point: point)) - origin)
    }
    for start in 0..<Self.controlPoints - 2 {
      let weight = Self.smoothing.squareRoot()
      equations.add([weight, -2 * weight, weight], from: start, .zero)
    }
    let control = equations.solution()
    let (a, b, c) = (control[2], control[3], control[4])
    // Value and derivative at the end of the last piece.
    let end = origin + (a + 4 * b + c) / 6
    let slope = (c - a) / 2 * piecesPerFrame
    let hidden = Double(history.frames - 1 - last)
    position = SIMD2(end + hidden * slope)
    velocity = SIMD2(slope)
  }

  /// The four uniform cubic B-splines that are not 0 at `place`, counted in pieces from the start,
  /// and the number of the first of them.
  private static func basis(at place: Double) -> (start: Int, weights: [Double]) {
    let piece = min(place.rounded(.down), pieces - 1)
    let t = place - piece
    let s = 1 - t
    return (
      Int(piece),
      [
        s * s * s / 6, (3 * t * t * t - 6 * t * t + 4) / 6, (3 * s * s * s - 6 * s * s + 4) / 6,
        t * t * t / 6,
      ]
    )
  }
}

/// A least-squares problem in x and y at once, and its solution by Cholesky's method.
private struct NormalEquations {
  private let size: Int
  private var matrix: [[Double]]  // [size, size], lower triangle
  private var right: [SIMD2<Double>]  // [size]

  init(size: Int) {
    self.size = size
    matrix = Array(repeating: Array(repeating: 0, count: size), count: size)
    right = Array(repeating: .zero, count: size)
  }

  /// One equation: the unknowns from `start` on, weighted, are to give `value`.
  mutating func add(_ weights: [Double], from start: Int, _ value: SIMD2<Double>) {
    for (i, a) in weights.enumerated() {
      for (j, b) in weights[...i].enumerated() { matrix[start + i][start + j] += a * b }
      right[start + i] += a * value
    }
  }

  /// - Precondition: the equations determine every unknown.
  consuming func solution() -> [SIMD2<Double>] {
    for i in 0..<size {
      for j in 0...i {
        let rest = (0..<j).reduce(matrix[i][j]) { $0 - matrix[i][$1] * matrix[j][$1] }
        matrix[i][j] = i == j ? rest.squareRoot() : rest / matrix[j][j]
      }
      right[i] = (0..<i).reduce(right[i]) { $0 - matrix[i][$1] * right[$1] } / matrix[i][i]
    }
    for i in (0..<size).reversed() {
      right[i] =
        (i + 1..<size).reduce(right[i]) { $0 - matrix[$1][i] * right[$1] } / matrix[i][i]
    }
    return right
  }
}
