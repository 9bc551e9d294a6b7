/// Which axis of an array of tracks counts points and which counts frames.
struct TrackLayout {
  let points: Int
  let frames: Int
  /// Whether the array is [T, N, 2] rather than [N, T, 2].
  let isTimeFirst: Bool
  let evidence: String

  /// Accepts [N, T, 2], [T, N, 2], and either with a leading 1. The axes are told apart by the
  /// expected numbers, else by motion: along time a point moves little, from one point to the next
  /// the position jumps.
  /// - Parameter order: given by the caller; nil to detect.
  /// - Throws: `DataError` for other shapes, and when nothing tells the axes apart or numbers and
  ///   motion contradict each other.
  init(
    _ array: NPYArray, path: String, key: String, frames: Int, points: Int,
    order: TrackAxes? = nil
  ) throws {
    func fault(_ expected: String, _ advice: String) -> DataError {
      DataError(
        file: path, dataset: key, expected: expected, found: "\(array.shape)", advice: advice)
    }
    var shape = array.shape
    if shape.count == 4, shape[0] == 1 { shape.removeFirst() }
    guard shape.count == 3, shape[2] == 2, shape[0] > 0, shape[1] > 0 else {
      throw fault(
        "[N, T, 2], [T, N, 2] or one of them with a leading 1",
        "reorder the axes with numpy.transpose")
    }
    let (a, b) = (shape[0], shape[1])
    // Clues from the strongest to the weakest: a number that fits one axis and not the other.
    func isFirst(_ number: Int) -> Bool? {
      a == number && b != number ? true : b == number && a != number ? false : nil
    }
    let smooth = order == nil ? smootherAxis(array.scalars, a, b).map { $0 == 0 } : nil
    let clue: (isTimeFirst: Bool, words: String)
    if let order {
      clue = (order == .tn, "as given")
    } else if let isFirst = isFirst(points) {
      clue = (!isFirst, "\(points) points as the grid has")
    } else if let isFirst = isFirst(frames) {
      clue = (isFirst, "\(frames) frames as asked for")
    } else if let smooth {
      clue = (smooth, "the smoother axis as time")
    } else {
      throw fault("axes that can be told apart", "pass --axes nt or tn")
    }
    let found = clue.isTimeFirst
    isTimeFirst = found
    (self.frames, self.points) = found ? (a, b) : (b, a)
    evidence = "\(found ? "[T, N, 2]" : "[N, T, 2]"), by \(clue.words)"
    // Motion may be smoother from point to point where those are dense, of which there are many.
    if let smooth, smooth != found, self.points >= frames, self.points <= TrackLayout.longestVideo {
      throw fault(
        "one reading of the axes", "\(clue.words) contradict the motion; pass --axes nt or tn")
    }
  }

  /// Frames; what has more is taken for points without asking.
  private static let longestVideo = 4096

  /// Where (point, frame) stands in an array of this layout.
  func index(point: Int, frame: Int) -> Int {
    isTimeFirst ? frame * points + point : point * frames + frame
  }

  /// An array of flags or probabilities in this layout, from one whose axes may be in either order,
  /// with extra ones of 1.
  /// - Throws: `DataError` for another shape or a value outside [0, 1].
  func flags(_ array: NPYArray, path: String, key: String) throws -> [Float] {
    var shape = array.shape
    while shape.count > 2, shape.first == 1 { shape.removeFirst() }
    while shape.count > 2, shape.last == 1 { shape.removeLast() }
    let own = isTimeFirst ? [frames, points] : [points, frames]
    guard shape == own || shape == own.reversed() else {
      throw DataError(
        file: path, dataset: key, expected: "\(own), as the tracks have", found: "\(array.shape)",
        advice: "store one flag per point and frame")
    }
    if let bad = array.scalars.first(where: { !($0 >= 0 && $0 <= 1) }) {
      throw DataError(
        file: path, dataset: key, expected: "0, 1 or a probability between", found: "\(bad)",
        advice: "turn scores into 0 and 1 first")
    }
    return shape == own
      ? array.scalars : transposed(array.scalars, rows: shape[0], columns: shape[1])
  }
}

/// [columns, rows] from [rows, columns].
private func transposed(_ values: [Float], rows: Int, columns: Int) -> [Float] {
  [Float](unsafeUninitializedCapacity: values.count) { room, initialized in
    for row in 0..<rows {
      for column in 0..<columns { room[column * rows + row] = values[row * columns + column] }
    }
    initialized = values.count
  }
}

/// How the axes of an array of tracks stand.
public enum TrackAxes: String, Sendable, CaseIterable, Codable {
  /// [N, T, 2]
  case nt
  /// [T, N, 2]
  case tn
}

/// The axis of [a, b, 2] along which neighbours differ at least four times less, by a few thousand
/// of them; nil when neither is.
private func smootherAxis(_ scalars: [Float], _ a: Int, _ b: Int) -> Int? {
  // Odd, so that it meets all rows and columns.
  let pace = max(1, a * b / 8192) | 1
  func roughness(_ step: Int, _ isLast: (Int) -> Bool) -> Double? {
    var (sum, count) = (0.0, 0)
    for cell in stride(from: 0, to: a * b, by: pace) where !isLast(cell) {
      for component in 0..<2 {
        let difference = scalars[2 * (cell + step) + component] - scalars[2 * cell + component]
        if difference.isFinite {
          sum += Double(abs(difference))
          count += 1
        }
      }
    }
    return count == 0 ? nil : sum / Double(count)
  }
  guard let first = roughness(b, { $0 / b == a - 1 }),
    let second = roughness(1, { $0 % b == b - 1 })
  else { return nil }
  if 4 * first < second { return 0 }
  if 4 * second < first { return 1 }
  return nil
}
