/// Which random changes training segments go through; the flip and the reversal are each made with
/// probability 1/2.
public struct Augmentation: Codable, Sendable, Equatable {
  /// Mirrors left and right: x' = (W - stride) - x, with the columns of the grid in reverse order.
  /// This maps the query points onto each other exactly, so the mirrored segment is anchored at the
  /// same grid; the mirror x' = (W - 1) - x would put every anchor stride - 1 pixels off.
  ///
  /// Visible after it is what was on the frame before and is on the frame after: points in the last
  /// stride - 1 columns of pixels leave it.
  public var horizontalFlip: Bool
  /// Plays a segment backwards. For future windows only: a history window starts on the query
  /// points of frame 0, and would no longer do so backwards. A future window starts anywhere.
  public var timeReversal: Bool
  /// A segment takes every s-th frame of its clip, with s uniform in 1...maxStride; 1 leaves the
  /// frames as they are. Larger strides show the same motion s times as fast. A segment of T frames
  /// spans (T - 1) s + 1 of its clip, which must have them; a future then starts earlier than
  /// right after the history if it has to.
  public var maxStride: Int

  public static let none = Augmentation(horizontalFlip: false, timeReversal: false)

  public init(horizontalFlip: Bool, timeReversal: Bool, maxStride: Int = 1) {
    self.horizontalFlip = horizontalFlip
    self.timeReversal = timeReversal
    self.maxStride = maxStride
  }
}
