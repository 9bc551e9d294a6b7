/// A window of one clip, in arrays of its own.
///
/// Dimension letters: T frames, Hc and Wc grid.
struct Segment {
  let geometry: GridGeometry
  /// [T, Hc, Wc, 2], pixels.
  let tracks: [Float]
  /// [T, Hc, Wc] of 0 and 1; a point outside the frame is 0.
  let visibility: [Float]

  /// Frames `window` of a clip.
  init(_ clip: Clip, window: Range<Int>, geometry: GridGeometry) {
    let view = SegmentView(clip, window: window, geometry: geometry)
    let points = window.count * geometry.count
    self.geometry = geometry
    tracks = Array(capacity: 2 * points) { view.writeTracks(to: &$0) }
    visibility = Array(capacity: points) { view.writeVisibility(to: &$0) }
  }
}
