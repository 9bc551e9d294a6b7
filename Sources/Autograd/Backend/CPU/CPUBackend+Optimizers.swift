extension CPUBackend {
  func add(_ x: NDArray, to total: inout NDArray) {
    total.makeUnique()
    let out = total.storage.pointer
    ThreadPool.run(x.count, by: Self.elementChunk) { range in
      let target = out + range.lowerBound
      mapVectors(UnsafePointer(target), x.base + range.lowerBound, into: target, count: range.count)
      {
        $0 + $1
      }
    }
  }

  func scale(_ x: inout NDArray, by factor: Float) {
    x.makeUnique()
    let out = x.storage.pointer
    ThreadPool.run(x.count, by: Self.elementChunk) { range in
      let target = out + range.lowerBound
      mapVectors(UnsafePointer(target), into: target, count: range.count) { $0 * factor }
    }
  }

  func sumOfSquares(_ x: NDArray) -> Double {
    let chunks = (x.count + Self.elementChunk - 1) / Self.elementChunk
    var partial = [Double](repeating: 0, count: chunks)
    partial.withUnsafeMutableBufferPointer { partial in
      let sums = partial.baseAddress!
      ThreadPool.run(x.count, by: Self.elementChunk) { range in
        var total = SIMD16<Double>()
        var i = range.lowerBound
        while i < range.upperBound {
          let count = min(16, range.upperBound - i)
          let wide = SIMD16<Double>(
            count == 16 ? x.base.vector(at: i) : x.base.vector(at: i, count: count))
          total += wide * wide
          i += 16
        }
        sums[range.lowerBound / Self.elementChunk] = total.sum()
      }
    }
    return partial.reduce(0, +)
  }

  func adamW(
    _ parameter: inout NDArray, _ moments: inout AdamW.Moments, gradient: NDArray,
    _ step: AdamW.Step
  ) {
    parameter.makeUnique()
    moments.first.makeUnique()
    moments.second.makeUnique()
    let p = parameter.storage.pointer
    let m = moments.first.storage.pointer
    let v = moments.second.storage.pointer
    let decay = Vector(repeating: Float(1 - step.learningRate * step.weightDecay))
    let (beta1, beta2) = (
      Vector(repeating: Float(step.beta1)), Vector(repeating: Float(step.beta2))
    )
    let (rest1, rest2) = (
      Vector(repeating: Float(1 - step.beta1)), Vector(repeating: Float(1 - step.beta2))
    )
    let rate = Vector(repeating: Float(step.learningRate / step.correction1))
    let inverseRoot = Vector(repeating: Float(1 / step.correction2.squareRoot()))
    let epsilon = Vector(repeating: Float(step.epsilon))
    ThreadPool.run(gradient.count, by: Self.elementChunk) { range in
      let start = range.lowerBound
      mapVectors(
        UnsafePointer(m + start), gradient.base + start, into: m + start, count: range.count
      ) {
        $0 * beta1 + rest1 * $1
      }
      mapVectors(
        UnsafePointer(v + start), gradient.base + start, into: v + start, count: range.count
      ) {
        $0 * beta2 + rest2 * $1 * $1
      }
      withScratch(range.count) { update in
        mapVectors(
          UnsafePointer(m + start), UnsafePointer(v + start), into: update, count: range.count
        ) { m, v in rate * m / (v.squareRoot() * inverseRoot + epsilon) }
        mapVectors(
          UnsafePointer(p + start), UnsafePointer(update), into: p + start, count: range.count
        ) { $0 * decay - $1 }
      }
    }
  }

  func movingAverage(_ average: inout NDArray, of x: NDArray, decay: Double) {
    average.makeUnique()
    let out = average.storage.pointer
    let (keep, take) = (Vector(repeating: Float(decay)), Vector(repeating: Float(1 - decay)))
    ThreadPool.run(x.count, by: Self.elementChunk) { range in
      let target = out + range.lowerBound
      mapVectors(UnsafePointer(target), x.base + range.lowerBound, into: target, count: range.count)
      {
        $0 * keep + $1 * take
      }
    }
  }
}
