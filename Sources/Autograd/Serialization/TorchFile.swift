import Archives
import Foundation

/// The tensors of a file that PyTorch's `torch.save` wrote (a zip archive with a pickle, its format
/// since release 1.6), read without executing anything: see `Pickle`.
public struct TorchFile {
  public let path: String
  private let archive: Zip
  /// The folder inside of the archive.
  private let folder: String
  private let pickle: Pickle
  /// What all tensors together may take as `Float`: more than half floats and shared weights need.
  private let mostBytes: Int

  /// The largest pickle that is looked at, bytes. PyTorch's have some hundred bytes per tensor.
  private static let largestPickle = 1 << 26

  /// - Throws: `TorchFileError` that names the file and the fault.
  public init(path: String) throws {
    self.path = path
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
    } catch {
      let exists = FileManager.default.fileExists(atPath: path)
      throw TorchFileError(path: path, reason: exists ? "cannot be read" : "no such file")
    }
    do {
      archive = try Zip(bytes: data, path: path)
      guard let pickleName = archive.names.first(where: { $0.hasSuffix("/data.pkl") }) else {
        throw TorchFileError(
          path: path, reason: "expected a member data.pkl, found none: not a file of torch.save")
      }
      folder = String(pickleName.dropLast("data.pkl".count))
      mostBytes = 8 * data.count
      guard archive.size(of: pickleName) <= TorchFile.largestPickle else {
        throw TorchFileError(
          path: path,
          reason: "data.pkl: expected at most \(TorchFile.largestPickle) bytes, found "
            + "\(archive.size(of: pickleName))")
      }
      if archive.names.contains(folder + "byteorder") {
        let order = String(
          decoding: try archive.storedContents(of: folder + "byteorder"), as: UTF8.self)
        guard order == "little" else {
          throw TorchFileError(path: path, reason: "expected little-endian numbers, found \(order)")
        }
      }
      pickle = try Pickle(Data(archive.storedContents(of: pickleName)))
      let entries = pickle.members(pickle.root)?.map(\.key) ?? []
      if let twice = entries.first(where: { key in entries.filter { $0 == key }.count > 1 }) {
        throw TorchFileError(path: path, reason: "two entries named \(quoted(twice))")
      }
    } catch let error as ArchiveError {
      throw TorchFileError(path: path, archive: error)
    } catch let fault as PickleFault {
      throw TorchFileError(
        path: path,
        reason:
          "expected tensors and containers alone, found \(fault.reason); nothing was executed. "
          + "Save the weights alone: torch.save(model.state_dict(), path)")
    }
  }

  /// Whether a file starts like one of `torch.save`.
  public static func isTorchFile(_ path: String) -> Bool {
    guard let file = FileHandle(forReadingAtPath: path) else { return false }
    defer { try? file.close() }
    return (try? file.read(upToCount: 4)).map { $0.map(Zip.isArchive) ?? false } ?? false
  }

  /// The sets of weights in the file: keys of the outermost dictionary whose values are
  /// dictionaries of tensors, or "" when the outermost dictionary is one itself.
  public var keys: [String] {
    if isWeights(pickle.root) { return [""] }
    return pickle.members(pickle.root)?.filter { !$0.key.isEmpty && isWeights($0.value) }
      .map(\.key) ?? []
  }

  /// A set of weights as `Float`, by name.
  /// - Parameter key: which one; nil for the only one, or the one under a customary key.
  /// - Throws: `TorchFileError` naming the keys that there are, or a tensor that cannot be read.
  public func arrays(_ key: String? = nil) throws -> [String: NDArray] {
    let key = try chosenKey(key)
    let weights =
      key.isEmpty
      ? pickle.root : pickle.members(pickle.root)!.first { $0.key == key }!.value
    var arrays: [String: NDArray] = [:]
    var bytes = 0
    for (name, value) in pickle.members(weights)! {
      guard case .tensor(let index) = value else {
        preconditionFailure("TorchFile.arrays: \(name) is no tensor")
      }
      let view = pickle.tensors[index]
      let count = try count(name, view)
      bytes += 4 * count
      guard bytes <= mostBytes else {
        throw TorchFileError(
          path: path,
          reason:
            "expected tensors of at most \(mostBytes) bytes in a file of this size, found more: "
            + "many views of the same numbers")
      }
      guard arrays.updateValue(try array(name, view, count), forKey: name) == nil else {
        throw TorchFileError(path: path, reason: "two tensors named \(quoted(name))")
      }
    }
    return arrays
  }

  /// The keys under which the published code looks, first (zewei-Zhang/TrajLoom,
  /// `utils/load_utils.py`), and those of other trainers.
  private static let customaryKeys = [
    "vae", "generator", "predictor", "model_state_dict", "state_dict", "model",
  ]

  private func chosenKey(_ wanted: String?) throws -> String {
    let keys = keys
    let shown = keys.map { $0.isEmpty ? "the whole file" : "\"\($0)\"" }.joined(separator: ", ")
    if let wanted {
      guard keys.contains(wanted) else {
        throw TorchFileError(
          path: path,
          reason: "expected weights under \"\(wanted)\", found \(keys.isEmpty ? "none" : shown)")
      }
      return wanted
    }
    if keys.count == 1 { return keys[0] }
    guard let usual = TorchFile.customaryKeys.first(where: keys.contains) else {
      throw TorchFileError(
        path: path,
        reason: keys.isEmpty
          ? "expected a dictionary of tensors, found none"
          : "expected one set of weights, found \(shown); name one with --key")
    }
    return usual
  }

  private func isWeights(_ value: Pickle.Value) -> Bool {
    guard let members = pickle.members(value), !members.isEmpty else { return false }
    return members.allSatisfy { if case .tensor = $0.value { true } else { false } }
  }

  /// The number of elements of a tensor, which are distinct: a file cannot claim more memory than it
  /// has bytes.
  private func count(_ name: String, _ view: Pickle.TensorView) throws -> Int {
    let storage = pickle.storages[view.storage]
    guard [.f32, .f16, .bf16].contains(storage.type) else {
      throw fault(name, "elements of type F32, F16 or BF16", storage.type.rawValue)
    }
    guard let count = view.count(in: storage) else {
      throw fault(
        name, "a part of its storage of \(storage.count) elements",
        "shape \(view.shape), strides \(view.strides), offset \(view.offset)")
    }
    return count
  }

  private func array(
    _ name: String, _ view: Pickle.TensorView, _ count: Int
  ) throws -> NDArray {
    let storage = pickle.storages[view.storage]
    if count == 0 { return NDArray([], shape: view.shape) }
    let member = folder + "data/" + storage.key
    guard archive.names.contains(member) else { throw fault(name, "a member \(member)", "none") }
    let bytes: [UInt8]
    do { bytes = try archive.storedContents(of: member) } catch let error as ArchiveError {
      throw TorchFileError(path: path, archive: error)
    }
    let size = storage.type.size
    guard bytes.count == storage.count * size else {
      throw fault(name, "\(storage.count * size) bytes in \(member)", "\(bytes.count)")
    }
    let positions = rowMajorStrides(view.shape) == view.strides ? nil : view.positions
    let own =
      positions.map { positions in
        Data(positions.flatMap { bytes[$0 * size..<($0 + 1) * size] })
      } ?? Data(bytes[view.offset * size..<(view.offset + count) * size])
    return NDArray(storage.type.floats(own)!, shape: view.shape)
  }

  private func fault(_ name: String, _ expected: String, _ found: String) -> TorchFileError {
    TorchFileError(
      path: path, reason: "tensor \(quoted(name)): expected \(expected), found \(found)")
  }
}

