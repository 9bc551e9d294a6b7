import CHDF5

/// An open HDF5 file.
struct HDF5File: ~Copyable {
  let handle: HDF5Handle

  var id: hid_t { handle.id }

  /// Opens a file for reading.
  init(reading path: String) throws {
    let access = try makeAccessProperties()
    let accessID = access.id
    handle = try HDF5Handle("open the file", closedBy: H5Fclose) {
      H5Fopen(path, trajloom_H5F_ACC_RDONLY(), accessID)
    }
  }

  /// Creates a file that must not exist. The latest file format is the one whose metadata are all
  /// checksummed: with it a flipped byte is reported instead of returning wrong numbers.
  init(creating path: String) throws {
    let access = try makeAccessProperties()
    let latest = trajloom_H5F_LIBVER_LATEST()
    try HDF5.checked("choose the file format") { H5Pset_libver_bounds(access.id, latest, latest) }
    // No blocks set aside for later: every byte of the file belongs to something checksummed.
    try HDF5.checked("choose the file layout") { H5Pset_meta_block_size(access.id, 0) }
    try HDF5.checked("choose the file layout") { H5Pset_small_data_block_size(access.id, 0) }
    // No times in the root group: the same clips are the same bytes, whenever they are written.
    let creation = try HDF5Handle("create file properties", closedBy: H5Pclose) {
      H5Pcreate(trajloom_H5P_FILE_CREATE())
    }
    let (accessID, creationID) = (access.id, creation.id)
    try HDF5.checked("leave out times") { H5Pset_obj_track_times(creationID, false) }
    handle = try HDF5Handle("create the file", closedBy: H5Fclose) {
      H5Fcreate(path, trajloom_H5F_ACC_EXCL(), creationID, accessID)
    }
  }

  /// Writes everything out and closes the file.
  consuming func close() throws {
    let id = handle.id
    try HDF5.checked("flush the file") { H5Fflush(id, H5F_SCOPE_GLOBAL) }
    try handle.close("close the file")
  }

  /// What a name in the root group leads to.
  enum Link: Equatable {
    case none
    /// An object of this file.
    case hard
    /// A path in this file, which may lead nowhere or in a circle.
    case soft
    /// An object of another file.
    case external
  }

  func link(_ name: String) throws -> Link {
    let id = id
    let operation = "look up '\(name)'"
    guard try HDF5.checked(operation, { H5Lexists(id, name, trajloom_H5P_DEFAULT()) }) > 0 else {
      return .none
    }
    var type = H5L_TYPE_HARD
    try HDF5.checked(operation) { trajloom_link_type(id, name, &type) }
    switch type {
    case H5L_TYPE_HARD: return .hard
    case H5L_TYPE_SOFT: return .soft
    default: return .external
    }
  }
}

extension HDF5File {
  /// Whether a path leads to a group, and not to a dataset or a type.
  func isGroup(_ path: String) throws -> Bool {
    let id = id
    let object = try HDF5Handle("open '\(path)'", closedBy: H5Oclose) {
      H5Oopen(id, path, trajloom_H5P_DEFAULT())
    }
    let objectID = object.id
    return HDF5.serialized { H5Iget_type(objectID) } == H5I_GROUP
  }

  /// The names of the links in a group, ascending.
  func names(in group: String) throws -> [String] {
    final class Names { var all: [String] = [] }
    let names = Names()
    let id = id
    try withExtendedLifetime(names) {
      _ = try HDF5.checked("list '\(group)'") {
        trajloom_visit_names(
          id, group, Unmanaged.passUnretained(names).toOpaque()
        ) { name, client in
          guard let name, let client else { return 0 }
          Unmanaged<Names>.fromOpaque(client).takeUnretainedValue().all.append(
            String(cString: name))
          return 0
        }
      }
    }
    return names.all
  }
}

/// The library's own file locks stay off: a child process that is just being started would keep one
/// for a while, and network file systems often have none. Writers lock their folder instead.
private func makeAccessProperties() throws -> HDF5Handle {
  let access = try HDF5Handle("create file properties", closedBy: H5Pclose) {
    H5Pcreate(trajloom_H5P_FILE_ACCESS())
  }
  let id = access.id
  try HDF5.checked("choose the file locking") { H5Pset_file_locking(id, false, true) }
  return access
}

/// What a root attribute holds.
enum HDF5AttributeValue: Equatable, Sendable, CustomStringConvertible {
  case integer(Int)
  case number(Double)
  case text(String)

  var description: String {
    switch self {
    case .integer(let value): "\(value)"
    case .number(let value): "\(value)"
    case .text(let value): "'\(value)'"
    }
  }
}

extension HDF5File {
  func write(_ value: HDF5AttributeValue, attribute name: String) throws {
    let space = try makeSpace([])
    let operation = "write the attribute '\(name)'"
    func write(_ type: hid_t, memory: hid_t, _ bytes: UnsafeRawPointer) throws {
      let (file, spaceID) = (id, space.id)
      let attribute = try HDF5Handle(operation, closedBy: H5Aclose) {
        H5Acreate2(file, name, type, spaceID, trajloom_H5P_DEFAULT(), trajloom_H5P_DEFAULT())
      }
      let attributeID = attribute.id
      try HDF5.checked(operation) { H5Awrite(attributeID, memory, bytes) }
    }
    switch value {
    case .integer(var integer):
      try write(trajloom_H5T_STD_I64LE(), memory: trajloom_H5T_NATIVE_INT64(), &integer)
    case .number(var number):
      try write(trajloom_H5T_IEEE_F64LE(), memory: trajloom_H5T_NATIVE_DOUBLE(), &number)
    case .text(let text):
      let bytes = Array(text.utf8)
      let type = try makeStringType(size: bytes.count)
      try write(type.id, memory: type.id, bytes.isEmpty ? [0] : bytes)
    }
  }

  /// A scalar root attribute, or nil when there is none of that name.
  func attribute(_ name: String) throws -> HDF5AttributeValue? {
    let operation = "read the attribute '\(name)'"
    let file = id
    guard try HDF5.checked(operation, { H5Aexists(file, name) }) > 0 else { return nil }
    let attribute = try HDF5Handle(operation, closedBy: H5Aclose) {
      H5Aopen(file, name, trajloom_H5P_DEFAULT())
    }
    let attributeID = attribute.id
    let space = try HDF5Handle(operation, closedBy: H5Sclose) { H5Aget_space(attributeID) }
    let spaceID = space.id
    let points = try HDF5.checked(operation) { H5Sget_simple_extent_npoints(spaceID) }
    guard points == 1 else {
      throw HDF5Failure(operation: operation, reason: "\(points) values instead of one")
    }
    let type = try HDF5Handle(operation, closedBy: H5Tclose) { H5Aget_type(attributeID) }
    let typeID = type.id
    switch HDF5.serialized({ H5Tget_class(typeID) }) {
    case H5T_INTEGER:
      var integer: Int64 = 0
      try HDF5.checked(operation) { H5Aread(attributeID, trajloom_H5T_NATIVE_INT64(), &integer) }
      return .integer(Int(integer))
    case H5T_FLOAT:
      var number: Double = 0
      try HDF5.checked(operation) { H5Aread(attributeID, trajloom_H5T_NATIVE_DOUBLE(), &number) }
      return .number(number)
    case H5T_STRING:
      let texts = try readStrings(operation, type: typeID, space: spaceID, count: 1) {
        memory, bytes in
        H5Aread(attributeID, memory, bytes)
      }
      return .text(texts[0])
    default:
      throw HDF5Failure(operation: operation, reason: "neither a number nor a string")
    }
  }
}
