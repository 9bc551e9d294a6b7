/// Sixteen floats: one AVX-512 register, or two or four narrower ones.
typealias Vector = SIMD16<Float>

extension UnsafePointer<Float> {
  @inline(__always) func vector(at index: Int) -> Vector {
    UnsafeRawPointer(self + index).loadUnaligned(as: Vector.self)
  }

  /// The `count` elements at `index`, zero in the lanes beyond.
  @inline(__always) func vector(at index: Int, count: Int) -> Vector {
    var vector = Vector()
    for lane in 0..<count { vector[lane] = self[index + lane] }
    return vector
  }
}

extension UnsafeMutablePointer<Float> {
  @inline(__always) func vector(at index: Int) -> Vector {
    UnsafePointer(self).vector(at: index)
  }

  @inline(__always) func store(_ vector: Vector, at index: Int) {
    UnsafeMutableRawPointer(self + index).storeBytes(of: vector, as: Vector.self)
  }

  /// Writes the first `count` lanes.
  @inline(__always) func store(_ vector: Vector, at index: Int, count: Int) {
    for lane in 0..<count { self[index + lane] = vector[lane] }
  }
}

extension Vector {
  /// The sum of all lanes, by halves: a chain of four additions, where `sum()` is one of fifteen.
  @inline(__always) var total: Float {
    let eight = lowHalf + highHalf
    let four = eight.lowHalf + eight.highHalf
    let two = four.lowHalf + four.highHalf
    return two.x + two.y
  }

  /// The largest lane. A NaN lane is passed over or returned.
  @inline(__always) var largest: Float {
    let eight = lowHalf.replacing(with: highHalf, where: highHalf .> lowHalf)
    let four = eight.lowHalf.replacing(with: eight.highHalf, where: eight.highHalf .> eight.lowHalf)
    let two = four.lowHalf.replacing(with: four.highHalf, where: four.highHalf .> four.lowHalf)
    return two.y > two.x ? two.y : two.x
  }
}

/// `out[i] = f(a[i])` for `count` elements, sixteen at a time. `out` may be `a`.
@inline(__always)
func mapVectors(
  _ a: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>, count: Int,
  _ f: (Vector) -> Vector
) {
  var i = 0
  while i &+ 16 <= count {
    out.store(f(a.vector(at: i)), at: i)
    i &+= 16
  }
  if i < count { out.store(f(a.vector(at: i, count: count - i)), at: i, count: count - i) }
}

/// `out[i] = f(a[i], b[i])`. `out` may be `a` or `b`.
@inline(__always)
func mapVectors(
  _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>,
  count: Int, _ f: (Vector, Vector) -> Vector
) {
  var i = 0
  while i &+ 16 <= count {
    out.store(f(a.vector(at: i), b.vector(at: i)), at: i)
    i &+= 16
  }
  if i < count {
    let rest = count - i
    out.store(f(a.vector(at: i, count: rest), b.vector(at: i, count: rest)), at: i, count: rest)
  }
}

/// `out[i] = f(out[i], a[i], b[i])`.
@inline(__always)
func accumulate(
  _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>,
  count: Int, _ f: (Vector, Vector, Vector) -> Vector
) {
  var i = 0
  while i &+ 16 <= count {
    out.store(f(out.vector(at: i), a.vector(at: i), b.vector(at: i)), at: i)
    i &+= 16
  }
  if i < count {
    let rest = count - i
    let sum = UnsafePointer(out).vector(at: i, count: rest)
    out.store(
      f(sum, a.vector(at: i, count: rest), b.vector(at: i, count: rest)), at: i, count: rest)
  }
}

/// `Σ f(a[i], b[i])` in sixteen running sums. `f(0, 0)` must be 0: the last lanes are padded with
/// zeros.
@inline(__always)
func sumVectors(
  _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int, _ f: (Vector, Vector) -> Vector
) -> Float {
  var total = Vector()
  var i = 0
  while i &+ 16 <= count {
    total += f(a.vector(at: i), b.vector(at: i))
    i &+= 16
  }
  if i < count {
    let rest = count - i
    total += f(a.vector(at: i, count: rest), b.vector(at: i, count: rest))
  }
  return total.total
}
