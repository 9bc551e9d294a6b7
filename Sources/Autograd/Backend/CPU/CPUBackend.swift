/// The fast backend: OpenBLAS for products, Swift vector kernels for the rest, spread over one
/// thread pool. The kernels stand in extensions, one file per family.
struct CPUBackend: Backend {
  /// Elements per piece of an elementwise kernel: 64 KiB per operand.
  static let elementChunk = 16_384

  func make(_ shape: [Int], _ fill: (UnsafeMutablePointer<Float>) -> Void) -> NDArray {
    let storage = HostStorage(uninitialized: shape.product)
    fill(storage.pointer)
    return NDArray(storage: storage, shape: shape, device: .cpu)
  }
}

extension NDArray {
  /// The elements, to read. Valid while the array is alive.
  var base: UnsafePointer<Float> { UnsafePointer(storage.pointer) }

  /// The extent of the last axis.
  var lastExtent: Int { shape.last ?? 1 }

  /// How many rows there are when all axes but the last are flattened.
  var rowCount: Int { shape.dropLast().reduce(1, *) }
}
