/// JSON as RFC 8259 has it and nothing more: duplicate keys, trailing text, unpaired surrogates and
/// deep nesting are errors with their place. Foundation's parser keeps one of two equal keys in
/// silence.
package indirect enum StrictJSON: Equatable, Sendable {
  case object([Member])
  case array([StrictJSON])
  case string(String)
  /// As written: whether a number is an integer, and of what size, is for the reader to say.
  case number(String)
  case bool(Bool)
  case null

  package struct Member: Equatable, Sendable {
    package let key: String
    package var value: StrictJSON
    package init(key: String, value: StrictJSON) {
      self.key = key
      self.value = value
    }
  }

  package struct SyntaxError: Error, CustomStringConvertible {
    package let reason: String
    package let line: Int
    package var description: String { "line \(line): \(reason)" }
  }

  /// - Throws: `SyntaxError`.
  package init(parsing text: some Collection<UInt8>) throws {
    var parser = Parser(bytes: Array(text))
    self = try parser.document()
  }

  package subscript(key: String) -> StrictJSON? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key == key }?.value
  }

  package var string: String? {
    if case .string(let value) = self { return value }
    return nil
  }

  /// The value of a number; nil for anything else.
  package var double: Double? {
    guard case .number(let text) = self else { return nil }
    return Double(text)
  }

  /// The value as an integer: digits only, in range.
  package var integer: Int? {
    guard case .number(let text) = self, text.allSatisfy({ $0.isNumber || $0 == "-" }) else {
      return nil
    }
    return Int(text)
  }

  package var elements: [StrictJSON]? {
    if case .array(let values) = self { return values }
    return nil
  }

  package var members: [Member]? {
    if case .object(let members) = self { return members }
    return nil
  }
}

private struct Parser {
  let bytes: [UInt8]
  var position = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func document() throws -> StrictJSON {
    let value = try value(depth: 0)
    skipSpace()
    guard position == bytes.count else { throw error("text after the end of the document") }
    return value
  }

  private mutating func value(depth: Int) throws -> StrictJSON {
    guard depth < 64 else { throw error("nested more than 64 levels deep") }
    skipSpace()
    guard let byte = peek else { throw error("unexpected end") }
    switch byte {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func object(depth: Int) throws -> StrictJSON {
    position += 1
    var members: [StrictJSON.Member] = []
    var keys: Set<String> = []
    skipSpace()
    if take("}") { return .object([]) }
    repeat {
      skipSpace()
      guard peek == UInt8(ascii: "\"") else { throw error("expected a key in quotes") }
      let key = try string()
      guard keys.insert(key).inserted else { throw error("the key \"\(key)\" stands twice") }
      skipSpace()
      guard take(":") else { throw error("expected ':' after \"\(key)\"") }
      members.append(.init(key: key, value: try value(depth: depth + 1)))
      skipSpace()
    } while take(",")
    guard take("}") else { throw error("expected ',' or '}'") }
    return .object(members)
  }

  private mutating func array(depth: Int) throws -> StrictJSON {
    position += 1
    var values: [StrictJSON] = []
    skipSpace()
    if take("]") { return .array([]) }
    repeat {
      values.append(try value(depth: depth + 1))
      skipSpace()
    } while take(",")
    guard take("]") else { throw error("expected ',' or ']'") }
    return .array(values)
  }

  private mutating func string() throws -> String {
    position += 1
    var text: [UInt8] = []
    while let byte = peek {
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: text, as: UTF8.self) else {
          throw error("a string is not UTF-8")
        }
        return string
      case UInt8(ascii: "\\"): text += Array(String(try escape()).utf8)
      case 0..<0x20: throw error("a control character in a string")
      default: text.append(byte)
      }
    }
    throw error("a string without an end")
  }

  private mutating func escape() throws -> Unicode.Scalar {
    let simple: [UInt8: Unicode.Scalar] = [
      UInt8(ascii: "\""): "\"", UInt8(ascii: "\\"): "\\", UInt8(ascii: "/"): "/",
      UInt8(ascii: "b"): "\u{8}", UInt8(ascii: "f"): "\u{c}", UInt8(ascii: "n"): "\n",
      UInt8(ascii: "r"): "\r", UInt8(ascii: "t"): "\t",
    ]
    guard let byte = peek else { throw error("a string without an end") }
    position += 1
    if let scalar = simple[byte] { return scalar }
    guard byte == UInt8(ascii: "u") else { throw error("unknown escape in a string") }
    let unit = try hexadecimal()
    if let scalar = Unicode.Scalar(unit) { return scalar }
    guard (0xD800..<0xDC00).contains(unit), take("\\"), take("u") else {
      throw error("an unpaired surrogate")
    }
    let low = try hexadecimal()
    guard (0xDC00..<0xE000).contains(low),
      let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
    else { throw error("an unpaired surrogate") }
    return scalar
  }

  private mutating func hexadecimal() throws -> UInt32 {
    guard position + 4 <= bytes.count,
      let text = String(validating: bytes[position..<position + 4], as: UTF8.self),
      text.allSatisfy(\.isHexDigit), let value = UInt32(text, radix: 16)
    else { throw error("expected four hexadecimal digits") }
    position += 4
    return value
  }

  private mutating func number() throws -> StrictJSON {
    let start = position
    _ = take("-")
    if !take("0") { try digits() }
    if take(".") { try digits() }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      try digits()
    }
    return .number(String(decoding: bytes[start..<position], as: UTF8.self))
  }

  private mutating func digits() throws {
    guard let first = peek, (0x30...0x39).contains(first) else { throw error("expected a value") }
    while let byte = peek, (0x30...0x39).contains(byte) { position += 1 }
  }

  private mutating func word(_ word: String, _ value: StrictJSON) throws -> StrictJSON {
    guard bytes[position...].starts(with: word.utf8) else { throw error("expected a value") }
    position += word.utf8.count
    return value
  }

  private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard peek == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  private func error(_ reason: String) -> StrictJSON.SyntaxError {
    let line = 1 + bytes.prefix(position).count { $0 == 0x0A }
    return StrictJSON.SyntaxError(reason: reason, line: line)
  }
}
