import Foundation

/// The learning rate of each optimiser step.
public enum LearningRateSchedule: Sendable, Equatable {
  case constant
  /// Linear warm-up to the base rate over `warmup` steps, then half a cosine down to `minimum` at
  /// step `total`.
  case cosine(warmup: Int, total: Int, minimum: Double)
  /// Linear warm-up to the base rate, which then stays.
  case warmup(Int)

  /// The rate for the 0-based `step`.
  public func rate(base: Double, step: Int) -> Double {
    switch self {
    case .constant:
      return base
    case .warmup(let warmup):
      return step < warmup ? base * Double(step + 1) / Double(warmup) : base
    case .cosine(let warmup, let total, let minimum):
      if step < warmup { return base * Double(step + 1) / Double(warmup) }
      let progress = min(1, Double(step - warmup) / Double(max(1, total - warmup)))
      return minimum + (base - minimum) / 2 * (1 + cos(.pi * progress))
    }
  }
}
