/// What is wrong with a file, a clip or a data set, in one line that also says what to do about it.
public struct DataError: Error, CustomStringConvertible, Sendable, Equatable {
  public enum Kind: Sendable {
    /// The data themselves: exit code 3 at the command line.
    case data
    /// A call or a flag that makes no sense whatever the data are: exit code 2.
    case usage
    /// The machine: disk, memory, permissions. Exit code 6.
    case resource
  }

  public let kind: Kind
  public let message: String

  public var description: String { message }

  /// - Parameter message: brought onto one line.
  public init(_ message: String, kind: Kind = .data) {
    self.kind = kind
    self.message = message.split(whereSeparator: \.isNewline).joined(separator: " ")
  }

  /// `file: clip 'id', dataset 'name': expected ..., found ...; advice`, without the parts that are
  /// nil.
  init(
    file: String, clip: String? = nil, dataset: String? = nil, expected: String, found: String,
    advice: String? = nil, kind: Kind = .data
  ) {
    let place = [clip.map { "clip '\($0)'" }, dataset.map { "dataset '\($0)'" }].compactMap { $0 }
    var message = file
    if !place.isEmpty { message += ": " + place.joined(separator: ", ") }
    message += ": expected \(expected), found \(found)"
    if let advice { message += "; \(advice)" }
    self.init(message, kind: kind)
  }
}
