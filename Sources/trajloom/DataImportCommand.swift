import DataPipeline
import Foundation
import Training

extension Command {
  static let dataImport = Command(
    words: ["data", "import"], summary: "turn people's tracks, videos and captions into shards",
    options: [
      Option("--tracks", "DIR|FILE", "track files <id>.npz, .npy, .h5 or .hdf5, or one of them"),
      Option("--videos", "DIR", "videos <id>.mp4; the history's frames are kept at quarter size"),
      Option("--no-video", nil, "leave out videos, also those inside of .h5 files"),
      Option("--captions", "FILE", "CSV with columns videoid,video_path,text and maybe source"),
      Option("--out", "DIR", "where to write the shards and import_report.json"),
    ] + trackReadingOptions + geometryOptions
  ) { arguments in
    let options = try ImportOptions(arguments)
    StopSignal.install()
    var progress = JobProgress()
    let report = try TrackImporter(options: options).run(
      isStopped: { StopSignal.pending != nil },
      progress: { progress.show($0, of: $1, $2) })
    progress.finish()
    print(report)
    for fault in report.faults { print("\(fault.clip): \(fault.message)") }
    if !report.isComplete {
      throw StoppedBySignal(
        what: "\(report.clips.count) clips are in \(options.output); the same command goes on")
    }
    guard report.faults.isEmpty else {
      let clips = report.faults.count == 1 ? "1 clip is" : "\(report.faults.count) clips are"
      throw DataError(
        "\(options.output): \(clips) faulty and left out (listed above and in "
          + "\(ImportReport.fileName)); mend the files and run the same command again")
    }
  }

  /// The child that `data import` starts to read an HDF5 file of another program. Not in the help:
  /// nobody needs to call it.
  static let dataReadForeign = Command(
    words: ["data", "read-foreign"], summary: "read an HDF5 file of another program",
    positionals: ["FILE"],
    options: [
      Option("--list", nil, "the names of its views"), Option("--view", "NAME", "one view"),
      Option("--video-frames", "N", "frames of video to read"),
    ], isHidden: true
  ) { arguments in
    ForeignHDF5Reader.limitResources()
    let path = arguments.positionals[0]
    let answer =
      try arguments.has("--list")
      ? ForeignHDF5Reader.list(path)
      : ForeignHDF5Reader.read(
        path, view: arguments.required("--view"),
        videoFrames: arguments.integer("--video-frames", minimum: 0) ?? 0)
    try FileHandle.standardOutput.write(contentsOf: Data(answer))
  }
}

extension ImportOptions {
  fileprivate init(_ arguments: Arguments) throws {
    let frames = try arguments.frames()
    let tracks = try arguments.required("--tracks")
    let keepsVideo = !arguments.has("--no-video")
    self.init(
      tracks: tracks, videos: keepsVideo ? arguments.string("--videos") : nil,
      captions: arguments.string("--captions"), output: try arguments.required("--out"),
      clipsPerShard: try arguments.clipsPerShard(),
      createdBy: "trajloom data import", foreignReader: "/proc/self/exe",
      reading: try arguments.importSettings(
        geometry: arguments.geometry(), frames: frames, history: (frames + 1) / 2,
        hasVideo: keepsVideo && (arguments.has("--videos") || holdsForeignFiles(tracks))))
  }
}

/// Whether a path is, or holds, HDF5 files: those have their videos inside.
private func holdsForeignFiles(_ path: String) -> Bool {
  let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [path]
  return names.contains(where: isForeign)
}
