import Foundation

/// A piece of an XML or HTML document. A `String` that is interpolated is escaped, so that names
/// and captions stay text whatever they contain; a `Markup` is not.
struct Markup: ExpressibleByStringInterpolation, Sendable {
  let source: String

  init(stringLiteral value: String) { source = value }
  init(stringInterpolation: StringInterpolation) { source = stringInterpolation.source }

  struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var source = ""

    init(literalCapacity: Int, interpolationCount: Int) {
      source.reserveCapacity(literalCapacity)
    }

    mutating func appendLiteral(_ literal: String) { source += literal }
    mutating func appendInterpolation(_ markup: Markup) { source += markup.source }
    mutating func appendInterpolation(_ text: String) { source += escaped(text) }
    mutating func appendInterpolation(_ count: Int) { source += "\(count)" }
    /// A length or a position, to a tenth.
    mutating func appendInterpolation(_ length: Double) { source += tenths(length) }
  }
}

extension Sequence<Markup> {
  func joined() -> Markup {
    Markup(stringLiteral: map(\.source).joined(separator: "\n"))
  }
}

/// As SVG wants its lengths: to a tenth, in any locale.
func tenths(_ length: Double) -> String { String(format: "%.1f", length) }

private func escaped(_ text: String) -> String {
  var escaped = ""
  escaped.reserveCapacity(text.utf8.count)
  for scalar in text.unicodeScalars {
    switch scalar {
    case "&": escaped += "&amp;"
    case "<": escaped += "&lt;"
    case ">": escaped += "&gt;"
    case "\"": escaped += "&quot;"
    case "'": escaped += "&#39;"
    // XML 1.0 has no way to write these, not even escaped.
    case "\u{0}"..."\u{8}", "\u{B}", "\u{C}", "\u{E}"..."\u{1F}", "\u{FFFE}", "\u{FFFF}":
      escaped += "\u{FFFD}"
    default: escaped.unicodeScalars.append(scalar)
    }
  }
  return escaped
}
