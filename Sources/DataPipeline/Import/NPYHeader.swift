/// The header of a `.npy` file: a Python dictionary literal of exactly three keys. Nothing is
/// evaluated.
struct NPYHeader {
  let type: String
  let isFortran: Bool
  let shape: [Int]

  /// Nil for anything but `{'descr': '<f4', 'fortran_order': False, 'shape': (390, 162, 2), }` with
  /// the keys in any order.
  init?(_ text: String) {
    var scanner = LiteralScanner(text)
    var (type, isFortran, shape): (String?, Bool?, [Int]?) = (nil, nil, nil)
    guard scanner.take("{") else { return nil }
    while !scanner.take("}") {
      guard let key = scanner.string(), scanner.take(":") else { return nil }
      switch key {
      case "descr" where type == nil: type = scanner.string()
      case "fortran_order" where isFortran == nil:
        isFortran = scanner.take("True") ? true : scanner.take("False") ? false : nil
        if isFortran == nil { return nil }
      case "shape" where shape == nil: shape = scanner.tuple()
      default: return nil
      }
      if !scanner.take(",") && !scanner.isAt("}") { return nil }
    }
    guard let type, let isFortran, let shape, scanner.isAtEnd else { return nil }
    self.type = type
    self.isFortran = isFortran
    self.shape = shape
  }
}

private struct LiteralScanner {
  private var rest: Substring

  init(_ text: String) { rest = Substring(text) }

  var isAtEnd: Bool { rest.allSatisfy(\.isWhitespace) }

  mutating func take(_ token: String) -> Bool {
    guard isAt(token) else { return false }
    rest = rest.drop(while: \.isWhitespace).dropFirst(token.count)
    return true
  }

  func isAt(_ token: String) -> Bool { rest.drop(while: \.isWhitespace).hasPrefix(token) }

  mutating func string() -> String? {
    for quote in ["'", "\""] where take(quote) {
      guard let end = rest.firstIndex(of: Character(quote)) else { return nil }
      defer { rest = rest[rest.index(after: end)...] }
      return String(rest[..<end])
    }
    return nil
  }

  mutating func tuple() -> [Int]? {
    guard take("(") else { return nil }
    var numbers: [Int] = []
    while !take(")") {
      rest = rest.drop(while: \.isWhitespace)
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      guard let number = Int(digits) else { return nil }
      rest = rest.dropFirst(digits.count)
      numbers.append(number)
      if !take(",") && !isAt(")") { return nil }
    }
    return numbers
  }
}
