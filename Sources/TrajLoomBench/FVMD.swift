/// The Fréchet Video Motion Distance between true and predicted motion, measured on tracks: how far
/// the distribution of `MotionHistograms` over windows of predictions is from that over windows of
/// the truth. It does not ask whether a prediction comes true, but whether all of them together move
/// as the truth does.
///
/// Several sets of predictions are compared with the same truths; each set has one prediction per
/// clip. A vector counts where the *true* point is visible in all of its frames, in predictions as
/// well, which is what the published command asks for (`--use_gt_visibility`).
///
/// Memory: a few D x D matrices per set (D features of a window: 1440 on a grid of 15 x 26), however
/// many clips there are.
public struct FVMD: Sendable {
  /// What part of a future is one sample of motion.
  public struct Window: Sendable, Equatable {
    /// A future that is shorter is one window as a whole.
    public let frames: Int
    /// Frames from one window to the next.
    public let stride: Int

    public init(frames: Int, stride: Int) {
      precondition(frames > 0 && stride > 0, "FVMD.Window: \(frames) frames, stride \(stride)")
      (self.frames, self.stride) = (frames, stride)
    }

    /// That of the published benchmark command for 81 frames (`--clip_len 24 --clip_stride 1`): 58
    /// windows of a clip. The script's own defaults, 16 and 15, are not what its authors run.
    public static let published = Window(frames: 24, stride: 1)
  }

  private let histograms: MotionHistograms
  private var moments: [FeatureMoments]  // of the truths, then of each set of predictions

  /// Nil where the grid is smaller than 5 x 5 points or there are fewer than 4 frames, of which no
  /// histogram can be made.
  /// - Parameters:
  ///   - sets: how many sets of predictions there are.
  ///   - rows: of the grid that every clip's points stand on; `columns` likewise.
  ///   - frames: T, of every future.
  public init?(sets: Int, rows: Int, columns: Int, frames: Int, window: Window = .published) {
    guard
      let histograms = MotionHistograms(
        rows: rows, columns: columns, frames: frames, window: window)
    else { return nil }
    self.histograms = histograms
    moments = Array(
      repeating: FeatureMoments(features: histograms.features, unit: MotionHistograms.unit),
      count: 1 + sets)
  }

  /// Adds one clip. Shapes: `truth` and each of the `predictions`, one per set, [T, N].
  /// - Precondition: T is that of `init`, and so are the rows and columns of `grid`.
  public mutating func add(truth: PointTracks, predictions: [PointTracks], grid: PointGrid) {
    precondition(
      predictions.count == moments.count - 1,
      "FVMD.add: \(predictions.count) predictions for \(moments.count - 1) sets")
    for prediction in predictions { checkSameShape(prediction, truth, in: "FVMD.add") }
    checkPoints(of: truth, on: grid, in: "FVMD.add")
    let (histograms, tracks) = (histograms, [truth] + predictions)
    moments.concurrentlyUpdate { index, moments in
      moments.add(histograms.features(of: tracks[index], seenIn: truth, grid: grid))
    }
  }

  /// Of each set; nil before there are two windows, from which a covariance can be had.
  public func distances() -> [MotionDistance?] {
    let parts = [
      histograms.velocityFeatures, histograms.accelerationFeatures, 0..<histograms.features,
    ]
    var distances = [MotionDistance?](repeating: nil, count: moments.count - 1)
    guard let truth = moments[0].gaussians(of: parts) else { return distances }
    distances.concurrentlyUpdate { index, distance in
      guard let found = moments[index + 1].gaussians(of: parts) else { return }
      let values = zip(truth, found).map(frechetDistance)
      distance = MotionDistance(
        velocity: values[0], acceleration: values[1], combined: values[2])
    }
    return distances
  }
}

/// FVMD between two sets of tracks; no unit, smaller is nearer.
public struct MotionDistance: Sendable, Equatable {
  /// Of the histograms of velocities alone.
  public let velocity: Double
  /// Of the histograms of accelerations alone.
  public let acceleration: Double
  /// Of both as one vector of features: what is printed as FVMD.
  public let combined: Double
}
