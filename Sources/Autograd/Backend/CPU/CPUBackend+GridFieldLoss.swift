// The loss of a grid field and its gradient in one pass that stores neither the residuals nor, where
// the field is a linear layer's result, the field.

extension CPUBackend {
  func gridFieldLoss(
    _ field: GridField, target: NDArray, ramp: NDArray, mask: NDArray, _ loss: GridFieldLoss,
    wantsGradient: Bool
  ) -> (terms: NDArray, gradient: GridFieldGradient?) {
    switch loss.cost {
    case .l1: run(L1.self, field, target, ramp, mask, loss, wantsGradient)
    case .sq: run(Squared.self, field, target, ramp, mask, loss, wantsGradient)
    case .huber: run(HuberCost.self, field, target, ramp, mask, loss, wantsGradient)
    case .l2: run(Euclidean.self, field, target, ramp, mask, loss, wantsGradient)
    }
  }

  @inline(__always)
  private func run<Cost: PairFunction>(
    _ cost: Cost.Type, _ field: GridField, _ target: NDArray, _ ramp: NDArray, _ mask: NDArray,
    _ loss: GridFieldLoss, _ wantsGradient: Bool
  ) -> (terms: NDArray, gradient: GridFieldGradient?) {
    let weights = FieldWeights(mask, loss)
    switch (loss.hopUnit, field) {
    case (.cell, _):
      let pass = CellFieldPass<Cost>(field, target, ramp, mask, loss, weights)
      let (sums, gradient) = pass.run(wantsGradient: wantsGradient)
      return (terms(sums, weights), gradient)
    case (.pixel, .values(let prediction)):
      let (sums, gradient) = dense(
        cost, prediction, target, ramp, mask, loss, weights, wantsGradient)
      return (terms(sums, weights), gradient.map { .values($0) })
    case (.pixel, .linear(let tokens, let layer)):
      let (sums, gradient) = dense(
        cost, linear(tokens, layer.weight, layer.bias), target, ramp, mask, loss, weights,
        wantsGradient)
      return (
        terms(sums, weights),
        gradient.map { gradient in
          let (dTokens, dWeight, dBias) = linearGradient(
            tokens, layer.weight, gradient, wantsX: true)
          return .linear(dTokens: dTokens!, LinearArrays(weight: dWeight, bias: dBias))
        }
      )
    }
  }

  /// The numerators of the three terms, per sample, over their denominators: [3, B].
  private func terms(_ sums: [SIMD4<Double>], _ weights: FieldWeights) -> NDArray {
    make([3, sums.count]) { terms in
      for (sample, sum) in sums.enumerated() {
        for term in 0..<3 {
          terms[term * sums.count + sample] = Float(sum[term] / weights.denominators[sample][term])
        }
      }
    }
  }

  @inline(__always)
  private func dense<Cost: PairFunction>(
    _ cost: Cost.Type, _ prediction: NDArray, _ target: NDArray, _ ramp: NDArray, _ mask: NDArray,
    _ loss: GridFieldLoss, _ weights: FieldWeights, _ wantsGradient: Bool
  ) -> (sums: [SIMD4<Double>], gradient: NDArray?) {
    let (batch, frames) = (mask.shape[0], mask.shape[1])
    let framesPerTask = 8
    let tasksPerSample = (frames + framesPerTask - 1) / framesPerTask
    var sums = [SIMD4<Double>](repeating: .zero, count: batch * tasksPerSample)
    let gradient = wantsGradient ? HostStorage(uninitialized: prediction.count) : nil
    sums.withUnsafeMutableBufferPointer { sums in
      let sums = sums.baseAddress!
      ThreadPool.run(batch * tasksPerSample) { task in
        let (sample, chunk) = (task / tasksPerSample, task % tasksPerSample)
        DenseFieldPass<Cost>.withFrames(
          prediction, target, ramp, mask, loss, sample: sample,
          scales: weights.gradientScales(sample)
        ) { frames in
          sums[task] = frames.accumulate(
            chunk * framesPerTask..<min(frames.count, (chunk + 1) * framesPerTask),
            gradient: gradient?.pointer)
        }
      }
    }
    return (
      (0..<batch).map { sample in
        sums[sample * tasksPerSample..<(sample + 1) * tasksPerSample].reduce(.zero, +)
      }, gradient.map { NDArray(storage: $0, shape: prediction.shape, device: .cpu) }
    )
  }
}
