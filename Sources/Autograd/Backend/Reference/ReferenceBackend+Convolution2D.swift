extension ReferenceBackend {
  func convolution2D(
    _ x: NDArray, _ weight: NDArray, _ g: Convolution2DGeometry
  ) -> NDArray {
    let (values, weights) = (x.doubles, weight.doubles)
    var y = [Double](repeating: 0, count: g.outputShape.product)
    forEachConnection(g) { input, output, weight in y[output] += values[input] * weights[weight] }
    return make(y, g.outputShape)
  }

  func convolution2DInputGradient(
    _ dy: NDArray, _ weight: NDArray, _ g: Convolution2DGeometry
  ) -> NDArray {
    let (upstream, weights) = (dy.doubles, weight.doubles)
    var dx = [Double](repeating: 0, count: g.inputShape.product)
    forEachConnection(g) { input, output, weight in
      dx[input] += upstream[output] * weights[weight]
    }
    return make(dx, g.inputShape)
  }

  func convolution2DWeightGradient(
    _ x: NDArray, _ dy: NDArray, _ g: Convolution2DGeometry
  ) -> NDArray {
    let (values, upstream) = (x.doubles, dy.doubles)
    var dw = [Double](repeating: 0, count: g.weightShape.product)
    forEachConnection(g) { input, output, weight in dw[weight] += values[input] * upstream[output] }
    return make(dw, g.weightShape)
  }

  /// Every (input element, output element, weight element) that the convolution multiplies.
  private func forEachConnection(_ g: Convolution2DGeometry, _ body: (Int, Int, Int) -> Void) {
    for image in 0..<g.images {
      for i in 0..<g.outputHeight {
        for j in 0..<g.outputWidth {
          for p in 0..<g.kernelHeight {
            for q in 0..<g.kernelWidth {
              let (row, column) = (i * g.stride + p - g.padding, j * g.stride + q - g.padding)
              guard (0..<g.height).contains(row), (0..<g.width).contains(column) else { continue }
              let input = ((image * g.height + row) * g.width + column) * g.inChannels
              let output = ((image * g.outputHeight + i) * g.outputWidth + j) * g.outChannels
              for o in 0..<g.outChannels {
                for c in 0..<g.inChannels {
                  let weight = ((o * g.inChannels + c) * g.kernelHeight + p) * g.kernelWidth + q
                  body(input + c, output + o, weight)
                }
              }
            }
          }
        }
      }
    }
  }
}
