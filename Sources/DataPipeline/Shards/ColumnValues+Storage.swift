extension ColumnValues {
  /// The elements as the file stores them.
  /// - Precondition: the case fits the type (the writer has checked it).
  func withStoredBytes<R>(
    as type: HDF5ElementType, _ body: (UnsafeRawBufferPointer) throws -> R
  ) rethrows -> R {
    switch (self, type) {
    case (.floats(let values), .float32): return try values.withUnsafeBytes(body)
    case (.floats(let values), .float16):
      return try values.map { Float16($0).bitPattern.littleEndian }.withUnsafeBytes(body)
    case (.bytes(let values), .uint8): return try values.withUnsafeBytes(body)
    case (.integers(let values), .int32): return try values.withUnsafeBytes(body)
    default: preconditionFailure("values of another type than \(type)")
    }
  }

  /// `count` elements that `fill` reads from the file: all of them, or it throws.
  init(
    readAs type: HDF5ElementType, count: Int,
    _ fill: (UnsafeMutableRawBufferPointer) throws -> Void
  ) throws {
    func elements<T: BitwiseCopyable>(_ type: T.Type) throws -> [T] {
      try [T](unsafeUninitializedCapacity: count) { buffer, initialized in
        let bytes = count * MemoryLayout<T>.size
        try fill(UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: bytes))
        initialized = count
      }
    }
    switch type {
    case .float32: self = .floats(try elements(Float.self))
    case .float16:
      self = .floats(
        try elements(UInt16.self).map { Float(Float16(bitPattern: UInt16(littleEndian: $0))) })
    case .uint8: self = .bytes(try elements(UInt8.self))
    case .int32: self = .integers(try elements(Int32.self))
    }
  }
}
