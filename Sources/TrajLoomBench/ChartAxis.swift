import Foundation

/// One axis of a chart: what range it shows, and where its ticks are.
struct ChartAxis {
  struct Tick {
    let value: Double
    let text: String
  }

  let range: ClosedRange<Double>
  let ticks: [Tick]
  let isLogarithmic: Bool

  /// Of no data: there is nothing to read off.
  static let empty = ChartAxis(range: 0...1, ticks: [], isLogarithmic: false)

  /// Ends at the data's ends, so that lines reach both edges.
  /// - Parameters:
  ///   - isWhole: ticks only at whole numbers.
  ///   - columns: how many characters fit side by side; labels keep two between them.
  static func tight(
    _ data: ClosedRange<Double>, isWhole: Bool, columns: Int
  ) -> ChartAxis {
    let range = widened(data)
    func ticks(_ parts: Double) -> [Tick] {
      let step = roundStep(below: (range.upperBound - range.lowerBound) / parts)
      return roundTicks(step: isWhole ? max(1, step) : step, in: range)
    }
    let choices = [4, 3, 2, 1].map(ticks)
    let fitting = choices.first { $0.reduce(0) { $0 + $1.text.count + 2 } <= columns }
    return ChartAxis(range: range, ticks: fitting ?? choices[3], isLogarithmic: false)
  }

  /// Ends at the ticks around the data.
  static func rounded(_ data: ClosedRange<Double>, isLogarithmic: Bool = false) -> ChartAxis {
    let range = widened(data)
    let step = roundStep(below: (range.upperBound - range.lowerBound) / 3)
    let outer =
      step * (range.lowerBound / step + 1e-9).rounded(.down)...step
      * (range.upperBound / step - 1e-9).rounded(.up)
    return ChartAxis(
      range: outer, ticks: roundTicks(step: step, in: outer), isLogarithmic: isLogarithmic)
  }

  /// Ends at the ticks around the data.
  /// - Precondition: the data are at least `smallestSize`.
  static func logarithmic(_ data: ClosedRange<Double>) -> ChartAxis {
    precondition(data.lowerBound >= smallestSize, "ChartAxis.logarithmic: \(data)")
    // In less than half a decade there are too few of 1, 2 and 5. Below a ratio of 3 a linear step
    // is at most 2/3 of the smallest value, so that the range stays positive.
    guard data.upperBound >= 3 * data.lowerBound else {
      return rounded(data, isLogarithmic: true)
    }
    let range =
      roundStep(
        below: data.lowerBound * (1 + 1e-9))...roundStep(above: data.upperBound * (1 - 1e-9))
    let (low, high) = (log10(range.lowerBound), log10(range.upperBound))
    let mantissas: [Double] = high - low <= 3.01 ? [1, 2, 5] : [1]
    // At most seven powers.
    let stride = max(1, Int(((high - low) / 6).rounded(.up)))
    var values: [Double] = []
    for exponent in Int(low.rounded(.down))...Int(high.rounded(.up))
    where exponent.isMultiple(of: stride) {
      values += mantissas.map { $0 * pow(10, Double(exponent)) }
    }
    values.removeAll { $0 < range.lowerBound * (1 - 1e-9) || $0 > range.upperBound * (1 + 1e-9) }
    return ChartAxis(
      range: range, ticks: values.map { Tick(value: $0, text: tickText($0)) }, isLogarithmic: true)
  }

  /// 0 at the lower end of the range and 1 at the upper.
  func share(of value: Double) -> Double {
    let (low, high) = (range.lowerBound, range.upperBound)
    return isLogarithmic
      ? (log10(value) - log10(low)) / (log10(high) - log10(low)) : (value - low) / (high - low)
  }

  /// Powers of ten and their quotients stay normal numbers between these two.
  static let smallestSize = 1e-290
  static let largestSize = 1e290

  private static func roundTicks(step: Double, in range: ClosedRange<Double>) -> [Tick] {
    multiples(of: step, in: range).map { Tick(value: $0, text: tickText($0, step: step)) }
  }

  /// Data that are all (nearly) the same are put into the middle of a range.
  private static func widened(_ data: ClosedRange<Double>) -> ClosedRange<Double> {
    let size = max(abs(data.lowerBound), abs(data.upperBound))
    let extent = data.upperBound - data.lowerBound
    if extent > 1e-9 * size && extent > smallestSize { return data }
    let margin = size > smallestSize ? 0.1 * size : 1
    return data.lowerBound - margin...data.upperBound + margin
  }
}
