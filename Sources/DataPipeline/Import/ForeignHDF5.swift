import Foundation

/// HDF5 files of other programs, such as those of ATM and LIBERO: groups `root/<view>` with
/// `tracks`, `vis` and `video`.
///
/// The HDF5 library is made for files that can be trusted. Other people's files are read by a child
/// process with little memory and time, whose crash or endless loop is an error of that file alone.
struct ForeignHDF5: Sendable {
  /// What a child may use.
  static let (memory, seconds) = (4 << 30, 60)
  /// The most bytes that a child may send.
  static let largestAnswer = 3 << 29

  /// This program.
  let reader: String
  let path: String

  /// The views that have tracks, in the order of their names.
  /// - Throws: `DataError` for a file that cannot be read, or has none.
  func views() throws -> [String] {
    let answer = try ask("--list")
    let views = String(decoding: answer, as: UTF8.self).split(separator: "\n").map(String.init)
    guard !views.isEmpty else {
      throw DataError(
        file: path, expected: "groups 'root/<view>' with a dataset 'tracks'", found: "none",
        advice: "convert the file to .npz, one per clip")
    }
    return views
  }

  /// The arrays of a view, and the first frames of its video.
  func arrays(view: String, videoFrames: Int) throws -> (arrays: TrackArrays, video: NPYArray?) {
    var answer = try ask("--view", view, "--video-frames", "\(videoFrames)")[...]
    var found: [String: NPYArray] = [:]
    while let lineEnd = answer.firstIndex(of: UInt8(ascii: "\n")) {
      let words = String(decoding: answer[..<lineEnd], as: UTF8.self).split(separator: " ")
      let start = lineEnd + 1
      guard words.count == 2, let size = Int(words[1]), size >= 0, size <= answer.endIndex - start
      else { break }
      found[String(words[0])] = try NPYArray(
        npy: [UInt8](answer[start..<start + size]), file: path, member: "\(view)/\(words[0])")
      answer = answer[(start + size)...]
    }
    guard let tracks = found["tracks"], answer.isEmpty else {
      throw DataError(
        file: path, clip: view, expected: "a whole answer of the reading process", found: "a part",
        advice: "try again")
    }
    return (
      TrackArrays(
        path: path, trackKey: "\(view)/tracks", tracks: tracks,
        visibility: found["vis"].map { ("\(view)/vis", $0) }), found["video"]
    )
  }

  private func ask(_ question: String...) throws -> [UInt8] {
    // No plugins: a filter that the library does not have is an error, not a library to load.
    let child = try ChildProcess(
      reader, ["data", "read-foreign", path] + question,
      environment: ["HDF5_PLUGIN_PRELOAD": "::", "OPENBLAS_NUM_THREADS": "1"],
      limit: ForeignHDF5.largestAnswer, seconds: Double(2 * ForeignHDF5.seconds))
    func fault(_ found: String) -> DataError {
      DataError(
        file: path, expected: "an HDF5 file that can be read", found: found,
        advice: "the file is damaged, or does more than hold tracks; write it again")
    }
    switch child.ending {
    case .exit(0): return [UInt8](child.output)
    case .exit:
      // The child's own message already names the file, behind the program's name.
      let message = child.lastError.map { $0.trimmingPrefix("trajloom: ") }
      throw message.map { DataError(String($0)) } ?? fault("an error without words")
    case .timeout: throw fault("no answer within \(2 * ForeignHDF5.seconds) s")
    case .signal(SIGXCPU): throw fault("more than \(ForeignHDF5.seconds) s of computing")
    case .signal(let number): throw fault("an end by signal \(number) while reading it")
    }
  }
}

extension ForeignHDF5 {
  /// - Throws: `DataError` when there is no program to read such files with.
  static func reader(_ options: ImportOptions, path: String) throws -> ForeignHDF5 {
    guard let reader = options.foreignReader else {
      throw DataError(
        file: path, expected: "an .npz or .npy file", found: "HDF5",
        advice: "import it with `trajloom data import`, which reads it in a process of its own")
    }
    return ForeignHDF5(reader: reader, path: path)
  }
}
