import CHDF5

/// An open dataset whose first axis counts the rows (clips) of a file.
struct HDF5Dataset: ~Copyable {
  let handle: HDF5Handle
  let name: String

  private var id: hid_t { handle.id }

  init(opening name: String, in file: borrowing HDF5File) throws {
    let fileID = file.id
    handle = try HDF5Handle("open the dataset '\(name)'", closedBy: H5Dclose) {
      H5Dopen2(fileID, name, trajloom_H5P_DEFAULT())
    }
    self.name = name
  }

  /// An empty dataset of rows of `shape` that grows to at most `capacity` rows: one chunk per row,
  /// shuffled, deflated and checksummed (Fletcher-32).
  init(
    creating name: String, type: borrowing HDF5Handle, shape: [Int], capacity: Int,
    in file: borrowing HDF5File
  ) throws {
    let operation = "create the dataset '\(name)'"
    let properties = try HDF5Handle(operation, closedBy: H5Pclose) {
      H5Pcreate(trajloom_H5P_DATASET_CREATE())
    }
    let chunk = ([1] + shape).map { hsize_t($0) }
    // In this order: the checksum covers the bytes that lie on the disk.
    try HDF5.checked(operation) { H5Pset_chunk(properties.id, Int32(chunk.count), chunk) }
    try HDF5.checked(operation) { H5Pset_shuffle(properties.id) }
    try HDF5.checked(operation) { H5Pset_deflate(properties.id, UInt32(ChunkCodec.level)) }
    try HDF5.checked(operation) { H5Pset_fletcher32(properties.id) }
    // No time stamps: equal data make equal files.
    try HDF5.checked(operation) { H5Pset_obj_track_times(properties.id, false) }
    let space = try makeSpace([0] + shape, maximum: [capacity] + shape)
    let (fileID, typeID, spaceID, propertiesID) = (file.id, type.id, space.id, properties.id)
    handle = try HDF5Handle(operation, closedBy: H5Dclose) {
      H5Dcreate2(
        fileID, name, typeID, spaceID, trajloom_H5P_DEFAULT(), propertiesID,
        trajloom_H5P_DEFAULT())
    }
    self.name = name
  }

  /// All extents, rows first.
  func extents() throws -> [Int] {
    let operation = "read the shape of '\(name)'"
    let id = id
    let space = try HDF5Handle(operation, closedBy: H5Sclose) { H5Dget_space(id) }
    let rank = try HDF5.checked(operation) { H5Sget_simple_extent_ndims(space.id) }
    var sizes = [hsize_t](repeating: 0, count: Int(rank))
    try HDF5.checked(operation) { H5Sget_simple_extent_dims(space.id, &sizes, nil) }
    return sizes.map { Int(clamping: $0) }
  }

  /// How the elements lie in the file.
  enum Layout: Equatable, CustomStringConvertible {
    /// Chunks of these extents, passed through filters of these numbers in this order.
    case chunked([Int], filters: [Int])
    case contiguous
    case compact
    /// A view of datasets that may lie in other files.
    case virtual
    /// The elements lie in other files.
    case external

    var description: String {
      switch self {
      case .chunked(let extents, let filters): "chunks of \(extents) with filters \(filters)"
      case .contiguous: "one block without filters"
      case .compact: "the dataset's header"
      case .virtual: "a view of other datasets"
      case .external: "another file"
      }
    }
  }

  /// The numbers of the filters that rows pass through: shuffle, deflate, Fletcher-32.
  static let filters = [
    Int(H5Z_FILTER_SHUFFLE), Int(H5Z_FILTER_DEFLATE), Int(trajloom_H5Z_FILTER_FLETCHER32()),
  ]

  func layout() throws -> Layout {
    try withCreationProperties { properties, operation in
      switch H5Pget_layout(properties) {
      case H5D_CHUNKED: break
      case H5D_COMPACT: return .compact
      case H5D_CONTIGUOUS: return H5Pget_external_count(properties) > 0 ? .external : .contiguous
      default: return .virtual
      }
      var sizes = [hsize_t](repeating: 0, count: 32)
      let rank = try HDF5.checked(operation) { H5Pget_chunk(properties, 32, &sizes) }
      let count = try HDF5.checked(operation) { H5Pget_nfilters(properties) }
      let filters = try (0..<UInt32(count)).map { index in
        var (flags, config, valueCount): (UInt32, UInt32, Int) = (0, 0, 0)
        return Int(
          try HDF5.checked(operation) {
            H5Pget_filter2(properties, index, &flags, &valueCount, nil, 0, nil, &config)
          })
      }
      return .chunked(sizes.prefix(Int(rank)).map { Int(clamping: $0) }, filters: filters)
    }
  }

