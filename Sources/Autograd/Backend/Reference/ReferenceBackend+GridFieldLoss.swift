import Foundation

extension ReferenceBackend {
  func gridFieldLoss(
    _ field: GridField, target: NDArray, ramp: NDArray, mask: NDArray, _ loss: GridFieldLoss,
    wantsGradient: Bool
  ) -> (terms: NDArray, gradient: GridFieldGradient?) {
    switch field {
    case .values(let prediction):
      let (terms, gradient) = evaluate(prediction, target, ramp, mask, loss)
      return (terms, wantsGradient ? .values(gradient) : nil)
    case .linear(let tokens, let layer):
      let prediction = linear(tokens, layer.weight, layer.bias)
      let (terms, gradient) = evaluate(prediction, target, ramp, mask, loss)
      guard wantsGradient else { return (terms, nil) }
      let (dTokens, dWeight, dBias) = linearGradient(tokens, layer.weight, gradient, wantsX: true)
      return (
        terms, .linear(dTokens: dTokens!, LinearArrays(weight: dWeight, bias: dBias))
      )
    }
  }

  private func evaluate(
    _ prediction: NDArray, _ target: NDArray, _ ramp: NDArray, _ mask: NDArray,
    _ loss: GridFieldLoss
  ) -> (terms: NDArray, gradient: NDArray) {
    let (batch, frames) = (mask.shape[0], mask.shape[1])
    let field = ReferenceField(prediction, target, ramp, mask, loss)
    var terms = [Double](repeating: 0, count: 3 * batch)
    var gradient = [Double](repeating: 0, count: prediction.count)
    let weights = [loss.reconstructionWeight, loss.velocityWeight, loss.neighborWeight]
    for sample in 0..<batch {
      var totals = [Term(), Term(), Term()]
      for t in 0..<frames {
        for y in 0..<field.height {
          for x in 0..<field.width {
            let here = field.point(sample, t, y, x)
            totals[0].addValue(here, mask: field.mask(here))
            if t > 0 { totals[1].addPair(field.point(sample, t - 1, y, x), here, 1, field) }
            for hop in loss.sampleHops {
              let weight = Double(hop.weight)
              if x + hop.distance < field.width {
                totals[2].addPair(here, field.point(sample, t, y, x + hop.distance), weight, field)
              }
              if y + hop.distance < field.height {
                totals[2].addPair(here, field.point(sample, t, y + hop.distance, x), weight, field)
              }
            }
          }
        }
      }
      for (index, total) in totals.enumerated() {
        let (value, entries) = total.evaluate(field, isReconstruction: index == 0)
        terms[index * batch + sample] = value
        for (element, derivative) in entries {
          gradient[element] += derivative * Double(weights[index]) / Double(batch)
        }
      }
    }
    return (make(terms, [3, batch]), make(gradient, prediction.shape))
  }
}

/// Where a sample of the field stands: its x component in the prediction, and its cell.
private struct FieldPoint {
  let element: Int
  let cell: Int
}

private struct ReferenceField {
  let residual: [Double]  // as the prediction: [B, T, N, patch, patch, 2]
  let visible: [Double]  // [B, T, N]
  let loss: GridFieldLoss
  let frames: Int

  var height: Int { loss.rows * loss.patch }
  var width: Int { loss.columns * loss.patch }

  init(
    _ prediction: NDArray, _ target: NDArray, _ ramp: NDArray, _ mask: NDArray,
    _ loss: GridFieldLoss
  ) {
    self.loss = loss
    frames = mask.shape[1]
    visible = mask.doubles
    let (targets, ramps) = (target.doubles, ramp.doubles)
    let samples = loss.patch * loss.patch * 2
    residual = prediction.doubles.enumerated().map { index, value in
      value - (targets[index / samples * 2 + index % 2] - ramps[index % samples])
    }
  }

  func point(_ sample: Int, _ t: Int, _ y: Int, _ x: Int) -> FieldPoint {
    let p = loss.patch
    let cell = ((sample * frames + t) * loss.rows + y / p) * loss.columns + x / p
    return FieldPoint(element: ((cell * p + y % p) * p + x % p) * 2, cell: cell)
  }

  func mask(_ point: FieldPoint) -> Double { visible[point.cell] }
}

/// One masked, weighted mean: numerator, denominator and derivative, collected sample by sample.
private struct Term {
  private var values: [(point: FieldPoint, mask: Double)] = []
  private var pairs: [(p: FieldPoint, q: FieldPoint, weight: Double)] = []

  mutating func addValue(_ point: FieldPoint, mask: Double) { values.append((point, mask)) }

  mutating func addPair(_ p: FieldPoint, _ q: FieldPoint, _ weight: Double, _ field: ReferenceField)
  {
    pairs.append((p, q, weight * field.mask(p) * field.mask(q)))
  }

  /// The term's value, and (element, derivative) pairs.
  func evaluate(
    _ field: ReferenceField, isReconstruction: Bool
  ) -> (value: Double, derivatives: [(Int, Double)]) {
    var total = 0.0
    var derivatives: [(Int, Double)] = []
    let weights = isReconstruction ? values.map { 2 * $0.mask } : pairs.map { $0.weight }
    let denominator = max(1, weights.reduce(0, +))
    for (point, mask) in values {
      for c in 0..<2 {
        let (value, derivative) = huber(field.residual[point.element + c])
        total += mask * value
        derivatives.append((point.element + c, mask * derivative / denominator))
      }
    }
    for (p, q, weight) in pairs {
      let d = (0..<2).map { field.residual[q.element + $0] - field.residual[p.element + $0] }
      let (value, derivative) = field.loss.cost.evaluate(d[0], d[1])
      total += weight * value
      for c in 0..<2 {
        derivatives.append((q.element + c, weight * derivative[c] / denominator))
        derivatives.append((p.element + c, -weight * derivative[c] / denominator))
      }
    }
    return (total / denominator, derivatives)
  }
}

extension PairCost {
  fileprivate func evaluate(_ x: Double, _ y: Double) -> (value: Double, derivative: [Double]) {
    func sign(_ v: Double) -> Double { v > 0 ? 1 : v < 0 ? -1 : 0 }
    switch self {
    case .l1: return (abs(x) + abs(y), [sign(x), sign(y)])
    case .sq: return (x * x + y * y, [2 * x, 2 * y])
    case .huber:
      let (a, b) = (Autograd.huber(x), Autograd.huber(y))
      return (a.value + b.value, [a.derivative, b.derivative])
    case .l2:
      let length = (x * x + y * y).squareRoot()
      return (length, length == 0 ? [0, 0] : [x / length, y / length])
    }
  }
}
