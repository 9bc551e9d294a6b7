/// Arrays that every part sums on its own.
struct PartialSums {
  private let storage: HostStorage
  private let sizes: [Int]
  private let parts: Int

  /// - Parameter sizes: the elements of each array.
  init(parts: Int, _ sizes: [Int]) {
    storage = HostStorage(uninitialized: parts * sizes.reduce(0, +))
    self.sizes = sizes
    self.parts = parts
  }

  subscript(part: Int, array: Int) -> UnsafeMutablePointer<Float> {
    storage.pointer + parts * sizes[..<array].reduce(0, +) + part * sizes[array]
  }

  /// The sum over the parts, in their order.
  func total(_ array: Int, shape: [Int]) -> NDArray {
    let size = sizes[array]
    return CPUBackend().make(shape) { out in
      ThreadPool.run(size, by: CPUBackend.elementChunk) { range in
        let start = range.lowerBound
        (out + start).update(from: self[0, array] + start, count: range.count)
        for part in 1..<parts {
          mapVectors(
            UnsafePointer(out + start), UnsafePointer(self[part, array] + start),
            into: out + start, count: range.count
          ) { $0 + $1 }
        }
      }
    }
  }
}
