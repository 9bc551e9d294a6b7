/// What `TrajectoryErrors` found. Distances in pixels, rates in [0, 1]; nil where nothing could be
/// counted.
public struct TrajectorySummary: Codable, Sendable, Equatable {
  /// Clips seen, with or without visible points.
  public let clips: Int
  /// K, the samples of each clip.
  public let samples: Int
  /// Over every visible true point.
  public let all: Group
  /// Over the points that move (see `TrajectoryErrors`).
  public let moving: Group
  /// The share of (frame, point) pairs, hidden ones too, whose visibility was predicted.
  public let visibilityAccuracy: Double?
  /// 2·precision·recall / (precision + recall) of "visible".
  public let visibilityF1: Double?

  /// Errors over one set of points.
  public struct Group: Codable, Sendable, Equatable {
    /// Mean distance to the truth over all future frames and all samples.
    public let ade: Double?
    /// Mean distance in the last future frame, over all samples.
    public let fde: Double?
    /// ADE of the best sample of each clip: the one with the smallest ADE over this set of points.
    public let minADE: Double?
    /// FDE of those same samples.
    public let minFDE: Double?
    /// The share of points that end further than the miss threshold from the truth, over all
    /// samples.
    public let missRate: Double?
    /// How much further the prediction moves than the truth from the last history frame to the
    /// first future one.
    public let boundaryJump: Double?
    /// Mean distance between two samples of a clip, over the points and frames that ADE counts; nil
    /// when K = 1.
    public let diversity: Double?
    /// [T], the mean distance in each future frame, over all samples.
    public let errorByFrame: [Double?]
    /// How many points of how many frames ADE counts, each once, whatever K.
    public let visiblePoints: Int
  }
}
