import Foundation

/// The first frames of a video, decoded by an `ffmpeg` subprocess.
struct VideoReader: Sendable {
  /// The program, looked up in `PATH`.
  private let ffmpeg: String

  /// What can be done without a video that can be used, for messages.
  private let alternative: String

  /// - Throws: `DataError` when `ffmpeg` is not installed.
  init(
    alternative: String = "or pass --no-video",
    searchPath: String = ProcessInfo.processInfo.environment["PATH"] ?? ""
  ) throws {
    let found = searchPath.split(separator: ":").map { "\($0)/ffmpeg" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
    guard let found else {
      throw DataError(
        "ffmpeg: expected the program in PATH to decode videos, found none; "
          + "install it (apt install ffmpeg), \(alternative)", kind: .resource)
    }
    ffmpeg = found
    self.alternative = alternative
  }

  /// The first `frames` frames, stretched to a quarter of the geometry's size.
  /// - Returns: [frames, H/4, W/4, 3], RGB.
  /// - Throws: `DataError` for a video that cannot be decoded or is too short.
  func read(_ path: String, frames: Int, geometry: GridGeometry) throws -> [UInt8] {
    let (height, width) = (geometry.height / 4, geometry.width / 4)
    let wanted = frames * height * width * 3
    func fault(_ expected: String, _ found: String, _ advice: String) -> DataError {
      DataError(file: path, expected: expected, found: found, advice: advice)
    }
    // New time stamps, one per frame: else ffmpeg drops and repeats frames to keep a constant rate.
    let child = try ChildProcess(
      ffmpeg,
      [
        // Of files that hold video, and not lists that lead to other files.
        "-nostdin", "-v", "error", "-max_alloc", "\(1 << 30)", "-protocol_whitelist", "file",
        "-format_whitelist", "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi", "-i", "file:\(path)",
        "-map", "0:v:0", "-frames:v", "\(frames)",
        "-vf", "scale=\(width):\(height):flags=area,settb=1/25,setpts=N", "-r", "25",
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-",
      ], limit: wanted, seconds: 600)
    guard child.ending == .exit(0) else {
      let reason = child.ending == .timeout ? "no end within ten minutes" : child.lastError
      throw fault(
        "a video that ffmpeg can decode", "an error of ffmpeg (\(reason ?? "no message"))",
        "replace the video, \(alternative)")
    }
    guard child.output.count == wanted else {
      throw fault(
        "\(frames) frames for the history",
        "\(child.output.count / max(1, height * width * 3))",
        "use a longer video, \(alternative)")
    }
    return [UInt8](child.output)
  }
}
