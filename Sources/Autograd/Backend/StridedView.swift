/// A rectangular selection of an array's elements: element (i0, i1, ...) of the view is the element
/// `offset + Σ i_k · strides[k]` of the array. Slices, permutations, broadcasts and flips are
/// views.
package struct StridedView: Sendable, Equatable {
  var shape: [Int]
  var strides: [Int]
  var offset: Int

  /// All elements of an array of `shape` in their own order.
  init(whole shape: [Int]) {
    self.shape = shape
    strides = rowMajorStrides(shape)
    offset = 0
  }

  /// `shape` repeated to `target` by NumPy's broadcasting rules: a stride of 0 along repeated axes.
  init(broadcasting shape: [Int], to target: [Int]) {
    let missing = target.count - shape.count
    let strides = rowMajorStrides(shape)
    self.shape = target
    self.strides = target.indices.map { axis in
      axis < missing || (shape[axis - missing] == 1 && target[axis] != 1)
        ? 0 : strides[axis - missing]
    }
    offset = 0
  }

  /// The array with its axes in another order.
  init(permuting shape: [Int], _ axes: [Int]) {
    let strides = rowMajorStrides(shape)
    self.shape = axes.map { shape[$0] }
    self.strides = axes.map { strides[$0] }
    offset = 0
  }

  /// `range` along `axis`, all of the other axes.
  init(slicing shape: [Int], axis: Int, _ range: Range<Int>) {
    self.init(whole: shape)
    self.shape[axis] = range.count
    offset = range.lowerBound * strides[axis]
  }

  /// Axes that are contiguous with each other merged, so that copying works on the longest runs.
  var simplified: StridedView {
    var result = self
    result.shape = []
    result.strides = []
    for (extent, stride) in zip(shape, strides) where extent != 1 {
      if let last = result.strides.last, last == stride * extent {
        result.shape[result.shape.count - 1] *= extent
        result.strides[result.strides.count - 1] = stride
      } else {
        result.shape.append(extent)
        result.strides.append(stride)
      }
    }
    return result
  }
}

/// The distance between neighbours along each axis of a contiguous array.
func rowMajorStrides(_ shape: [Int]) -> [Int] {
  var strides = [Int](repeating: 1, count: shape.count)
  for axis in shape.indices.dropLast().reversed() {
    strides[axis] = strides[axis + 1] * shape[axis + 1]
  }
  return strides
}
