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

  /// A new axis of extent 1 at `axis`.
  public func expanded(at axis: Int) -> Tensor {
    precondition((0...rank).contains(axis), "expanded: axis \(axis) of shape \(shape)")
    var shape = shape
    shape.insert(1, at: axis)
    return reshaped(shape)
  }

  /// Without the axis of extent 1 at `axis`.
  public func squeezed(at axis: Int) -> Tensor {
    precondition(
      shape.indices.contains(axis) && shape[axis] == 1,
      "squeezed: axis \(axis) of shape \(shape)")
    var shape = shape
    shape.remove(at: axis)
    return reshaped(shape)
  }

  /// `count` equal parts along `axis`, in order.
  /// - Precondition: `count` divides the axis.
  public func split(_ count: Int, axis: Int) -> [Tensor] {
    precondition(
      shape.indices.contains(axis) && count > 0 && shape[axis] % count == 0,
      "split: \(count) parts along axis \(axis) of shape \(shape)")
    let length = shape[axis] / count
    return (0..<count).map { sliced(axis: axis, $0 * length..<($0 + 1) * length) }
  }

  /// `value` around the elements, `amounts` (before, after) along every axis.
  /// - Precondition: one amount per axis, none negative.
  public func padded(_ amounts: [(before: Int, after: Int)], with value: Float = 0) -> Tensor {
    precondition(
      amounts.count == rank && amounts.allSatisfy { $0.before >= 0 && $0.after >= 0 },
      "padded: amounts \(amounts.map { [$0.before, $0.after] }) for shape \(shape)")
    let padded = zip(shape, amounts).map { $0 + $1.before + $1.after }
    var view = StridedView(whole: padded)
    view.shape = shape
    view.offset = zip(view.strides, amounts).reduce(0) { $0 + $1.0 * $1.1.before }
    let backend = device.backend
    var y = backend.scatterAdd(array, view, shape: padded)
    if value != 0 {
      let ones = NDArray(repeating: 1, shape: shape, device: device)
      let inside = backend.scatterAdd(ones, view, shape: padded)
      y = backend.select(NDArray(value, device: device), y, where: inside, shape: padded)
    }
    return .recorded(y, from: [self]) { dy in [backend.gather(dy, view)] }
  }

  /// The slices `indices` along `axis`, in that order; an index may come more than once.
  /// - Precondition: every index is one of the axis.
  public func gathered(_ indices: [Int], axis: Int) -> Tensor {
    let rows = AxisRows("gathered", shape, axis, indices)
    let backend = device.backend
    let y = backend.takeRows(array.reshaped(rows.table), rows.indices).reshaped(rows.selected)
    return .recorded(y, from: [self]) { [shape] dy in
      let taken = dy.reshaped([rows.indices.count, rows.table[1]])
      return [
        backend.addRows(taken, rows.indices, tableRows: rows.table[0]).reshaped(shape)
      ]
    }
  }

  /// This tensor with slice i of `updates` along `axis` added to its slice `indices[i]`; an index
  /// may come more than once. The adjoint of `gathered`.
  /// - Precondition: `updates` has this shape with `indices.count` along `axis`.
  public func scatterAdding(_ updates: Tensor, at indices: [Int], axis: Int) -> Tensor {
    let rows = AxisRows("scatterAdding", shape, axis, indices)
    precondition(
      updates.shape == rows.selected,
      "scatterAdding: updates \(updates.shape) at \(indices.count) indices of axis \(axis) of "
        + "shape \(shape)")
    let backend = Device.common("scatterAdding", array, updates.array).backend
    let values = updates.array.reshaped([rows.indices.count, rows.table[1]])
    let added = backend.addRows(values, rows.indices, tableRows: rows.table[0]).reshaped(shape)
    return .recorded(array.binary(.add, added), from: [self, updates]) { dy in
      [dy, backend.takeRows(dy.reshaped(rows.table), rows.indices).reshaped(rows.selected)]
    }
  }

  private func viewed(_ view: StridedView) -> Tensor {
    .recorded(device.backend.gather(array, view), from: [self]) { [shape] dy in
      [dy.device.backend.scatterAdd(dy, view, shape: shape)]
    }
  }
}

/// Slices along one axis as rows of a table: all axes before it and itself are the row, all axes
/// after it the column.
private struct AxisRows {
  let table: [Int]
  /// The rows of `table` that the slices are made of.
  let indices: [Int]
  /// The shape of the slices together.
  let selected: [Int]

  init(_ op: StaticString, _ shape: [Int], _ axis: Int, _ indices: [Int]) {
    precondition(shape.indices.contains(axis), "\(op): axis \(axis) of shape \(shape)")
    let extent = shape[axis]
    precondition(
      indices.allSatisfy((0..<extent).contains),
      "\(op): an index is outside 0..<\(extent), axis \(axis) of shape \(shape)")
    let outer = shape[..<axis].product
    table = [outer * extent, shape[(axis + 1)...].product]
    self.indices = (0..<outer).flatMap { block in indices.map { block * extent + $0 } }
    selected = shape[..<axis] + [indices.count] + shape[(axis + 1)...]
  }
}

/// `tensors` side by side along a new axis at `axis`.
/// - Precondition: all shapes are equal.
public func stacked(_ tensors: [Tensor], axis: Int) -> Tensor {
  for tensor in tensors.dropFirst() {
    precondition(
      tensor.shape == tensors[0].shape, "stack: \(tensors[0].shape) and \(tensor.shape)")
  }
  return concatenated(tensors.map { $0.expanded(at: axis) }, axis: axis)
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
