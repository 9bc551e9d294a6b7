extension Tensor {
  /// The same elements under another shape.
  /// - Precondition: the number of elements is the same.
  public func reshaped(_ newShape: [Int]) -> Tensor {
    .recorded(array.reshaped(newShape), from: [self]) { [shape] dy in [dy.reshaped(shape)] }
  }

  /// The axes in another order: axis i of the result is axis `axes[i]` of this.
  public func permuted(_ axes: [Int]) -> Tensor {
    precondition(axes.sorted() == Array(shape.indices), "permute: axes \(axes) of shape \(shape)")
    return viewed(StridedView(permuting: shape, axes))
  }

  /// The elements at `range` of `axis`; the axis stays.
  public func sliced(axis: Int, _ range: Range<Int>) -> Tensor {
    precondition(
      shape.indices.contains(axis) && range.lowerBound >= 0 && range.upperBound <= shape[axis],
      "slice: \(range) of axis \(axis) of shape \(shape)")
    return viewed(StridedView(slicing: shape, axis: axis, range))
  }

  /// Repeats along axes of extent 1, and along new leading axes, to `target`.
  public func broadcast(to target: [Int]) -> Tensor {
    precondition(
      broadcastShape(shape, target) == target, "broadcast: shape \(shape) to \(target)")
    return viewed(StridedView(broadcasting: shape, to: target))
  }

  private func viewed(_ view: StridedView) -> Tensor {
    .recorded(device.backend.gather(array, view), from: [self]) { [shape] dy in
      [dy.device.backend.scatterAdd(dy, view, shape: shape)]
    }
  }
}

/// `tensors` one after another along `axis`.
/// - Precondition: all other extents agree.
public func concatenated(_ tensors: [Tensor], axis: Int) -> Tensor {
  precondition(!tensors.isEmpty, "concatenate: no tensors")
  let first = tensors[0].shape
  for tensor in tensors {
    var other = tensor.shape
    precondition(
      other.count == first.count && first.indices.contains(axis),
      "concatenate along \(axis): \(first) and \(other)")
    other[axis] = first[axis]
    precondition(other == first, "concatenate along \(axis): \(first) and \(tensor.shape)")
  }
  let device = Device.common("concatenate", tensors.map(\.array))
  let y = device.backend.concatenate(tensors.map(\.array), axis: axis)
  return .recorded(y, from: tensors) { [extents = tensors.map { $0.shape[axis] }] dy in
    var start = 0
    return extents.map { extent in
      defer { start += extent }
      return device.backend.gather(
        dy, StridedView(slicing: dy.shape, axis: axis, start..<start + extent))
    }
  }
}

/// Rows `indices` of `table` [V, D] → [indices.count, D].
public func embedding(_ table: Tensor, _ indices: [Int]) -> Tensor {
  precondition(table.rank == 2, "embedding: table of shape \(table.shape), expected [V, D]")
  let rows = table.shape[0]
  precondition(
    indices.allSatisfy((0..<rows).contains), "embedding: an index is outside 0..<\(rows)")
  return .recorded(table.device.backend.takeRows(table.array, indices), from: [table]) { dy in
    [dy.device.backend.addRows(dy, indices, tableRows: rows)]
  }
}
