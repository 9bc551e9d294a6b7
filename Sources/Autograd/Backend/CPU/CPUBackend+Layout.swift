extension CPUBackend {
  func gather(_ x: NDArray, _ view: StridedView) -> NDArray {
    make(view.shape) { out in
      forEachRun(view.simplified, parallel: true) { source, stride, target, count in
        if stride == 1 {
          (out + target).update(from: x.base + source, count: count)
        } else {
          for i in 0..<count { out[target + i] = x.base[source + i * stride] }
        }
      }
    }
  }

  func scatterAdd(_ x: NDArray, _ view: StridedView, shape: [Int]) -> NDArray {
    make(shape) { out in
      out.update(repeating: 0, count: shape.product)
      // Elements of a broadcast view fall on the same place, so this runs on one thread.
      forEachRun(view.simplified, parallel: false) { target, stride, source, count in
        if stride == 1 {
          mapVectors(
            UnsafePointer(out + target), x.base + source, into: out + target, count: count
          ) { $0 + $1 }
        } else {
          for i in 0..<count { out[target + i * stride] += x.base[source + i] }
        }
      }
    }
  }

  func concatenate(_ arrays: [NDArray], axis: Int) -> NDArray {
    var shape = arrays[0].shape
    shape[axis] = arrays.reduce(0) { $0 + $1.shape[axis] }
    let outer = shape[..<axis].reduce(1, *)
    let inner = shape[(axis + 1)...].reduce(1, *)
    return make(shape) { out in
      var start = 0
      for array in arrays {
        let length = array.shape[axis] * inner
        for block in 0..<outer {
          (out + block * shape[axis] * inner + start)
            .update(from: array.base + block * length, count: length)
        }
        start += length
      }
    }
  }

  func takeRows(_ table: NDArray, _ indices: [Int]) -> NDArray {
    let width = table.lastExtent
    return make([indices.count, width]) { out in
      for (row, index) in indices.enumerated() {
        (out + row * width).update(from: table.base + index * width, count: width)
      }
    }
  }

  func addRows(_ rows: NDArray, _ indices: [Int], tableRows: Int) -> NDArray {
    let width = rows.lastExtent
    return make([tableRows, width]) { out in
      out.update(repeating: 0, count: tableRows * width)
      for (row, index) in indices.enumerated() {
        let target = out + index * width
        mapVectors(UnsafePointer(target), rows.base + row * width, into: target, count: width) {
          $0 + $1
        }
      }
    }
  }

  /// Calls `body(element of the array, stride, element of the view, count)` for each run along the
  /// view's last axis. Runs of different first indices may be visited at the same time when
  /// `parallel`.
  private func forEachRun(
    _ view: StridedView, parallel: Bool, _ body: (Int, Int, Int, Int) -> Void
  ) {
    guard let count = view.shape.last, let stride = view.strides.last else {
      return body(view.offset, 1, 0, 1)
    }
    let outerShape = view.shape.dropLast()
    let runs = outerShape.reduce(1, *)
    let perTask = parallel ? max(1, Self.elementChunk / max(1, count)) : max(1, runs)
    ThreadPool.run(runs, by: perTask) { range in
      for run in range {
        var rest = run
        var source = view.offset
        for axis in outerShape.indices.reversed() {
          source += rest % outerShape[axis] * view.strides[axis]
          rest /= outerShape[axis]
        }
        body(source, stride, run * count, count)
      }
    }
  }
}
