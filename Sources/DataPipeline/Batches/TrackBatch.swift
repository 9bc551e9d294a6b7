import Autograd

/// A batch of track segments, as the trajectory VAE is trained on.
///
/// Dimension letters: B batch, T frames, Hc and Wc grid.
public struct TrackBatch: Sendable {
  /// The ids of the clips that the segments come from, B of them.
  public let clips: [String]
  /// [B, T, Hc, Wc, 2], (x, y) in pixels, x right, y down.
  public let tracks: NDArray
  /// [B, T, Hc, Wc] of 0 and 1. A point outside [0, W-1] x [0, H-1] is 0, whatever the file says.
  public let visibility: NDArray

  public init(clips: [String], tracks: NDArray, visibility: NDArray) {
    precondition(
      tracks.shape == visibility.shape + [2] && tracks.shape.first == clips.count,
      "TrackBatch: tracks \(tracks.shape), visibility \(visibility.shape), \(clips.count) clips")
    self.clips = clips
    self.tracks = tracks
    self.visibility = visibility
  }
}
