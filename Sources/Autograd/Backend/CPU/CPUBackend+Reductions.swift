extension CPUBackend {
  /// Rows summed by one task. The partial sums are added in order, so the result does not depend on
  /// the number of threads.
  private static let rowChunk = 512

  func sum(_ x: NDArray, axes: [Int]) -> NDArray { reduce(x, axes: axes, by: sum) }

  /// Reduces `axes`, which keep extent 1, by `reduction` of the middle axis of [outer, reduced,
  /// inner]: neighbouring axes are one axis, and each run of them is one pass, last axes first.
  func reduce(
    _ x: NDArray, axes: [Int],
    by reduction: (
      _ x: NDArray, _ outer: Int, _ reduced: Int, _ inner: Int, _ shape: [Int]
    ) -> NDArray
  ) -> NDArray {
    var result = x
    for run in contiguousRuns(axes).reversed() {
      var shape = result.shape
      let outer = shape[..<run.lowerBound].reduce(1, *)
      let reduced = shape[run].reduce(1, *)
      let inner = shape[run.upperBound...].reduce(1, *)
      for axis in run { shape[axis] = 1 }
      result = reduction(result, outer, reduced, inner, shape)
    }
    return result
  }

  private func sum(
    _ x: NDArray, outer: Int, reduced: Int, inner: Int, shape: [Int]
  ) -> NDArray {
    make(shape) { out in
      if inner == 1 {
        ThreadPool.run(outer, by: max(1, Self.elementChunk / max(1, reduced))) { rows in
          for row in rows {
            out[row] = Float(total(x.base + row * reduced, count: reduced))
          }
        }
      } else if outer == 1 {
        sumRows(x.base, rows: reduced, width: inner, into: out)
      } else {
        ThreadPool.run(outer) { block in
          addRows(
            x.base + block * reduced * inner, rows: 0..<reduced, width: inner,
            into: out + block * inner)
        }
      }
    }
  }

  /// The sum of `count` elements: vector sums of short stretches, added up in `Double`.
  private func total(_ x: UnsafePointer<Float>, count: Int) -> Double {
    var total = 0.0
    for start in stride(from: 0, to: count, by: 2048) {
      let length = min(2048, count - start)
      total += Double(sumVectors(x + start, x + start, count: length) { x, _ in x })
    }
    return total
  }

  /// `out[c] = Σ_r x[r, c]` for all rows, in parallel.
  func sumRows(
    _ x: UnsafePointer<Float>, rows: Int, width: Int, into out: UnsafeMutablePointer<Float>
  ) {
    let chunks = (rows + Self.rowChunk - 1) / Self.rowChunk
    guard chunks > 1 else { return addRows(x, rows: 0..<rows, width: width, into: out) }
    withScratch(chunks * width) { partial in
      ThreadPool.run(rows, by: Self.rowChunk) { range in
        addRows(
          x, rows: range, width: width, into: partial + range.lowerBound / Self.rowChunk * width)
      }
      addRows(UnsafePointer(partial), rows: 0..<chunks, width: width, into: out)
    }
  }

  /// `out[c] = Σ x[r, c]` over `rows`; added to what is there when `accumulates`.
  func addRows(
    _ x: UnsafePointer<Float>, rows: Range<Int>, width: Int, into out: UnsafeMutablePointer<Float>,
    accumulates: Bool = false
  ) {
    if !accumulates { out.update(repeating: 0, count: width) }
    for row in rows {
      mapVectors(UnsafePointer(out), x + row * width, into: out, count: width) { $0 + $1 }
    }
  }
}

/// Maximal runs of consecutive numbers in `axes`, ascending.
func contiguousRuns(_ axes: [Int]) -> [Range<Int>] {
  axes.sorted().reduce(into: []) { runs, axis in
    if let last = runs.last, last.upperBound == axis {
      runs[runs.count - 1] = last.lowerBound..<axis + 1
    } else {
      runs.append(axis..<axis + 1)
    }
  }
}
