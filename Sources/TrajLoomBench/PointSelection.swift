/// Picks the points that a picture shows: too many lines make a thicket, too few hide what happens.
enum PointSelection {
  /// At most `limit` indices into `starts`, spread evenly over the frame, in ascending order.
  /// Points that move come first; those that stay fill what is left. Points whose start is not a
  /// number are left out.
  static func spread(_ starts: [SIMD2<Float>], moves: [Bool], limit: Int) -> [Int] {
    precondition(
      starts.count == moves.count, "PointSelection: \(starts.count) starts, \(moves.count) flags")
    var picks: [Int] = []
    for group in [true, false] {
      let candidates = starts.indices.filter { moves[$0] == group && starts[$0].isFinite }
      picks += thinned(candidates, to: limit - picks.count, of: starts, besides: picks)
    }
    return picks.sorted()
  }

  /// As many candidates as keep one distance from each other and from `others`: the smallest
  /// distance that lets no more than `limit` through, found by bisection. A grid loses every second
  /// point, like the black fields of a chessboard.
  private static func thinned(
    _ candidates: [Int], to limit: Int, of starts: [SIMD2<Float>], besides others: [Int]
  ) -> [Int] {
    guard candidates.count > limit else { return candidates }
    guard limit > 0 else { return [] }
    let span = candidates.map { (starts[$0] - starts[candidates[0]]).length }.max() ?? 0
    var best: [Int] = []
    var (tooNear, farEnough) = (0.0, 2 * span + 1)
    for _ in 0..<24 {
      let gap = (tooNear + farEnough) / 2
      var picks: [Int] = []
      for candidate in candidates where picks.count <= limit {
        let isFree = (others + picks).allSatisfy {
          (starts[$0] - starts[candidate]).length >= gap
        }
        if isFree { picks.append(candidate) }
      }
      if picks.count > limit {
        tooNear = gap
      } else {
        farEnough = gap
        if picks.count >= best.count { best = picks }
      }
    }
    return best
  }
}
