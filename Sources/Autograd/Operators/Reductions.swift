extension Tensor {
  /// The sum over `axes` (all when nil), which disappear from the shape unless `keepingAxes`.
  public func sum(_ axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
    let axes = axes ?? Array(shape.indices)
    precondition(
      Set(axes).count == axes.count && axes.allSatisfy(shape.indices.contains),
      "sum: axes \(axes) of shape \(shape)")
    var kept = shape
    for axis in axes { kept[axis] = 1 }
    let result = keepingAxes ? kept : shape.indices.filter { !axes.contains($0) }.map { shape[$0] }
    let y = device.backend.sum(array, axes: axes).reshaped(result)
    return .recorded(y, from: [self]) { [shape, kept] dy in
      let view = StridedView(broadcasting: kept, to: shape)
      return [dy.device.backend.gather(dy.reshaped(kept), view)]
    }
  }

  /// The mean over `axes` (all when nil).
  public func mean(_ axes: [Int]? = nil, keepingAxes: Bool = false) -> Tensor {
    let count = (axes ?? Array(shape.indices)).reduce(1) { $0 * shape[$1] }
    return sum(axes, keepingAxes: keepingAxes) / Float(count)
  }
}