  /// Whether the file stores exactly this type.
  func stores(_ type: HDF5ElementType) throws -> Bool {
    let expected = try type.makeType()
    return try withType { found in
      try HDF5.checked("compare the type of '\(name)'") { H5Tequal(found, expected.id) } > 0
    }
  }

  func storesStrings() throws -> Bool {
    try withType { type in HDF5.serialized { H5Tget_class(type) == H5T_STRING } }
  }

  /// Every row of a dataset of strings, shape [rows].
  func strings() throws -> [String] {
    let operation = "read the dataset '\(name)'"
    let (id, count) = (id, try extents()[0])
    let space = try HDF5Handle(operation, closedBy: H5Sclose) { H5Dget_space(id) }
    return try withType { type in
      try readStrings(operation, type: type, space: space.id, count: count) { memory, bytes in
        let all = trajloom_H5S_ALL()
        return H5Dread(id, memory, all, all, trajloom_H5P_DEFAULT(), bytes)
      }
    }
  }

  /// Where the stored bytes of a row's chunk lie in the file; nil when nothing was ever written.
  /// `skippedFilters` has bit i set for the i-th filter that the chunk did not pass through.
  func storedChunk(row: Int, rank: Int) throws -> (
    offset: UInt64, size: UInt64, skippedFilters: UInt32
  )? {
    let id = id
    let origin = [hsize_t(row)] + [hsize_t](repeating: 0, count: rank - 1)
    var mask: UInt32 = 0
    var address: haddr_t = 0
    var size: hsize_t = 0
    try HDF5.checked("locate row \(row) of '\(name)'") {
      H5Dget_chunk_info_by_coord(id, origin, &mask, &address, &size)
    }
    return size == 0 ? nil : (UInt64(address), UInt64(size), mask)
  }

  /// Grows the dataset to hold `row` and writes its chunk, which has been through the filters.
  func writeChunk(_ chunk: [UInt8], row: Int, shape: [Int]) throws {
    try grow(toHold: row)
    let id = id
    let origin = [hsize_t(row)] + shape.map { _ in 0 }
    try HDF5.checked("write the dataset '\(name)'") {
      H5Dwrite_chunk(id, trajloom_H5P_DEFAULT(), 0, origin, chunk.count, chunk)
    }
  }

  /// Grows the dataset to hold `row` and writes it.
  func writeRow(_ row: Int, type: borrowing HDF5Handle, bytes: UnsafeRawBufferPointer) throws {
    try grow(toHold: row)
    let (id, typeID) = (id, type.id)
    try withRow(row) { memory, file in
      try HDF5.checked("write the dataset '\(name)'") {
        H5Dwrite(id, typeID, memory, file, trajloom_H5P_DEFAULT(), bytes.baseAddress)
      }
    }
  }

  private func grow(toHold row: Int) throws {
    var sizes = try extents()
    guard sizes[0] <= row else { return }
    sizes[0] = row + 1
    let id = id
    try HDF5.checked("grow the dataset '\(name)'") { H5Dset_extent(id, sizes.map { hsize_t($0) }) }
  }

  /// Calls `body` with the dataspaces of one row: in memory, and selected in the file.
  private func withRow(_ row: Int, _ body: (_ memory: hid_t, _ file: hid_t) throws -> Void) throws {
    let operation = "select row \(row) of '\(name)'"
    let id = id
    let shape = try extents().dropFirst()
    let memory = try makeSpace([1] + shape)
    let file = try HDF5Handle(operation, closedBy: H5Sclose) { H5Dget_space(id) }
    let start = [hsize_t(row)] + shape.map { _ in 0 }
    let count = [1] + shape.map { hsize_t($0) }
    try HDF5.checked(operation) {
      H5Sselect_hyperslab(file.id, H5S_SELECT_SET, start, nil, count, nil)
    }
    try body(memory.id, file.id)
  }

  private func withType<R>(_ body: (hid_t) throws -> R) throws -> R {
    let id = id
    let type = try HDF5Handle("read the type of '\(name)'", closedBy: H5Tclose) { H5Dget_type(id) }
    return try body(type.id)
  }

  private func withCreationProperties<R>(_ body: (hid_t, String) throws -> R) throws -> R {
    let operation = "read the layout of '\(name)'"
    let id = id
    let properties = try HDF5Handle(operation, closedBy: H5Pclose) { H5Dget_create_plist(id) }
    return try HDF5.serialized { try body(properties.id, operation) }
  }
}
