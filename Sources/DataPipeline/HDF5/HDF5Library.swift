import CHDF5
import Dispatch

/// The HDF5 C library, which is not thread-safe: one serial queue owns it, and every call into it
/// passes through `serialized`.
enum HDF5 {
  private static let onQueue = DispatchSpecificKey<Bool>()

  private static let queue: DispatchQueue = {
    let queue = DispatchQueue(label: "trajloom.hdf5")
    queue.setSpecific(key: onQueue, value: true)
    // Every file is closed by its handle. The library's exit handler could run in the middle of a
    // read on a prefetch thread, so it is never installed.
    H5dont_atexit()
    H5open()
    return queue
  }()

  /// Runs `body` on the library's queue, or in place when the caller is already there.
  static func serialized<R>(_ body: () throws -> R) rethrows -> R {
    let queue = queue
    if DispatchQueue.getSpecific(key: onQueue) == true { return try body() }
    return try queue.sync {
      // The library would print to stderr; its text goes into our errors instead. Set on every
      // entry, because a thread-safe build keeps the setting per thread.
      H5Eset_auto2(trajloom_H5E_DEFAULT(), nil, nil)
      return try body()
    }
  }

  /// A result of the C library, negative for failure.
  /// - Throws: `HDF5Failure` naming the operation, with the library's own words.
  @discardableResult
  static func checked<R: SignedInteger>(_ operation: String, _ call: () -> R) throws -> R {
    try serialized {
      let result = call()
      guard result >= 0 else { throw HDF5Failure(operation: operation, reason: errorText()) }
      return result
    }
  }

  /// The release of the linked library, such as "1.10.8".
  static var version: String {
    serialized {
      var (major, minor, release): (UInt32, UInt32, UInt32) = (0, 0, 0)
      H5get_libversion(&major, &minor, &release)
      return "\(major).\(minor).\(release)"
    }
  }

  /// The innermost messages of the library's error stack, the cause first.
  private static func errorText() -> String {
    final class Lines { var texts: [String] = [] }
    let lines = Lines()
    withExtendedLifetime(lines) {
      _ = H5Ewalk2(
        trajloom_H5E_DEFAULT(), H5E_WALK_UPWARD,
        { _, entry, client in
          guard let client, let text = entry?.pointee.desc else { return 0 }
          Unmanaged<Lines>.fromOpaque(client).takeUnretainedValue().texts.append(
            String(cString: text))
          return 0
        }, Unmanaged.passUnretained(lines).toOpaque())
    }
    H5Eclear2(trajloom_H5E_DEFAULT())
    return lines.texts.prefix(2).joined(separator: ", ")
  }
}

/// A failed call of the HDF5 library.
struct HDF5Failure: Error, CustomStringConvertible {
  let operation: String
  let reason: String

  var description: String { reason.isEmpty ? operation : "\(operation) (HDF5: \(reason))" }

  /// The same as an error of a file: a full disk is the machine's fault, all else the file's.
  func dataError(
    file: String, clip: String? = nil, advice: String, kind: DataError.Kind = .data
  ) -> DataError {
    let place = clip.map { "\(file): clip '\($0)'" } ?? file
    let text = reason.lowercased()
    if ["no space left", "disk quota", "file too large"].contains(where: text.contains) {
      return DataError(
        "\(place): \(operation): no space left on the device; free some and run again",
        kind: .resource)
    }
    return DataError("\(place): \(self); \(advice)", kind: kind)
  }
}
