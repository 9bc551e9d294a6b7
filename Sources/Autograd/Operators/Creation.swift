// Constant tensors to compute with. Random ones are `Tensor(philox.normal(shape, step: step))` and
// `uniform`.

extension Tensor {
  /// All elements 0.
  public static func zeros(_ shape: [Int], device: Device = .cpu) -> Tensor {
    full(0, shape, device: device)
  }

  /// All elements 1.
  public static func ones(_ shape: [Int], device: Device = .cpu) -> Tensor {
    full(1, shape, device: device)
  }

  /// All elements `value`.
  public static func full(_ value: Float, _ shape: [Int], device: Device = .cpu) -> Tensor {
    Tensor(NDArray(repeating: value, shape: shape, device: device))
  }

  /// `start`, `start + step`, ... up to but without `end`. Shape: [ceil((end - start) / step)].
  /// - Precondition: `step` leads from `start` towards `end`.
  public static func arange(
    from start: Float = 0, to end: Float, by step: Float = 1, device: Device = .cpu
  ) -> Tensor {
    precondition(
      step != 0 && (end - start) / step >= 0, "arange: from \(start) to \(end) by \(step)")
    let count = Int(((end - start) / step).rounded(.up))
    return Tensor((0..<count).map { start + Float($0) * step }, shape: [count], device: device)
  }

  /// `count` evenly spaced values, the first `start` and the last exactly `end`. Shape: [count].
  /// - Precondition: `count` is at least 2.
  public static func linspace(
    from start: Float, through end: Float, count: Int, device: Device = .cpu
  ) -> Tensor {
    precondition(count >= 2, "linspace: \(count) values from \(start) through \(end)")
    // From both ends towards the middle, so that the values are symmetric.
    let step = (end - start) / Float(count - 1)
    let values = (0..<count).map { i in
      2 * i < count ? start + Float(i) * step : end - Float(count - 1 - i) * step
    }
    return Tensor(values, shape: [count], device: device)
  }

  /// 1 on the diagonal, 0 elsewhere. Shape: [size, size].
  public static func identity(_ size: Int, device: Device = .cpu) -> Tensor {
    oneHot(Array(0..<size), classes: size, device: device)
  }

  /// Row i is 1 in column `indices[i]`, 0 elsewhere. Shape: [indices.count, classes].
  /// - Precondition: every index is in 0..<classes.
  public static func oneHot(_ indices: [Int], classes: Int, device: Device = .cpu) -> Tensor {
    precondition(
      indices.allSatisfy((0..<classes).contains), "oneHot: an index is outside 0..<\(classes)")
    let ones = NDArray(repeating: 1, shape: [indices.count, 1], device: device)
    let places = indices.enumerated().map { $0 * classes + $1 }
    let elements = device.backend.addRows(ones, places, tableRows: indices.count * classes)
    return Tensor(elements.reshaped([indices.count, classes]))
  }
}
