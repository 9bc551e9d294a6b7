import Foundation

/// The first frames of a video, decoded by an `ffmpeg` subprocess.
struct VideoReader: Sendable {
  /// The program, looked up in `PATH`.
  private let ffmpeg: String

  /// - Throws: `DataError` when `ffmpeg` is not installed.
  init(searchPath: String = ProcessInfo.processInfo.environment["PATH"] ?? "") throws {
    let found = searchPath.split(separator: ":").map { "\($0)/ffmpeg" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
    guard let found else {
      throw DataError(
        "ffmpeg: expected the program in PATH to decode videos, found none; "
          + "install it (apt install ffmpeg), or import without --videos", kind: .resource)
    }
    ffmpeg = found
  }

  /// The first `frames` frames, stretched to a quarter of the geometry's size.
  /// - Returns: [frames, H/4, W/4, 3], RGB.
  /// - Throws: `DataError` for a video that cannot be decoded or is too short.
  func read(_ path: String, frames: Int, geometry: GridGeometry) throws -> [UInt8] {
    let (height, width) = (geometry.height / 4, geometry.width / 4)
    let wanted = frames * height * width * 3
    let process = Process()
    process.executableURL = URL(fileURLWithPath: ffmpeg)
    // New time stamps, one per frame: else ffmpeg drops and repeats frames to keep a constant rate.
    process.arguments = [
      "-nostdin", "-v", "error", "-i", path, "-map", "0:v:0", "-frames:v", "\(frames)",
      "-vf", "scale=\(width):\(height):flags=area,settb=1/25,setpts=N", "-r", "25",
      "-f", "rawvideo", "-pix_fmt", "rgb24", "-",
    ]
    let log = FileManager.default.temporaryDirectory
      .appendingPathComponent("trajloom-ffmpeg-\(UUID().uuidString).log")
    // A file and not a pipe: nobody has to empty it while the frames are read.
    _ = FileManager.default.createFile(atPath: log.path, contents: nil)
    defer { try? FileManager.default.removeItem(at: log) }
    process.standardError = try? FileHandle(forWritingTo: log)
    process.standardInput = FileHandle.nullDevice
    let output = Pipe()
    process.standardOutput = output
    func fault(_ expected: String, _ found: String, _ advice: String) -> DataError {
      DataError(file: path, expected: expected, found: found, advice: advice)
    }
    do { try process.run() } catch {
      throw DataError(
        "\(ffmpeg): cannot be started: \(error.localizedDescription); install ffmpeg again",
        kind: .resource)
    }
    let data = (try? output.fileHandleForReading.readToEnd()) ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
      let last = text.split(whereSeparator: \.isNewline).last.map(String.init) ?? "no message"
      throw fault(
        "a video that ffmpeg can decode", "an error of ffmpeg (\(last))",
        "replace the video, or import without --videos")
    }
    guard data.count == wanted else {
      throw fault(
        "\(frames) frames for the history", "\(data.count / max(1, height * width * 3))",
        "use a longer video, or import without --videos")
    }
    return [UInt8](data)
  }
}
