import Foundation

/// What a person sees of a long job: one line that is redrawn in a terminal, plain lines elsewhere.
public struct ProgressLine {
  private let isTerminal: Bool
  private var isRedrawing = false

  public init() { isTerminal = isatty(STDERR_FILENO) == 1 }

  /// Shows the state of the job. Outside of a terminal only when `isMilestone`.
  ///
  /// In a terminal, what does not fit into its width is left out from the end: fields are words in
  /// pairs, as in `loss 0.5`, and groups of them are two spaces apart.
  public mutating func show(_ text: String, isMilestone: Bool) {
    if isTerminal {
      // The last column stays free: behind it, some terminals begin the next line.
      write("\r\u{1B}[K\(Self.fitted(text, to: max(1, Self.terminalColumns - 1)))")
      isRedrawing = true
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
    if isRedrawing { write("\n") }
    isRedrawing = false
  }

  /// `text`, or as many of its fields as fit into `columns`, and an ellipsis. A carriage return goes
  /// back to the start of the last of several lines only, so that a longer text would stay.
  static func fitted(_ text: String, to columns: Int) -> String {
    guard width(text) > columns else { return text }
    var kept = ""
    for group in text.components(separatedBy: "  ") {
      let words = group.split(separator: " ")
      for start in stride(from: 0, to: words.count, by: 2) {
        let field = words[start...].prefix(2).joined(separator: " ")
        let longer = kept.isEmpty ? field : kept + (start == 0 ? "  " : " ") + field
        guard width(longer) + 2 <= columns else {
          return kept.isEmpty ? cut(text, to: columns) : "\(kept) …"
        }
        kept = longer
      }
    }
    return "\(kept) …"
  }

  /// As many characters of `text` as fit, for a first field that does not.
  private static func cut(_ text: String, to columns: Int) -> String {
    var kept = text
    while width(kept) + 1 > columns { kept.removeLast() }
    return "\(kept)…"
  }

  /// At most how many columns a terminal needs for `text`: those of East Asian scripts are two wide.
  private static func width(_ text: String) -> Int {
    text.reduce(0) { $0 + ($1.isASCII ? 1 : 2) }
  }

  /// The terminal's width now: it can change at any time.
  private static var terminalColumns: Int {
    var size = winsize()
    let isKnown = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    return isKnown ? Int(size.ws_col) : 80
  }

  private func write(_ text: String) { writeToStandardError(text) }
}

/// The progress of a job of known size: a bar with rate and remaining time in a terminal, a line for
/// every tenth elsewhere.
public struct JobProgress {
  private var line = ProgressLine()
  private let start = ContinuousClock.now
  private var first: Int?
  private var tenths = 0

  public init() {}

  /// Shows that `done` of `total` items are done, the last of them `label`.
  public mutating func show(_ done: Int, of total: Int, _ label: String) {
    // What was done before the job went on says nothing of its rate.
    let before = first ?? (done - 1)
    first = before
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let rate = Double(done - before) / max(seconds, 1e-6)
    let filled = 20 * done / max(1, total)
    let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: 20 - filled)
    let isMilestone = 10 * done / max(1, total) > tenths
    tenths = 10 * done / max(1, total)
    line.show(
      "[\(bar)] \(done)/\(total)  \(fixed(rate, 1))/s  ETA \(duration(Double(total - done) / rate))"
        + "  \(label)", isMilestone: isMilestone)
  }

  /// Ends the line.
  public mutating func finish() { line.finish() }
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
