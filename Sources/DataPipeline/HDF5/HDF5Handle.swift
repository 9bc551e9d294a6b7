import CHDF5

/// An open object of the HDF5 library, closed exactly once: when the value goes out of scope, or by
/// `close()` where the outcome of closing matters.
struct HDF5Handle: ~Copyable {
  let id: hid_t
  private let release: @convention(c) (hid_t) -> herr_t

  /// Adopts what `open` returns.
  /// - Throws: `HDF5Failure` when that is no valid identifier.
  init(
    _ operation: String, closedBy release: @convention(c) (hid_t) -> herr_t, _ open: () -> hid_t
  ) throws {
    id = try HDF5.checked(operation, open)
    self.release = release
  }

  deinit {
    let (id, release) = (id, release)
    HDF5.serialized { _ = release(id) }
  }

  /// Closes now and reports what the library says: a file writes its last bytes here.
  consuming func close(_ operation: String) throws {
    let (id, release) = (id, release)
    discard self
    try HDF5.checked(operation) { release(id) }
  }
}

/// The element types of shards, as they lie in the file.
enum HDF5ElementType: Sendable, Equatable, CustomStringConvertible {
  case float32
  case float16
  case uint8
  case int32

  var description: String {
    switch self {
    case .float32: "f32"
    case .float16: "f16"
    case .uint8: "u8"
    case .int32: "i32"
    }
  }

  var size: Int {
    switch self {
    case .float32, .int32: 4
    case .float16: 2
    case .uint8: 1
    }
  }

  /// The little-endian type that the file stores, and that memory holds as well.
  func makeType() throws -> HDF5Handle {
    try HDF5Handle("create type \(self)", closedBy: H5Tclose) {
      switch self {
      case .float32: return H5Tcopy(trajloom_H5T_IEEE_F32LE())
      case .uint8: return H5Tcopy(trajloom_H5T_STD_U8LE())
      case .int32: return H5Tcopy(trajloom_H5T_STD_I32LE())
      case .float16:
        // IEEE binary16: sign in bit 15, 5 bits of exponent with bias 15, 10 bits of fraction.
        let type = H5Tcopy(trajloom_H5T_IEEE_F32LE())
        guard type >= 0, H5Tset_fields(type, 15, 10, 5, 0, 10) >= 0, H5Tset_size(type, 2) >= 0,
          H5Tset_ebias(type, 15) >= 0
        else { return -1 }
        return type
      }
    }
  }
}

/// A UTF-8 string type of `size` bytes, padded with zeros. Fixed-size strings lie inside the
/// checksummed chunks; variable ones would lie in a heap without checksums.
func makeStringType(size: Int) throws -> HDF5Handle {
  try HDF5Handle("create a string type", closedBy: H5Tclose) {
    let type = H5Tcopy(trajloom_H5T_C_S1())
    guard type >= 0, H5Tset_size(type, max(1, size)) >= 0, H5Tset_cset(type, H5T_CSET_UTF8) >= 0,
      H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0
    else { return -1 }
    return type
  }
}

/// A dataspace of the given extents, able to grow to `maximum`.
func makeSpace(_ extents: [Int], maximum: [Int]? = nil) throws -> HDF5Handle {
  let sizes = extents.map { hsize_t($0) }
  let limits = (maximum ?? extents).map { hsize_t($0) }
  return try HDF5Handle("create a dataspace", closedBy: H5Sclose) {
    sizes.isEmpty ? H5Screate(H5S_SCALAR) : H5Screate_simple(Int32(sizes.count), sizes, limits)
  }
}
