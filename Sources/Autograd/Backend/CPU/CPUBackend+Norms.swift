extension CPUBackend {
  /// Rows that one task normalises; chunks never cross the border of a group.
  private static let normChunk = 128

  func rmsNorm(
    _ x: NDArray, gain: NDArray?, offset: NDArray?, epsilon: Float
  ) -> (y: NDArray, inverseRMS: NDArray) {
    let width = x.lastExtent
    let y = HostStorage(uninitialized: x.count)
    let inverse = make([x.rowCount]) { inverse in
      forEachGroupChunk(rows: x.rowCount, groups: groups(gain ?? offset)) { group, rows, _ in
        let norm = RowNorm(
          gain: gain.map { $0.base + group * width },
          offset: offset.map { $0.base + group * width },
          width: width, epsilon: epsilon)
        for row in rows {
          inverse[row] = norm.apply(x.base + row * width, into: y.pointer + row * width)
        }
      }
    }
    return (NDArray(storage: y, shape: x.shape, device: .cpu), inverse)
  }

  func rmsNormGradient(
    _ x: NDArray, gain: NDArray?, hasOffset: Bool, inverseRMS: NDArray, _ dy: NDArray
  ) -> (dx: NDArray, dGain: NDArray?, dOffset: NDArray?) {
    let width = x.lastExtent
    let groups = groups(gain)
    let chunks = groupChunks(rows: x.rowCount, groups: groups)
    var dGain: NDArray?
    let dx = make(x.shape) { dx in
      withScratch(gain == nil ? 1 : groups * chunks * width) { partial in
        forEachGroupChunk(rows: x.rowCount, groups: groups) { group, rows, chunk in
          let norm = RowNorm(
            gain: gain.map { $0.base + group * width }, offset: nil, width: width, epsilon: 0)
          let sums = gain == nil ? nil : partial + (group * chunks + chunk) * width
          sums?.update(repeating: 0, count: width)
          for row in rows {
            norm.gradient(
              x.base + row * width, inverse: inverseRMS.base[row], dy.base + row * width,
              into: dx + row * width, addedTo: nil, gainSums: sums)
          }
        }
        if gain != nil {
          dGain = sumChunks(partial, groups: groups, chunks: chunks, width: width)
        }
      }
    }
    let dOffset = hasOffset ? sumGroups(dy, groups: groups) : nil
    return (dx, dGain, dOffset)
  }

  private func groups(_ array: NDArray?) -> Int { array.map { $0.count / $0.lastExtent } ?? 1 }

  private func groupChunks(rows: Int, groups: Int) -> Int {
    (rows / groups + Self.normChunk - 1) / Self.normChunk
  }

  /// Calls `body(group, rows, chunk within the group)` for every chunk of rows.
  private func forEachGroupChunk(
    rows: Int, groups: Int, _ body: (Int, Range<Int>, Int) -> Void
  ) {
    let perGroup = rows / groups
    let chunks = groupChunks(rows: rows, groups: groups)
    ThreadPool.run(groups * chunks) { task in
      let (group, chunk) = (task / chunks, task % chunks)
      let start = group * perGroup + chunk * Self.normChunk
      body(group, start..<min(start + Self.normChunk, (group + 1) * perGroup), chunk)
    }
  }

  /// [groups, chunks, width] → [groups, width]
  private func sumChunks(
    _ partial: UnsafeMutablePointer<Float>, groups: Int, chunks: Int, width: Int
  ) -> NDArray {
    make([groups, width]) { out in
      for group in 0..<groups {
        sumRows(
          UnsafePointer(partial + group * chunks * width), rows: chunks, width: width,
          into: out + group * width)
      }
    }
  }

  /// Sums over the rows of each group: [..., D] → [groups, D].
  private func sumGroups(_ x: NDArray, groups: Int) -> NDArray {
    let width = x.lastExtent
    let perGroup = x.rowCount / groups
    return make([groups, width]) { out in
      for group in 0..<groups {
        sumRows(
          x.base + group * perGroup * width, rows: perGroup, width: width, into: out + group * width
        )
      }
    }
  }

  func softmax(_ x: NDArray) -> NDArray {
    let width = x.lastExtent
    return make(x.shape) { out in
      ThreadPool.run(x.rowCount, by: max(1, Self.elementChunk / width)) { rows in
        for row in rows {
          (out + row * width).update(from: x.base + row * width, count: width)
          softmaxRow(out + row * width, count: width)
        }
      }
    }
  }

  func softmaxGradient(y: NDArray, _ dy: NDArray) -> NDArray {
    let width = y.lastExtent
    return make(y.shape) { dx in
      ThreadPool.run(y.rowCount, by: max(1, Self.elementChunk / width)) { rows in
        for row in rows {
          let (y, dy) = (y.base + row * width, dy.base + row * width)
          let dot = Vector(repeating: sumVectors(y, dy, count: width) { $0 * $1 })
          mapVectors(y, dy, into: dx + row * width, count: width) { y, dy in y * (dy - dot) }
        }
      }
    }
  }
}

