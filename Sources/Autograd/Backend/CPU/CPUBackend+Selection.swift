import Foundation

extension CPUBackend {
  func select(_ a: NDArray, _ b: NDArray, where mask: NDArray, shape: [Int]) -> NDArray {
    let (a, b) = (materialized(a, shape), materialized(b, shape))
    let mask = materialized(mask, shape)
    return make(shape) { out in
      ThreadPool.run(shape.product, by: Self.elementChunk) { range in
        var i = range.lowerBound
        while i &+ 16 <= range.upperBound {
          let chosen = mask.base.vector(at: i) .!= 0
          out.store(
            a.base.vector(at: i).replacing(with: b.base.vector(at: i), where: chosen), at: i)
          i &+= 16
        }
        while i < range.upperBound {
          out[i] = mask.base[i] != 0 ? b.base[i] : a.base[i]
          i &+= 1
        }
      }
    }
  }

  func maximum(_ x: NDArray, axes: [Int]) -> NDArray { reduce(x, axes: axes, by: maximum) }

  private func maximum(
    _ x: NDArray, outer: Int, reduced: Int, inner: Int, shape: [Int]
  ) -> NDArray {
    make(shape) { out in
      ThreadPool.run(outer, by: max(1, Self.elementChunk / max(1, reduced * inner))) { blocks in
        for block in blocks {
          let source = x.base + block * reduced * inner
          guard inner > 1 else {
            out[block] = largest(source, count: reduced)
            continue
          }
          let target = out + block * inner
          target.update(from: source, count: inner)
          for row in 1..<reduced {
            mapVectors(
              UnsafePointer(target), source + row * inner, into: target, count: inner
            ) { larger($0, $1) }
          }
        }
      }
    }
  }

  private func largest(_ x: UnsafePointer<Float>, count: Int) -> Float {
    var lanes = Vector(repeating: x[0])
    var i = 0
    while i &+ 16 <= count {
      lanes = larger(lanes, x.vector(at: i))
      i &+= 16
    }
    var result = x[0]
    for lane in 0..<16 where lanes[lane] > result || lanes[lane].isNaN { result = lanes[lane] }
    while i < count {
      if x[i] > result || x[i].isNaN { result = x[i] }
      i &+= 1
    }
    return result
  }

  func argMax(_ x: NDArray, axis: Int) -> [Int] {
    let extent = x.shape[axis]
    let inner = x.shape[(axis + 1)...].product
    return (0..<x.count / extent).map { place in
      let column = x.base + place / inner * extent * inner + place % inner
      var best = 0
      for i in 1..<extent where column[i * inner] > column[best * inner] { best = i }
      return best
    }
  }
}

/// 1 where `condition` holds, 0 elsewhere.
@inline(__always)
func indicator(_ condition: SIMDMask<SIMD16<Int32>>) -> Vector {
  Vector().replacing(with: Vector(repeating: 1), where: condition)
}

/// The larger of each pair; NaN where either is.
@inline(__always)
func larger(_ a: Vector, _ b: Vector) -> Vector {
  a.replacing(with: b, where: (b .> a) .| (b .!= b))
}

/// aᵇ, lane by lane.
@inline(__always)
func power(_ a: Vector, _ b: Vector) -> Vector {
  var result = Vector()
  for lane in 0..<16 { result[lane] = Foundation.pow(a[lane], b[lane]) }
  return result
}

/// 2u with u the argument of the tanh in `geluTanh`: (1 + tanh u) / 2 is sigmoid(2u).
@inline(__always)
func geluTanhArgument(_ x: Vector) -> Vector {
  1.595_769_12 * x * (1 + 0.044_715 * x * x)
}

/// x times the derivative of `geluTanhArgument`.
@inline(__always)
func geluTanhArgumentSlope(_ x: Vector) -> Vector {
  1.595_769_12 * x * (1 + 0.134_145 * x * x)
}
