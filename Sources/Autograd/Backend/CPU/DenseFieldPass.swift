// The grid field loss with hops of a sample: neighbours lie in rows of the dense field, so a task takes
// a run of frames, keeps three residual frames in dense order, and writes the finished gradient of
// each frame once.

/// Residual frames of one sample in dense order [rows · patch][columns · patch][2].
struct DenseFieldPass<Cost: PairFunction> {
  let prediction: NDArray, target: NDArray, ramp: NDArray, mask: NDArray
  let loss: GridFieldLoss
  let sample: Int
  let scales: SIMD4<Float>
  let count: Int
  private let frames: [UnsafeMutablePointer<Float>]  // three residual frames, by time modulo 3
  /// Three frames of [rows][width]: a mask per float.
  private let masks: [UnsafeMutablePointer<Float>]
  private let gradient: UnsafeMutablePointer<Float>

  private var width: Int { loss.columns * loss.patch * 2 }
  private var height: Int { loss.rows * loss.patch }
  private var cells: Int { loss.rows * loss.columns }

  @inline(__always)
  static func withFrames(
    _ prediction: NDArray, _ target: NDArray, _ ramp: NDArray, _ mask: NDArray,
    _ loss: GridFieldLoss, sample: Int, scales: SIMD4<Float>, _ body: (DenseFieldPass) -> Void
  ) {
    let width = loss.columns * loss.patch * 2
    let frame = loss.rows * loss.patch * width
    let maskSize = loss.rows * width
    withScratch(4 * frame + 3 * maskSize) { base in
      body(
        DenseFieldPass(
          prediction: prediction, target: target, ramp: ramp, mask: mask, loss: loss,
          sample: sample, scales: scales, count: mask.shape[1],
          frames: (0..<3).map { base + $0 * frame },
          masks: (0..<3).map { base + 4 * frame + $0 * maskSize }, gradient: base + 3 * frame))
    }
  }

  /// The three numerators over `range`, each velocity pair counted at its later frame; the gradient
  /// of every frame in `range` is written to its place in `out`.
  @inline(__always)
  func accumulate(_ range: Range<Int>, gradient out: UnsafeMutablePointer<Float>?) -> SIMD4<Double>
  {
    var sums = SIMD4<Double>.zero
    if range.lowerBound > 0 { load(range.lowerBound - 1) }
    load(range.lowerBound)
    for time in range {
      if time + 1 < count { load(time + 1) }
      sums.x += reconstruction(time)
      if time > 0 { sums.y += velocity(from: time - 1, to: time, sign: 1) }
      if out != nil, time + 1 < count { _ = velocity(from: time, to: time + 1, sign: -1) }
      sums.z += neighbors(time)
      if let out { store(time, into: out) }
    }
    return sums
  }

  /// e = prediction - (target - ramp), from patch order to dense order.
  @inline(__always)
  private func load(_ time: Int) {
    let frame = frames[time % 3]
    let maskFrame = masks[time % 3]
    let run = loss.patch * 2
    for row in 0..<loss.rows {
      for column in 0..<loss.columns {
        let cell = (sample * count + time) * cells + row * loss.columns + column
        let (x, y) = (target.base[2 * cell], target.base[2 * cell + 1])
        var point = Vector()
        for lane in 0..<16 { point[lane] = lane % 2 == 0 ? x : y }
        for u in 0..<loss.patch {
          let source = prediction.base + (cell * loss.patch + u) * run
          mapVectors(
            source, ramp.base + u * run,
            into: frame + (row * loss.patch + u) * width + column * run, count: run
          ) { $0 - point + $1 }
        }
        (maskFrame + row * width + column * run).update(repeating: mask.base[cell], count: run)
      }
    }
  }

  /// Starts the frame's gradient and returns Σ m·Huber(e).
  @inline(__always)
  private func reconstruction(_ time: Int) -> Double {
    let scale = Vector(repeating: scales.x)
    return sumRows { row in
      let e = UnsafePointer(frames[time % 3] + row * width)
      let m = UnsafePointer(masks[time % 3] + row / loss.patch * width)
      mapVectors(e, m, into: gradient + row * width, count: width) {
        scale * $1 * HuberCost.derivative($0)
      }
      return sumVectors(e, m, count: width) { $1 * HuberCost.value($0) }
    }
  }

