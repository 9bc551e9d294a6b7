extension CPUBackend {
  /// Rows that one task normalises.
  private static let layerNormChunk = 128

  func layerNorm(
    _ x: NDArray, gain: NDArray?, offset: NDArray?, epsilon: Float
  ) -> (y: NDArray, statistics: NDArray) {
    let (width, rows) = (x.lastExtent, x.rowCount)
    let y = HostStorage(uninitialized: x.count)
    let statistics = make([2, rows]) { statistics in
      ThreadPool.run(rows, by: Self.layerNormChunk) { range in
        for row in range {
          let source = x.base + row * width
          let target = y.pointer + row * width
          let result = UnsafePointer(target)
          let mean = sumVectors(source, source, count: width) { x, _ in x } / Float(width)
          mapVectors(source, into: target, count: width) { $0 - mean }
          let variance = sumVectors(result, result, count: width) { $0 * $1 } / Float(width)
          let scale = 1 / (variance + epsilon).squareRoot()
          statistics[row] = mean
          statistics[rows + row] = scale
          if let gain {
            mapVectors(result, gain.base, into: target, count: width) { $0 * scale * $1 }
          } else {
            mapVectors(result, into: target, count: width) { $0 * scale }
          }
          if let offset {
            mapVectors(result, offset.base, into: target, count: width) { $0 + $1 }
          }
        }
      }
    }
    return (NDArray(storage: y, shape: x.shape, device: .cpu), statistics)
  }

  func layerNormGradient(
    _ x: NDArray, gain: NDArray?, statistics: NDArray, _ dy: NDArray
  ) -> (dx: NDArray, dGain: NDArray?) {
    let (width, rows) = (x.lastExtent, x.rowCount)
    let chunks = (rows + Self.layerNormChunk - 1) / Self.layerNormChunk
    var dGain: NDArray?
    let dx = make(x.shape) { dx in
      withScratch(2 * chunks * width) { scratch in
        // Each chunk has its sums for dGain and room for one normalised row.
        let normalized = scratch + chunks * width
        ThreadPool.run(rows, by: Self.layerNormChunk) { range in
          let chunk = range.lowerBound / Self.layerNormChunk * width
          let (sums, n) = (scratch + chunk, normalized + chunk)
          sums.update(repeating: 0, count: width)
          for row in range {
            let upstream = dy.base + row * width
            let target = dx + row * width
            let (mean, scale) = (statistics.base[row], statistics.base[rows + row])
            mapVectors(x.base + row * width, into: n, count: width) { ($0 - mean) * scale }
            // With g = dy·gain:  dx = scale·(g - mean(g) - n·mean(g·n)).
            if let gain {
              mapVectors(upstream, gain.base, into: target, count: width) { $0 * $1 }
            } else {
              target.update(from: upstream, count: width)
            }
            let g = UnsafePointer(target)
            let meanG = sumVectors(g, g, count: width) { g, _ in g } / Float(width)
            let meanGN = sumVectors(g, UnsafePointer(n), count: width) { $0 * $1 } / Float(width)
            mapVectors(g, UnsafePointer(n), into: target, count: width) { g, n in
              scale * (g - meanG - n * meanGN)
            }
            guard gain != nil else { continue }
            mapVectors(UnsafePointer(n), upstream, into: n, count: width) { $0 * $1 }
            mapVectors(UnsafePointer(sums), UnsafePointer(n), into: sums, count: width) { $0 + $1 }
          }
        }
        guard gain != nil else { return }
        dGain = make([width]) { out in
          sumRows(UnsafePointer(scratch), rows: chunks, width: width, into: out)
        }
      }
    }
    return (dx, dGain)
  }
}
