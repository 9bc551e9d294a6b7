/// How uneven the motion of neighbouring points is: FlowSmoothTV and DivCurlEnergy of the published
/// benchmark (`zewei-Zhang/TrajLoom`, `benchmark/compute_trajectory_quality_metrics.py`).
///
/// The flow is the displacement of each point from frame to frame, pixels; its derivatives are
/// forward differences on the grid, divided by the grid's spacing (32 in the published script).
/// Neither number is an error: a field that stands still has 0 of both, and the truth has its own.
///
/// A point counts where the *true* one is visible, in predictions as well, which is what the
/// published commands ask for (`--use_visibility`).
public struct FieldEnergies: Sendable {
  private var variation = RunningMean()
  private var energy = RunningMean()

  public init() {}

  /// Per frame, the mean of |du/dx| + |dv/dx| over pairs of neighbours in a row plus the mean of
  /// |du/dy| + |dv/dy| over pairs in a column; mean over frames, then over the tracks added. Per
  /// frame; nil where no two neighbours were seen.
  public var flowSmoothTV: Double? { variation.value }

  /// Mean of (du/dx + dv/dy)² + (dv/dx - du/dy)² over cells whose point, right and lower neighbour
  /// are seen; mean over frames, then over the tracks added. Per frame squared; nil where there was
  /// no such cell.
  public var divCurlEnergy: Double? { energy.value }

  /// Adds the tracks of one clip. Shapes: both [T, N]; N is that of the grid.
  public mutating func add(_ tracks: PointTracks, seenIn truth: PointTracks, grid: PointGrid) {
    checkSameShape(tracks, truth, in: "FieldEnergies.add")
    checkPoints(of: tracks, on: grid, in: "FieldEnergies.add")
    let flow = GridFlow(tracks, seenIn: truth, grid: grid)
    var (clipVariation, clipEnergy) = (RunningMean(), RunningMean())
    for frame in 1..<max(tracks.frames, 1) {
      let sums = flow.sums(from: frame - 1, to: frame)
      if let across = sums.across.value ?? (sums.down.count > 0 ? 0 : nil) {
        clipVariation.add(across + (sums.down.value ?? 0))
      }
      if let energy = sums.energy.value { clipEnergy.add(energy) }
    }
    if let value = clipVariation.value { variation.add(value) }
    if let value = clipEnergy.value { energy.add(value) }
  }
}

func checkPoints(of tracks: PointTracks, on grid: PointGrid, in caller: String) {
  precondition(
    tracks.points == grid.order.count,
    "\(caller): \(tracks.points) points on a grid of \(grid.rows) x \(grid.columns)")
}

/// Displacements on a grid.
private struct GridFlow {
  private let tracks: PointTracks
  private let grid: PointGrid
  private let seen: [Bool]  // [T, N]

  init(_ tracks: PointTracks, seenIn truth: PointTracks, grid: PointGrid) {
    (self.tracks, self.grid) = (tracks, grid)
    seen = tracks.comparable(with: truth)
  }

  func sums(from: Int, to: Int) -> (across: RunningMean, down: RunningMean, energy: RunningMean) {
    // Row by row; nil where the point is hidden in one of the frames.
    let flow: [SIMD2<Float>?] = grid.order.map { point in
      guard seen[from * tracks.points + point], seen[to * tracks.points + point] else {
        return nil
      }
      return tracks.position(frame: to, point: point) - tracks.position(frame: from, point: point)
    }
    var sums = (across: RunningMean(), down: RunningMean(), energy: RunningMean())
    for row in 0..<grid.rows {
      for column in 0..<grid.columns {
        let cell = row * grid.columns + column
        guard let here = flow[cell] else { continue }
        let right = column + 1 < grid.columns ? flow[cell + 1] : nil
        let below = row + 1 < grid.rows ? flow[cell + grid.columns] : nil
        let dx = right.map { SIMD2<Double>(($0 - here) / grid.spacing.x) }
        let dy = below.map { SIMD2<Double>(($0 - here) / grid.spacing.y) }
        if let dx { sums.across.add(abs(dx.x) + abs(dx.y)) }
        if let dy { sums.down.add(abs(dy.x) + abs(dy.y)) }
        if let dx, let dy {
          let (divergence, curl) = (dx.x + dy.y, dx.y - dy.x)
          sums.energy.add(divergence * divergence + curl * curl)
        }
      }
    }
    return sums
  }
}
