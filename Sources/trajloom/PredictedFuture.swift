import Autograd
import DataPipeline
import Foundation
import Training
import TrajLoomFlow

/// A drawn future as it is written.
struct PredictedFuture {
  /// T
  let frames: Int
  /// N
  let points: Int
  /// Of its first frame, in the clip.
  let firstFrame: Int
  /// [T, N, 2], pixels.
  let positions: [Float]
  /// Probability of being visible, [T, N].
  let probability: [Float]
  /// [T, N]
  let isVisible: [Bool]

  /// A point is visible where its probability is above the threshold and it is on the frame.
  init(
    _ drawn: FutureSampler.Future, frames: Int, firstFrame: Int, threshold: Float,
    geometry: GridGeometry
  ) {
    (self.frames, self.firstFrame, points) = (frames, firstFrame, geometry.count)
    (positions, probability) = (drawn.positions, drawn.probability)
    isVisible = drawn.probability.indices.map { i in
      drawn.probability[i] > threshold
        && geometry.contains(x: drawn.positions[2 * i], y: drawn.positions[2 * i + 1])
    }
  }
}

/// Writes a clip's folder of predictions.
func write(
  _ clip: SampleClip, _ futures: [PredictedFuture], meta: [String: Any],
  as formats: Set<PredictionFormat>, to folder: ClipFolder
) throws {
  func save(_ name: String, _ tracks: NDArray, _ visibility: NDArray, _ files: ClipFiles) throws {
    try files.save("\(name)_tracks.npy", tracks.scalars, tracks.shape)
    try files.save(
      "\(name)_visibility.npy", visibility.scalars.map { UInt8($0) }, visibility.shape)
  }
  try folder.write { files in
    try files.saveGrid(clip.geometry)
    try save("hist", clip.tracks, clip.visibility, files)
    if let truth = clip.truth { try save("gt", truth.tracks, truth.visibility, files) }
    if let frames = clip.conditions.video {
      let (h, w) = (clip.geometry.height / 4, clip.geometry.width / 4)
      try files.save("hist_last_frame.npy", Array(frames.suffix(h * w * 3)), [h, w, 3])
    }
    for (sample, future) in futures.enumerated() {
      let place = futures.count == 1 ? "" : "sample_\(sample < 10 ? "0" : "")\(sample)/"
      try files.save(future, as: formats, in: place, clip.geometry)
    }
    try files.saveMeta(meta)
  }
}
