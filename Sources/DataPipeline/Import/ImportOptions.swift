/// What to import and how to read it.
public struct ImportOptions: Sendable {
  /// A folder of `.npz`, `.npy`, `.h5` and `.hdf5` files, or one of them.
  public var tracks: String
  /// A folder of videos named like the track files; nil for none. With it every clip needs its
  /// video.
  public var videos: String?
  /// The video of the one track file, whatever its name; goes before `videos`.
  public var video: String?
  /// A CSV with `videoid,video_path,text`.
  public var captions: String?
  /// The caption of the one track file; goes before `captions`.
  public var caption: String?
  /// The ids of the clips to import; nil for all.
  public var clips: Set<String>?
  public var output: String
  public var clipsPerShard: Int
  public var createdBy: String
  /// This program, which reads foreign HDF5 files as a child process by `data read-foreign`; nil
  /// where there is none, and such files are refused.
  public var foreignReader: String?
  public var reading: ImportSettings

  public init(
    tracks: String, videos: String? = nil, video: String? = nil, captions: String? = nil,
    caption: String? = nil, clips: Set<String>? = nil, output: String,
    clipsPerShard: Int = 64, createdBy: String, foreignReader: String? = nil,
    reading: ImportSettings
  ) {
    self.tracks = tracks
    self.videos = videos
    self.video = video
    self.captions = captions
    self.caption = caption
    self.clips = clips
    self.output = output
    self.clipsPerShard = clipsPerShard
    self.createdBy = createdBy
    self.foreignReader = foreignReader
    self.reading = reading
  }
}
