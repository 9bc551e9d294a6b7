/// A block of host memory from the pool, 64-byte aligned, given back when the last array lets go of
/// it.
///
/// `@unchecked Sendable`: the elements are written by the backend that allocated the block before
/// any array refers to it, or in place while exactly one array does (`NDArray.makeUnique`); after
/// that they are only read.
final class HostStorage: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Float>
  let count: Int

  /// Uninitialised room for `count` elements.
  init(uninitialized count: Int) {
    self.count = count
    pointer = MemoryPool.shared.allocate(count)
  }

  convenience init(copying scalars: [Float]) {
    self.init(uninitialized: scalars.count)
    scalars.withUnsafeBufferPointer { source in
      if let base = source.baseAddress { pointer.update(from: base, count: source.count) }
    }
  }

  /// Room for `count` elements that `fill` appends one after the other.
  /// - Precondition: `fill` appends exactly `count`.
  convenience init(
    _ count: Int, initializedWith fill: (inout OutputSpan<Float>) throws -> Void
  ) rethrows {
    self.init(uninitialized: count)
    let room = UnsafeMutableBufferPointer(start: pointer, count: count)
    var output = OutputSpan(buffer: room, initializedCount: 0)
    try fill(&output)
    let written = output.finalize(for: room)
    precondition(written == count, "NDArray: \(written) elements written where \(count) belong")
  }

  deinit { MemoryPool.shared.deallocate(pointer, count) }

  func copyOut(count: Int) -> [Float] {
    [Float](UnsafeBufferPointer(start: pointer, count: count))
  }
}

extension NDArray {
  /// Gives this array storage of its own, copying when another array shares it, so that a backend
  /// may then write in place.
  mutating func makeUnique() {
    guard !isKnownUniquelyReferenced(&storage) else { return }
    let copy = HostStorage(uninitialized: count)
    copy.pointer.update(from: storage.pointer, count: count)
    storage = copy
  }
}

/// Lends `count` uninitialised floats from the pool for the duration of `body`.
func withScratch<Result>(
  _ count: Int, _ body: (UnsafeMutablePointer<Float>) throws -> Result
) rethrows -> Result {
  let pointer = MemoryPool.shared.allocate(count)
  defer { MemoryPool.shared.deallocate(pointer, count) }
  return try body(pointer)
}