extension Pickle.TensorView {
  /// The number of elements of a view that lies inside of its storage and has none twice; nil for
  /// another.
  fileprivate func count(in storage: Pickle.Storage) -> Int? {
    // Even where an extent of 0 leaves nothing, strides and products are computed of the others.
    var (product, last) = (1, offset)
    for (extent, stride) in zip(shape, strides) where extent > 0 {
      let (grown, tooMany) = product.multipliedReportingOverflow(by: extent)
      let (reach, tooFar) = (extent - 1).multipliedReportingOverflow(by: stride)
      let (end, beyond) = last.addingReportingOverflow(reach)
      guard !tooMany, !tooFar, !beyond else { return nil }
      (product, last) = (grown, end)
    }
    if shape.contains(0) { return offset <= storage.count ? 0 : nil }
    return last < storage.count && product <= storage.count ? product : nil
  }

  /// The place of every element in the storage, in row-major order.
  fileprivate var positions: [Int] {
    var positions = [offset]
    for (extent, stride) in zip(shape, strides) {
      positions = positions.flatMap { start in (0..<extent).map { start + $0 * stride } }
    }
    return positions
  }
}

/// A file of `torch.save` that cannot be used: its path and why.
public struct TorchFileError: Error, CustomStringConvertible, Sendable {
  public let path: String
  public let reason: String
  public var description: String { "\(path): \(reason)" }

  init(path: String, reason: String) {
    self.path = path
    self.reason = reason
  }

  fileprivate init(path: String, archive error: ArchiveError) {
    let place = error.member.map { "member \"\($0)\": " } ?? ""
    self.init(
      path: path,
      reason: "\(place)expected \(error.expected), found \(error.found); the file is damaged, cut "
        + "short, or of PyTorch's format before 1.6")
  }
}
