/// The cost of pairs, on interleaved (x, y) lanes, and its derivative. `value` summed over lanes is
/// the cost.
protocol PairFunction {
  static func value(_ d: Vector) -> Vector
  static func derivative(_ d: Vector) -> Vector
}

enum L1: PairFunction {
  @inline(__always) static func value(_ d: Vector) -> Vector { absolute(d) }
  @inline(__always) static func derivative(_ d: Vector) -> Vector { sign(d) }
}

enum Squared: PairFunction {
  @inline(__always) static func value(_ d: Vector) -> Vector { d * d }
  @inline(__always) static func derivative(_ d: Vector) -> Vector { d + d }
}

enum HuberCost: PairFunction {
  @inline(__always) static func value(_ d: Vector) -> Vector {
    let size = absolute(d)
    return (0.5 * d * d).replacing(with: size - 0.5, where: size .> 1)
  }
  @inline(__always) static func derivative(_ d: Vector) -> Vector {
    d.replacing(with: sign(d), where: absolute(d) .> 1)
  }
}

enum Euclidean: PairFunction {
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
struct FieldWeights {
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
