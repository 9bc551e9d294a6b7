// Convolution of images with channels last: the patches that a few output rows read are copied out
// and multiplied by the weight in one BLAS call. KH x KW is the kernel, I and O are the channels, OW
// is the width of the result.

extension CPUBackend {
  func convolution2D(
    _ x: NDArray, _ weight: NDArray, _ g: Convolution2DGeometry
  ) -> NDArray {
    // [O, KH, KW, I]: the order in which a patch is read.
    let weight = gather(weight, StridedView(permuting: weight.shape, [0, 2, 3, 1]))
    let patch = g.kernelHeight * g.kernelWidth * g.inChannels
    return make(g.outputShape) { out in
      ThreadPool.run(g.images * g.rowBlocks) { task in
        let (image, rows) = g.rows(ofTask: task)
        let positions = rows.count * g.outputWidth
        withScratch(positions * patch) { patches in
          copyPatches(x, image: image, rows: rows, g, into: patches)
          BLAS.sgemm(
            transposeB: true, m: positions, n: g.outChannels, k: patch, UnsafePointer(patches),
            patch, weight.base, patch,
            out + (image * g.outputHeight + rows.lowerBound) * g.outputWidth * g.outChannels,
            g.outChannels)
        }
      }
    }
  }

  func convolution2DInputGradient(
    _ dy: NDArray, _ weight: NDArray, _ g: Convolution2DGeometry
  ) -> NDArray {
    // [KH, O, KW, I]: for each row of the kernel, a matrix from output channels to that row.
    let weight = gather(weight, StridedView(permuting: weight.shape, [2, 0, 3, 1]))
    let tapRow = g.kernelWidth * g.inChannels
    let inputRow = g.width * g.inChannels
    return make(g.inputShape) { dx in
      ThreadPool.run(g.images * g.height) { task in
        let (image, row) = (task / g.height, task % g.height)
        let target = dx + task * inputRow
        target.update(repeating: 0, count: inputRow)
        withScratch(g.outputWidth * tapRow) { taps in
          for tap in 0..<g.kernelHeight {
            // The output row that reads this input row with row `tap` of the kernel.
            let start = row + g.padding - tap
            guard start >= 0, start % g.stride == 0, start / g.stride < g.outputHeight else {
              continue
            }
            let outputRow = image * g.outputHeight + start / g.stride
            BLAS.sgemm(
              m: g.outputWidth, n: tapRow, k: g.outChannels,
              dy.base + outputRow * g.outputWidth * g.outChannels, g.outChannels,
              weight.base + tap * g.outChannels * tapRow, tapRow, taps, tapRow)
            for position in 0..<g.outputWidth {
              let columns = g.columns(ofPosition: position)
              guard !columns.isEmpty else { continue }
              let first = position * g.stride - g.padding
              let place = target + columns.lowerBound * g.inChannels
              mapVectors(
                UnsafePointer(place),
                UnsafePointer(
                  taps + position * tapRow + (columns.lowerBound - first) * g.inChannels),
                into: place, count: columns.count * g.inChannels
              ) { $0 + $1 }
            }
          }
        }
      }
    }
  }

  func convolution2DWeightGradient(
    _ x: NDArray, _ dy: NDArray, _ g: Convolution2DGeometry
  ) -> NDArray {
    let patch = g.kernelHeight * g.kernelWidth * g.inChannels
    let tasks = g.images * g.rowBlocks
    // Every part sums over its own tasks; the parts are added in order.
    let parts = min(16, tasks)
    let size = g.outChannels * patch
    let ordered = make([g.outChannels, g.kernelHeight, g.kernelWidth, g.inChannels]) { out in
      withScratch(max(1, parts) * size) { partial in
        ThreadPool.run(parts) { part in
          let own = part * tasks / parts..<(part + 1) * tasks / parts
          withScratch(g.rowsPerTask * g.outputWidth * patch) { patches in
            for task in own {
              let (image, rows) = g.rows(ofTask: task)
              copyPatches(x, image: image, rows: rows, g, into: patches)
              let first = (image * g.outputHeight + rows.lowerBound) * g.outputWidth
              BLAS.sgemm(
                transposeA: true, m: g.outChannels, n: patch, k: rows.count * g.outputWidth,
                dy.base + first * g.outChannels, g.outChannels, UnsafePointer(patches), patch,
                beta: task == own.lowerBound ? 0 : 1, partial + part * size, patch)
            }
          }
        }
        sumRows(UnsafePointer(partial), rows: parts, width: size, into: out)
      }
    }
    return gather(ordered, StridedView(permuting: ordered.shape, [0, 3, 1, 2]))
  }

  /// The patches of output `rows` of one image: [rows.count, OW, KH, KW, I].
  private func copyPatches(
    _ x: NDArray, image: Int, rows: Range<Int>, _ g: Convolution2DGeometry,
    into patches: UnsafeMutablePointer<Float>
  ) {
    let tapRow = g.kernelWidth * g.inChannels
    var target = patches
    for row in rows {
      for position in 0..<g.outputWidth {
        let columns = g.columns(ofPosition: position)
        let before = (columns.lowerBound - position * g.stride + g.padding) * g.inChannels
        let count = columns.count * g.inChannels
        for tap in 0..<g.kernelHeight {
          let inputRow = row * g.stride + tap - g.padding
          if (0..<g.height).contains(inputRow), count > 0 {
            let source = (image * g.height + inputRow) * g.width + columns.lowerBound
            target.update(repeating: 0, count: before)
            (target + before).update(from: x.base + source * g.inChannels, count: count)
            (target + before + count).update(repeating: 0, count: tapRow - before - count)
          } else {
            target.update(repeating: 0, count: tapRow)
          }
          target += tapRow
        }
      }
    }
  }
}

extension Convolution2DGeometry {
  /// Output rows whose patches are one matrix, for about 128 positions.
  fileprivate var rowsPerTask: Int { min(outputHeight, max(1, 128 / outputWidth)) }
  fileprivate var rowBlocks: Int { (outputHeight + rowsPerTask - 1) / rowsPerTask }

  fileprivate func rows(ofTask task: Int) -> (image: Int, rows: Range<Int>) {
    let start = task % rowBlocks * rowsPerTask
    return (task / rowBlocks, start..<min(outputHeight, start + rowsPerTask))
  }

  /// The columns of the image that the kernel covers at an output position.
  fileprivate func columns(ofPosition position: Int) -> Range<Int> {
    let first = position * stride - padding
    let lower = min(max(first, 0), width)
    return lower..<max(lower, min(first + kernelWidth, width))
  }
}
