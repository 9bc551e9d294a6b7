/// Where a run stands, beside its arrays. Random numbers and the order of the data are functions of
/// the seed and the step, so that nothing of them has to be kept.
struct CheckpointState: Codable, Equatable {
  var step: Int
  var optimizerSteps: Int
  var emaUpdates: Int
  /// Training time so far.
  var minutes: Double
  /// `none` before the first step.
  var data: DataFingerprint
  var updates = UpdateGuard()
  var best: BestCheckpoint?
  /// A signal cut off the validation that belongs to this step.
  var validationIsDue = false
}

/// The step with the lowest value of the quantity that `train.keep_best` names.
struct BestCheckpoint: Codable, Equatable {
  var metric: String
  var value: Double
  var step: Int
  /// Over how many batches; values over other ones are not compared with it.
  var batches: Int
}
