/// How a set of tracks moves, next to the truth: numbers that are not errors of single predictions,
/// and of which the truth has its own. Nil where nothing could be counted.
public struct MotionSummary: Sendable, Equatable {
  /// FVMD from the true tracks; nil for the truth itself, whose distance to itself says nothing, and
  /// where there are fewer than two windows or no cell of 5 x 5 points (see `FVMD`).
  public let fvmd: MotionDistance?
  /// See `FieldEnergies`.
  public let flowSmoothTV: Double?
  /// See `FieldEnergies`.
  public let divCurlEnergy: Double?

  public init(fvmd: MotionDistance?, flowSmoothTV: Double?, divCurlEnergy: Double?) {
    self.fvmd = fvmd
    self.flowSmoothTV = flowSmoothTV
    self.divCurlEnergy = divCurlEnergy
  }
}
