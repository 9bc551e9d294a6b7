import Foundation

/// The largest of 1, 2 and 5 times a power of ten that is not above `limit`.
/// - Precondition: `limit` is positive and finite.
func roundStep(below limit: Double) -> Double {
  let power = powerOfTen(below: limit)
  return [5, 2, 1].map { $0 * power }.first { $0 <= limit } ?? power
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `limit`.
/// - Precondition: `limit` is positive and finite.
func roundStep(above limit: Double) -> Double {
  let power = powerOfTen(below: limit)
  return [1, 2, 5].map { $0 * power }.first { $0 >= limit } ?? 10 * power
}

private func powerOfTen(below limit: Double) -> Double {
  precondition(limit > 0 && limit.isFinite, "roundStep: \(limit)")
  return pow(10, floor(log10(limit)))
}

/// In ascending order, both ends included as far as rounding lets one tell.
func multiples(of step: Double, in range: ClosedRange<Double>) -> [Double] {
  let first = Int((range.lowerBound / step - 1e-9).rounded(.up))
  let last = Int((range.upperBound / step + 1e-9).rounded(.down))
  return first > last ? [] : (first...last).map { Double($0) * step }
}

/// A round number without trailing zeros.
func tickText(_ value: Double) -> String { String(format: "%g", value) }

/// A multiple of `step` without trailing zeros, with the digits that tell it from the next.
func tickText(_ value: Double, step: Double) -> String {
  guard value != 0 else { return "0" }
  let last = Int(floor(log10(step)))  // the power of ten of the last digit that matters
  let decimals = max(0, -last)
  if decimals <= 6 && abs(value) < 1e9 {
    var text = String(format: "%.\(decimals)f", value)
    guard decimals > 0 else { return text }
    while text.last == "0" { text.removeLast() }
    if text.last == "." { text.removeLast() }
    return text
  }
  let digits = Int(floor(log10(abs(value)))) - last + 1
  return String(format: "%.\(min(max(digits, 6), 15))g", value)
}
