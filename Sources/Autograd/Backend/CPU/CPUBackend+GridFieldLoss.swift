// The loss of a dense field and its gradient in one pass: a task takes a run of frames, keeps three
// residual frames, and writes the finished gradient of each frame once.

extension CPUBackend {
  func gridFieldLoss(
    prediction: NDArray, target: NDArray, ramp: NDArray, mask: NDArray, _ loss: GridFieldLoss,
    wantsGradient: Bool
  ) -> (terms: NDArray, gradient: NDArray?) {
    switch loss.cost {
    case .l1: run(L1.self, prediction, target, ramp, mask, loss, wantsGradient)
    case .sq: run(Squared.self, prediction, target, ramp, mask, loss, wantsGradient)
    case .huber: run(HuberCost.self, prediction, target, ramp, mask, loss, wantsGradient)
    case .l2: run(Euclidean.self, prediction, target, ramp, mask, loss, wantsGradient)
    }
  }

  @inline(__always)
  private func run<Cost: PairFunction>(
    _ cost: Cost.Type, _ prediction: NDArray, _ target: NDArray, _ ramp: NDArray, _ mask: NDArray,
    _ loss: GridFieldLoss, _ wantsGradient: Bool
  ) -> (terms: NDArray, gradient: NDArray?) {
    let (batch, frames) = (mask.shape[0], mask.shape[1])
    let weights = FieldWeights(mask, loss)
    let framesPerTask = 8
    let tasksPerSample = (frames + framesPerTask - 1) / framesPerTask
    var sums = [SIMD4<Double>](repeating: .zero, count: batch * tasksPerSample)
    let gradient = wantsGradient ? HostStorage(uninitialized: prediction.count) : nil
    sums.withUnsafeMutableBufferPointer { sums in
      let sums = sums.baseAddress!
      ThreadPool.run(batch * tasksPerSample) { task in
        let (sample, chunk) = (task / tasksPerSample, task % tasksPerSample)
        FieldFrames<Cost>.withFrames(
          prediction, target, ramp, mask, loss, sample: sample,
          scales: weights.gradientScales(sample)
        ) { frames in
          sums[task] = frames.accumulate(
            chunk * framesPerTask..<min(frames.count, (chunk + 1) * framesPerTask),
            gradient: gradient?.pointer)
        }
      }
    }
    let terms = make([3, batch]) { terms in
      for sample in 0..<batch {
        let total = sums[sample * tasksPerSample..<(sample + 1) * tasksPerSample].reduce(.zero, +)
        for term in 0..<3 {
          terms[term * batch + sample] = Float(total[term] / weights.denominators[sample][term])
        }
      }
    }
    return (
      terms, gradient.map { NDArray(storage: $0, shape: prediction.shape, device: .cpu) }
    )
  }
}

/// The cost of pairs, on interleaved (x, y) lanes, and its derivative. `value` summed over lanes is
/// the cost.
private protocol PairFunction {
  static func value(_ d: Vector) -> Vector
  static func derivative(_ d: Vector) -> Vector
}

private enum L1: PairFunction {
  @inline(__always) static func value(_ d: Vector) -> Vector { absolute(d) }
  @inline(__always) static func derivative(_ d: Vector) -> Vector { sign(d) }
}

private enum Squared: PairFunction {
  @inline(__always) static func value(_ d: Vector) -> Vector { d * d }
  @inline(__always) static func derivative(_ d: Vector) -> Vector { d + d }
}

private enum HuberCost: PairFunction {
  @inline(__always) static func value(_ d: Vector) -> Vector {
    let size = absolute(d)
    return (0.5 * d * d).replacing(with: size - 0.5, where: size .> 1)
  }
  @inline(__always) static func derivative(_ d: Vector) -> Vector {
    d.replacing(with: sign(d), where: absolute(d) .> 1)
  }
}

private enum Euclidean: PairFunction {
  /// The length of each lane's pair, in both of its lanes.
  @inline(__always) private static func length(_ d: Vector) -> Vector {
    let squares = d * d
    let sums = (squares.evenHalf + squares.oddHalf).squareRoot()
    var result = Vector()
    result.evenHalf = sums
    result.oddHalf = sums
    return result
  }
  @inline(__always) static func value(_ d: Vector) -> Vector { 0.5 * length(d) }
  @inline(__always) static func derivative(_ d: Vector) -> Vector {
    let length = length(d)
    return (d / length).replacing(with: Vector(), where: length .== 0)
  }
}

/// The denominators of the three terms, from the mask alone, so that the gradient's scale is known
/// beforehand.
private struct FieldWeights {
  let denominators: [SIMD4<Double>]  // per sample: reconstruction, velocity, neighbours
  let loss: GridFieldLoss

  init(_ mask: NDArray, _ loss: GridFieldLoss) {
    self.loss = loss
    let (batch, frames) = (mask.shape[0], mask.shape[1])
    let cells = loss.rows * loss.columns
    let patch = loss.patch
    denominators = (0..<batch).map { sample in
      var (visible, moving, pairs) = (0.0, 0.0, 0.0)
      for frame in 0..<frames {
        let m = mask.base + (sample * frames + frame) * cells
        for cell in 0..<cells {
          visible += Double(m[cell])
          if frame > 0 { moving += Double(m[cell] * m[cell - cells]) }
        }
        for hop in loss.sampleHops {
          var count = 0.0
          for row in 0..<loss.rows {  // along x, in each of the cell row's `patch` sample rows
            for x in 0..<max(0, loss.columns * patch - hop.distance) {
              let columns = row * loss.columns
              count += Double(m[columns + x / patch] * m[columns + (x + hop.distance) / patch])
            }
          }
          for y in 0..<max(0, loss.rows * patch - hop.distance) {  // along y
            let other = (y + hop.distance) / patch
            for column in 0..<loss.columns {
              count += Double(
                m[y / patch * loss.columns + column] * m[other * loss.columns + column])
            }
          }
          pairs += Double(hop.weight) * count * Double(patch)
        }
      }
      let area = Double(patch * patch)
      return SIMD4(max(1, 2 * area * visible), max(1, area * moving), max(1, pairs), 1)
    }
  }

  /// What one unit of each term's numerator adds to the batch-averaged total.
  func gradientScales(_ sample: Int) -> SIMD4<Float> {
    let batch = Float(denominators.count)
    return SIMD4(
      loss.reconstructionWeight, loss.velocityWeight, loss.neighborWeight, 0)
      / (SIMD4<Float>(denominators[sample]) * batch)
  }
}

/// Residual frames of one sample in dense order [rows · patch][columns · patch][2].
private struct FieldFrames<Cost: PairFunction> {
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
    _ loss: GridFieldLoss, sample: Int, scales: SIMD4<Float>, _ body: (FieldFrames) -> Void
  ) {
    let width = loss.columns * loss.patch * 2
    let frame = loss.rows * loss.patch * width
    let maskSize = loss.rows * width
    withScratch(4 * frame + 3 * maskSize) { base in
      body(
        FieldFrames(
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