  /// Σ m_t m_{t-1} cost(e_t - e_{t-1}); its derivative with respect to the later (`sign` 1) or
  /// earlier frame (-1) is added to the gradient.
  @inline(__always)
  private func velocity(from earlier: Int, to later: Int, sign: Float) -> Double {
    let scale = Vector(repeating: scales.y * sign)
    return sumRows { row in
      let maskRow = row / loss.patch * width
      return pairs(
        UnsafePointer(frames[earlier % 3] + row * width),
        UnsafePointer(frames[later % 3] + row * width),
        UnsafePointer(masks[earlier % 3] + maskRow), UnsafePointer(masks[later % 3] + maskRow),
        count: width, scale, first: nil, second: gradient + row * width)
    }
  }

  /// Σ_hop w Σ m_p m_q cost(e_q - e_p) inside one frame.
  @inline(__always)
  private func neighbors(_ time: Int) -> Double {
    let frame = UnsafePointer(frames[time % 3])
    let mask = UnsafePointer(masks[time % 3])
    var total = 0.0
    for hop in loss.sampleHops {
      let scale = Vector(repeating: scales.z * hop.weight)
      let shift = 2 * hop.distance
      var sum = 0.0
      for row in 0..<height {
        let e = frame + row * width
        let m = mask + row / loss.patch * width
        let g = gradient + row * width
        if shift < width {
          sum += Double(
            pairs(
              e, e + shift, m, m + shift, count: width - shift, scale, first: g,
              second: g + shift))
        }
        let below = row + hop.distance
        if below < height {
          sum += Double(
            pairs(
              e, frame + below * width, m, mask + below / loss.patch * width, count: width, scale,
              first: g, second: gradient + below * width))
        }
      }
      total += Double(hop.weight) * sum
    }
    return total
  }

  /// Σ m_p m_q cost(e_q - e_p) over `count` floats; scale · derivative is added at q (`second`) and
  /// taken from p (`first`).
  @inline(__always)
  private func pairs(
    _ p: UnsafePointer<Float>, _ q: UnsafePointer<Float>, _ maskP: UnsafePointer<Float>,
    _ maskQ: UnsafePointer<Float>, count: Int, _ scale: Vector,
    first: UnsafeMutablePointer<Float>?, second: UnsafeMutablePointer<Float>
  ) -> Float {
    var total = Vector()
    var i = 0
    while i < count {
      let lanes = min(16, count - i)
      if lanes == 16 {
        let d = q.vector(at: i) - p.vector(at: i)
        let m = maskP.vector(at: i) * maskQ.vector(at: i)
        total.addProduct(m, Cost.value(d))
        let g = scale * m * Cost.derivative(d)
        if let first { first.store(first.vector(at: i) - g, at: i) }
        second.store(second.vector(at: i) + g, at: i)
      } else {
        let d = q.vector(at: i, count: lanes) - p.vector(at: i, count: lanes)
        let m = maskP.vector(at: i, count: lanes) * maskQ.vector(at: i, count: lanes)
        total.addProduct(m, Cost.value(d))
        let g = scale * m * Cost.derivative(d)
        if let first {
          first.store(UnsafePointer(first).vector(at: i, count: lanes) - g, at: i, count: lanes)
        }
        second.store(
          UnsafePointer(second).vector(at: i, count: lanes) + g, at: i, count: lanes)
      }
      i += 16
    }
    return total.sum()
  }

  @inline(__always)
  private func sumRows(_ term: (Int) -> Float) -> Double {
    var total = 0.0
    for row in 0..<height { total += Double(term(row)) }
    return total
  }

  /// The finished gradient from dense order back to patch order.
  private func store(_ time: Int, into out: UnsafeMutablePointer<Float>) {
    let run = loss.patch * 2
    for row in 0..<loss.rows {
      for column in 0..<loss.columns {
        let cell = (sample * count + time) * cells + row * loss.columns + column
        for u in 0..<loss.patch {
          (out + (cell * loss.patch + u) * run)
            .update(
              from: gradient + (row * loss.patch + u) * width + column * run, count: run)
        }
      }
    }
  }
}
