import Foundation

/// The element types of safetensors that take whole bytes.
public enum SafetensorsType: String, CaseIterable, Sendable {
  case bool = "BOOL"
  case u8 = "U8"
  case i8 = "I8"
  case f8e4m3 = "F8_E4M3"
  case f8e5m2 = "F8_E5M2"
  case i16 = "I16"
  case u16 = "U16"
  case f16 = "F16"
  case bf16 = "BF16"
  case i32 = "I32"
  case u32 = "U32"
  case f32 = "F32"
  case i64 = "I64"
  case u64 = "U64"
  case f64 = "F64"

  /// Bytes.
  var size: Int {
    switch self {
    case .bool, .u8, .i8, .f8e4m3, .f8e5m2: 1
    case .i16, .u16, .f16, .bf16: 2
    case .i32, .u32, .f32: 4
    case .i64, .u64, .f64: 8
    }
  }
}

extension SafetensorsType {
  /// Little-endian elements as `Double`; nil for the 8-bit floats.
  func doubles(_ bytes: Data) -> [Double]? {
    switch self {
    case .bool, .u8: elements(bytes, UInt8.self) { Double($0) }
    case .i8: elements(bytes, Int8.self) { Double($0) }
    case .i16: elements(bytes, Int16.self) { Double($0) }
    case .u16: elements(bytes, UInt16.self) { Double($0) }
    case .i32: elements(bytes, Int32.self) { Double($0) }
    case .u32: elements(bytes, UInt32.self) { Double($0) }
    case .i64: elements(bytes, Int64.self) { Double($0) }
    case .u64: elements(bytes, UInt64.self) { Double($0) }
    case .f64: elements(bytes, UInt64.self) { Double(bitPattern: $0) }
    case .f32, .f16, .bf16: floats(bytes)?.map { Double($0) }
    case .f8e4m3, .f8e5m2: nil
    }
  }

  /// The same as `Float`, rounded where need be.
  func floats(_ bytes: Data) -> [Float]? {
    switch self {
    case .f32:
      [Float](unsafeUninitializedCapacity: bytes.count / 4) { buffer, count in
        bytes.copyBytes(to: UnsafeMutableRawBufferPointer(buffer))
        count = bytes.count / 4
      }
    case .f16: elements(bytes, UInt16.self) { float(half: $0) }
    case .bf16: elements(bytes, UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
    default: doubles(bytes)?.map { Float($0) }
    }
  }

  private func elements<T: FixedWidthInteger, R>(
    _ bytes: Data, _ type: T.Type, _ convert: (T) -> R
  ) -> [R] {
    bytes.withUnsafeBytes { raw in
      stride(from: 0, to: raw.count, by: MemoryLayout<T>.size).map {
        convert(T(littleEndian: raw.loadUnaligned(fromByteOffset: $0, as: T.self)))
      }
    }
  }
}

/// IEEE binary16 as `Float`, exactly.
package func float(half bits: UInt16) -> Float {
  let sign: Float = bits & 0x8000 == 0 ? 1 : -1
  let exponent = Int(bits >> 10 & 0x1F)
  let fraction = Float(bits & 0x3FF) / 1024
  switch exponent {
  case 0: return sign * fraction * 0x1p-14
  case 31: return fraction == 0 ? sign * .infinity : .nan
  default:
    return sign * (1 + fraction) * Float(sign: .plus, exponent: exponent - 15, significand: 1)
  }
}