/// RMS normalisation of one row after another with the same gain and offset.
struct RowNorm {
  let gain, offset: UnsafePointer<Float>?
  let width: Int
  let epsilon: Float

  /// `target = source / rms · gain + offset`; returns 1 / rms.
  @inline(__always)
  func apply(_ source: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>) -> Float {
    let meanSquare = sumVectors(source, source, count: width) { $0 * $1 } / Float(width)
    let inverse = 1 / (meanSquare + epsilon).squareRoot()
    let scales = Vector(repeating: inverse)
    switch (gain, offset) {
    case (let gain?, let offset?):
      mapVectors(source, gain, into: target, count: width) { $0 * scales * $1 }
      mapVectors(UnsafePointer(target), offset, into: target, count: width) { $0 + $1 }
    case (let gain?, nil):
      mapVectors(source, gain, into: target, count: width) { $0 * scales * $1 }
    case (nil, let offset?):
      mapVectors(source, offset, into: target, count: width) { $0 * scales + $1 }
    case (nil, nil):
      mapVectors(source, into: target, count: width) { $0 * scales }
    }
    return inverse
  }

  /// With n = x·s, s the reciprocal rms and g = dy·gain: `target = s·(g - n·mean(g·n))`, plus
  /// `residual` if there is one; `gainSums += dy·n`. `target` may be `upstream`.
  @inline(__always)
  func gradient(
    _ x: UnsafePointer<Float>, inverse: Float, _ upstream: UnsafePointer<Float>,
    into target: UnsafeMutablePointer<Float>, addedTo residual: UnsafePointer<Float>?,
    gainSums: UnsafeMutablePointer<Float>?
  ) {
    let scales = Vector(repeating: inverse)
    if let gainSums {
      accumulate(upstream, x, into: gainSums, count: width) { $0 + $1 * $2 * scales }
    }
    if let gain {
      mapVectors(upstream, gain, into: target, count: width) { $0 * $1 }
    } else if UnsafePointer(target) != upstream {
      target.update(from: upstream, count: width)
    }
    let dot = sumVectors(UnsafePointer(target), x, count: width) { $0 * $1 }
    let correction = Vector(repeating: dot * inverse * inverse / Float(width))
    mapVectors(UnsafePointer(target), x, into: target, count: width) { g, x in
      scales * (g - x * correction)
    }
    if let residual {
      mapVectors(UnsafePointer(target), residual, into: target, count: width) { $0 + $1 }
    }
  }
}

/// Softmax of `count` elements in place.
@inline(__always)
func softmaxRow(_ row: UnsafeMutablePointer<Float>, count: Int) {
  var maxima = Vector(repeating: -.infinity)
  var i = 0
  while i &+ 16 <= count {
    let x = row.vector(at: i)
    maxima.replace(with: x, where: x .> maxima)
    i &+= 16
  }
  var maximum = maxima.max()
  while i < count {
    maximum = row[i] > maximum ? row[i] : maximum
    i &+= 1
  }
  let shift = Vector(repeating: maximum)
  mapVectors(UnsafePointer(row), into: row, count: count) { exponential($0 - shift) }
  let total = sumVectors(UnsafePointer(row), UnsafePointer(row), count: count) { x, _ in x }
  let scale = Vector(repeating: 1 / total)
  mapVectors(UnsafePointer(row), into: row, count: count) { $0 * scale }
}
