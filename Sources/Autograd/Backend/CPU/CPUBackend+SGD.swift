extension CPUBackend {
  func sgd(
    _ parameter: inout NDArray, _ velocity: inout NDArray?, gradient: NDArray, _ step: SGD.Step
  ) {
    parameter.makeUnique()
    velocity?.makeUnique()
    let p = parameter.storage.pointer
    let v = velocity?.storage.pointer
    let rate = Float(step.learningRate)
    let momentum = Float(step.momentum)
    let decay = Float(step.weightDecay)
    ThreadPool.run(gradient.count, by: Self.elementChunk) { range in
      let (start, count) = (range.lowerBound, range.count)
      let own = p + start
      withScratch(count) { g in
        mapVectors(gradient.base + start, UnsafePointer(own), into: g, count: count) {
          $0 + decay * $1
        }
        if let v {
          let velocity = v + start
          mapVectors(UnsafePointer(velocity), UnsafePointer(g), into: velocity, count: count) {
            momentum * $0 + $1
          }
          if step.nesterov {
            mapVectors(UnsafePointer(g), UnsafePointer(velocity), into: g, count: count) {
              $0 + momentum * $1
            }
          } else {
            g.update(from: velocity, count: count)
          }
        }
        mapVectors(UnsafePointer(own), UnsafePointer(g), into: own, count: count) {
          $0 - rate * $1
        }
      }
    }
  }
}
