import CHDF5
import Foundation

/// The child's side of `ForeignHDF5`: reads one file of another program with the HDF5 library.
public enum ForeignHDF5Reader {
  /// Lists the views of a file, one per line.
  /// - Throws: `DataError` for a file that cannot be read.
  public static func list(_ path: String) throws -> [UInt8] {
    try reading(path) { file in
      let (root, names) = try views(in: file)
      return Array(names.map { "\($0.dropFirst(root.count))\n" }.joined().utf8)
    }
  }

  /// The arrays of one view: for each a line `name size`, then the bytes of a `.npy` file.
  /// - Parameter videoFrames: how many frames of video to give; 0 for none.
  /// - Throws: `DataError` for a file that cannot be read, or datasets of another kind.
  public static func read(_ path: String, view: String, videoFrames: Int) throws -> [UInt8] {
    try reading(path) { file in
      let (root, names) = try views(in: file)
      guard names.contains(root + view) else {
        throw DataError(file: path, expected: "a view '\(view)'", found: "none of this name")
      }
      var answer: [UInt8] = []
      func add(_ name: String, _ bytes: [UInt8]) {
        answer += Array("\(name) \(bytes.count)\n".utf8) + bytes
      }
      let tracks = try ForeignDataset(root + view + "/tracks", in: file)
      add("tracks", try NPYFile.encode(tracks.floats(), shape: tracks.extents))
      if try isDataset(root + view + "/vis", in: file) {
        let flags = try ForeignDataset(root + view + "/vis", in: file)
        add("vis", try NPYFile.encode(flags.floats(), shape: flags.extents))
      }
      if videoFrames > 0, try isDataset(root + view + "/video", in: file) {
        let video = try ForeignDataset(root + view + "/video", in: file)
        let (bytes, shape) = try video.frames(videoFrames)
        add("video", NPYFile.encode(bytes, shape: shape))
      }
      return answer
    }
  }

  /// Takes memory, time and room for files away from this process.
  public static func limitResources() {
    func limit(_ resource: __rlimit_resource, _ value: Int) {
      var limits = rlimit(rlim_cur: rlim_t(value), rlim_max: rlim_t(value))
      setrlimit(Int32(resource.rawValue), &limits)
    }
    limit(RLIMIT_AS, ForeignHDF5.memory)
    limit(RLIMIT_CPU, ForeignHDF5.seconds)
    // Room for messages.
    limit(RLIMIT_FSIZE, 1 << 16)
    limit(RLIMIT_CORE, 0)
  }

  private static func reading<R>(_ path: String, _ body: (borrowing HDF5File) throws -> R) throws
    -> R
  {
    do {
      return try HDF5.serialized { try body(HDF5File(reading: path)) }
    } catch let failure as HDF5Failure {
      throw failure.dataError(file: path, advice: "the file is damaged, or of another kind")
    }
  }

  /// The paths of the groups that have tracks, below `root/` or the file's own root.
  private static func views(in file: borrowing HDF5File) throws -> (root: String, paths: [String]) {
    let root = try file.link("root") == .hard ? "root/" : ""
    let names = try file.names(in: root.isEmpty ? "/" : "root")
    return (
      root, try names.filter { try isDataset("\(root)\($0)/tracks", in: file) }.map { root + $0 }
    )
  }

  /// Whether a path leads to a dataset by objects of the file itself. Links may lead to any file.
  private static func isDataset(_ path: String, in file: borrowing HDF5File) throws -> Bool {
    var prefix = ""
    for step in path.split(separator: "/") {
      if !prefix.isEmpty, try !file.isGroup(prefix) { return false }
      prefix += prefix.isEmpty ? step : "/" + step
      guard try file.link(prefix) == .hard else { return false }
    }
    return try !file.isGroup(prefix)
  }
}

/// A dataset of numbers in a file of another program.
private struct ForeignDataset: ~Copyable {
  private let dataset: HDF5Dataset
  let extents: [Int]

  init(_ path: String, in file: borrowing HDF5File) throws {
    let opened = try HDF5Dataset(opening: path, in: file)
    let layout = try opened.layout()
    guard layout != .virtual, layout != .external else {
      throw HDF5Failure(operation: "read '\(path)'", reason: "its elements lie in \(layout)")
    }
    extents = try opened.extents()
    dataset = opened
  }

  /// All elements as floats.
  func floats() throws -> [Float] {
    let count = try count(of: extents)
    return try read(
      Float(0), trajloom_H5T_NATIVE_FLOAT(), start: extents.map { _ in 0 }, extents, count)
  }

  /// The first frames of [1, T, ...] or [T, ...], bytes of any order of the other axes.
  func frames(_ wanted: Int) throws -> (bytes: [UInt8], shape: [Int]) {
    let axis = extents.first == 1 && extents.count == 5 ? 1 : 0
    guard extents.count == axis + 4, extents[axis] >= wanted, extents.allSatisfy({ $0 > 0 }),
      try dataset.stores(.uint8)
    else {
      throw HDF5Failure(
        operation: "read '\(dataset.name)'",
        reason: "shape \(extents) instead of bytes of [T, H, W, 3] or [T, 3, H, W], T at least "
          + "\(wanted); --no-video leaves it out")
    }
    var shape = extents
    shape[axis] = wanted
    let bytes = try read(
      UInt8(0), trajloom_H5T_NATIVE_UINT8(), start: extents.map { _ in 0 }, shape, count(of: shape))
    return (bytes, Array(shape.dropFirst(axis)))
  }

  private func count(of extents: [Int]) throws -> Int {
    var count = 1
    for extent in extents {
      let (product, overflow) = count.multipliedReportingOverflow(by: extent)
      guard !overflow, product <= NPYStart.mostElements else {
        throw HDF5Failure(
          operation: "read '\(dataset.name)'",
          reason: "shape \(extents) has more than \(NPYStart.mostElements) elements")
      }
      count = product
    }
    return count
  }

  private func read<T>(
    _ zero: T, _ type: hid_t, start: [Int], _ shape: [Int], _ count: Int
  ) throws -> [T] {
    let operation = "read '\(dataset.name)'"
    let id = dataset.handle.id
    let memory = try makeSpace(shape)
    let file = try HDF5Handle(operation, closedBy: H5Sclose) { H5Dget_space(id) }
    let (offset, sizes) = (start.map { hsize_t($0) }, shape.map { hsize_t($0) })
    try HDF5.checked(operation) {
      H5Sselect_hyperslab(file.id, H5S_SELECT_SET, offset, nil, sizes, nil)
    }
    var values = [T](repeating: zero, count: count)
    try values.withUnsafeMutableBytes { room in
      _ = try HDF5.checked(operation) {
        H5Dread(id, type, memory.id, file.id, trajloom_H5P_DEFAULT(), room.baseAddress)
      }
    }
    return values
  }
}
