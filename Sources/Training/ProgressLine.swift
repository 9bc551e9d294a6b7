import Foundation

/// What a person sees of a long job: one line that is redrawn in a terminal, plain lines elsewhere.
public struct ProgressLine {
  private let isTerminal: Bool
  private var width = 0

  public init() { isTerminal = isatty(STDERR_FILENO) == 1 }

  /// Shows the state of the job. Outside of a terminal only when `isMilestone`.
  public mutating func show(_ text: String, isMilestone: Bool) {
    if isTerminal {
      let padding = String(repeating: " ", count: max(0, width - text.count))
      write("\r\(text)\(padding)")
      width = text.count
    } else if isMilestone {
      write("\(text)\n")
    }
  }

  /// A line that stays.
  public mutating func print(_ text: String) {
    finish()
    write("\(text)\n")
  }

  /// Ends the line that is being redrawn.
  public mutating func finish() {
    if isTerminal && width > 0 { write("\n") }
    width = 0
  }

  private func write(_ text: String) { writeToStandardError(text) }
}

/// Writes to standard error. That nobody reads it any more is no reason to end a training: failures
/// are ignored.
public func writeToStandardError(_ text: String) {
  text.utf8.withContiguousStorageIfAvailable { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
}

/// `90` as `1m30s`.
public func duration(_ seconds: Double) -> String {
  guard seconds.isFinite else { return "?" }
  let total = Int(seconds.rounded())
  let (hours, minutes, rest) = (total / 3600, total / 60 % 60, total % 60)
  if hours > 0 { return "\(hours)h\(minutes)m" }
  return minutes > 0 ? "\(minutes)m\(rest)s" : "\(rest)s"
}

/// A number with `digits` decimals.
public func fixed(_ value: Double, _ digits: Int) -> String {
  String(format: "%.\(digits)f", value)
}
