/// What to import and how to read it.
public struct ImportOptions: Sendable {
  /// A folder of `.npz`, `.npy`, `.h5` and `.hdf5` files, or one of them.
  public var tracks: String
  /// A folder of videos named like the track files; nil for none. With it every clip needs its
  /// video.
  public var videos: String?
  /// A CSV with `videoid,video_path,text`.
  public var captions: String?
  public var output: String
  public var clipsPerShard: Int
  public var createdBy: String
  /// This program, which reads foreign HDF5 files as a child process by `data read-foreign`; nil
  /// where there is none, and such files are refused.
  public var foreignReader: String?
  public var reading: ImportSettings

  public init(
    tracks: String, videos: String? = nil, captions: String? = nil, output: String,
    clipsPerShard: Int = 64, createdBy: String, foreignReader: String? = nil,
    reading: ImportSettings
  ) {
    self.tracks = tracks
    self.videos = videos
    self.captions = captions
    self.output = output
    self.clipsPerShard = clipsPerShard
    self.createdBy = createdBy
    self.foreignReader = foreignReader
    self.reading = reading
  }
}
