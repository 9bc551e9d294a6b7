/// An n-dimensional array of `Float`: immutable, contiguous, row-major (the last index varies
/// fastest).
///
/// A value type over shared storage: copying costs nothing, and an array that is shared is never
/// changed under its other owners (the backend writes in place only into storage it owns alone).
/// `Sendable`, so that a loader can hand arrays to a trainer on another thread.
public struct NDArray: Sendable {
  /// The extent of each axis; empty for a scalar.
  public let shape: [Int]
  /// Where the elements live and which backend computes with them.
  public let device: Device
  var storage: HostStorage

  /// The number of elements: the product of `shape`, 1 for a scalar.
  public var count: Int { shape.product }
  public var rank: Int { shape.count }

  /// Wraps storage that a backend has just filled.
  init(storage: HostStorage, shape: [Int], device: Device) {
    precondition(storage.count >= shape.product, "storage of \(storage.count) for shape \(shape)")
    self.storage = storage
    self.shape = shape
    self.device = device
  }

  /// An array of the given elements.
  /// - Precondition: `scalars.count` is the product of `shape`.
  public init(_ scalars: [Float], shape: [Int], device: Device = .cpu) {
    precondition(
      scalars.count == shape.product, "NDArray: \(scalars.count) scalars for shape \(shape)")
    self.init(storage: HostStorage(copying: scalars), shape: shape, device: device)
  }

  /// An array whose elements `fill` appends in row-major order, straight into its storage.
  /// - Precondition: `fill` appends as many elements as `shape` holds.
  /// - Throws: what `fill` throws.
  public init(
    shape: [Int], device: Device = .cpu,
    initializedWith fill: (inout OutputSpan<Float>) throws -> Void
  ) rethrows {
    self.init(
      storage: try HostStorage(shape.product, initializedWith: fill), shape: shape, device: device)
  }

  /// A scalar, shape `[]`.
  public init(_ scalar: Float, device: Device = .cpu) {
    self.init([scalar], shape: [], device: device)
  }

  /// An array whose every element is `value`.
  public init(repeating value: Float, shape: [Int], device: Device = .cpu) {
    self = device.backend.fill(value, shape: shape)
  }

  /// All elements equal to zero.
  public static func zeros(_ shape: [Int], device: Device = .cpu) -> NDArray {
    NDArray(repeating: 0, shape: shape, device: device)
  }

  /// The elements in row-major order, copied out.
  public var scalars: [Float] { storage.copyOut(count: count) }

  /// The only element.
  /// - Precondition: `count == 1`.
  public var item: Float {
    precondition(count == 1, "item: shape \(shape) holds \(count) elements, not one")
    return storage.copyOut(count: 1)[0]
  }

  /// The same elements under another shape; the storage is shared.
  /// - Precondition: the number of elements is the same.
  public func reshaped(_ newShape: [Int]) -> NDArray {
    precondition(newShape.product == count, "reshape: \(shape) to \(newShape)")
    return NDArray(storage: storage, shape: newShape, device: device)
  }

  /// The same elements on another device. Both present devices compute in host memory, so the
  /// storage is shared.
  public func on(_ device: Device) -> NDArray {
    NDArray(storage: storage, shape: shape, device: device)
  }
}

extension NDArray: CustomStringConvertible {
  public var description: String {
    let shown = storage.copyOut(count: min(count, 6)).map { "\($0)" }.joined(separator: ", ")
    return "NDArray\(shape)[\(shown)\(count > 6 ? ", ..." : "")]"
  }
}

extension Collection where Element == Int {
  /// The product of all extents, 1 for an empty shape.
  package var product: Int { reduce(1, *) }
}
