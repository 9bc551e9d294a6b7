/// A word of a configuration. Decoding another word names those that are possible.
public protocol ConfigChoice: RawRepresentable, CaseIterable, Codable, Sendable
where RawValue == String {}

extension ConfigChoice {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let value = Self(rawValue: text) else {
      let known = Self.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "expected one of \(known)")
    }
    self = value
  }
}
