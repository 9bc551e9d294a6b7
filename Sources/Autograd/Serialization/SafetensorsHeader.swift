/// The header of a safetensors file, checked as strictly as the reference reader
/// (huggingface/safetensors, `safetensors/src/tensor.rs`) does: nothing is allocated for tensors
/// before all of it holds.
struct SafetensorsHeader {
  struct Entry: Equatable {
    let name: String
    let type: SafetensorsType
    let shape: [Int]
    /// The tensor's bytes, counted from the end of the header.
    let bytes: Range<Int>
  }

  let entries: [Entry]
  let metadata: [String: String]

  static let maximumLength = 100_000_000

  /// - Parameters:
  ///   - text: the JSON of the header.
  ///   - dataLength: how many bytes follow it in the file.
  /// - Throws: `SafetensorsFault`
  init(_ text: some Collection<UInt8>, dataLength: Int) throws {
    guard text.first == UInt8(ascii: "{") else {
      throw SafetensorsFault("the header does not start with '{'")
    }
    let json: StrictJSON
    do { json = try StrictJSON(parsing: text) } catch let error as StrictJSON.SyntaxError {
      throw SafetensorsFault("the header is not valid JSON: \(error.reason)")
    }
    var entries: [Entry] = []
    var metadata: [String: String] = [:]
    for member in json.members ?? [] {
      if member.key == "__metadata__" {
        metadata = try Self.metadata(member.value)
      } else {
        entries.append(try Self.entry(member.key, member.value))
      }
    }
    entries.sort {
      ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound)
    }
    var end = 0
    for entry in entries {
      guard entry.bytes.lowerBound == end else {
        throw SafetensorsFault(
          "tensor \"\(entry.name)\" starts at byte \(entry.bytes.lowerBound), expected \(end): "
            + "tensors must follow each other without holes or overlaps")
      }
      end = entry.bytes.upperBound
    }
    guard end == dataLength else {
      throw SafetensorsFault("the tensors take \(end) bytes, and \(dataLength) follow the header")
    }
    self.entries = entries
    self.metadata = metadata
  }

  private static func metadata(_ json: StrictJSON) throws -> [String: String] {
    guard let members = json.members else {
      throw SafetensorsFault("__metadata__ is not an object")
    }
    return try members.reduce(into: [:]) { result, member in
      guard let value = member.value.string else {
        throw SafetensorsFault("__metadata__.\(member.key) is not a string")
      }
      result[member.key] = value
    }
  }

  private static func entry(_ name: String, _ json: StrictJSON) throws -> Entry {
    guard let typeName = json["dtype"]?.string else {
      throw SafetensorsFault("tensor \"\(name)\" has no dtype")
    }
    guard let type = SafetensorsType(rawValue: typeName) else {
      let known = SafetensorsType.allCases.map(\.rawValue).joined(separator: ", ")
      throw SafetensorsFault("tensor \"\(name)\" has dtype \(typeName), expected one of \(known)")
    }
    guard let shape = sizes(json["shape"]) else {
      throw SafetensorsFault("tensor \"\(name)\" has no shape of whole numbers")
    }
    guard let offsets = sizes(json["data_offsets"]), offsets.count == 2, offsets[0] <= offsets[1]
    else { throw SafetensorsFault("tensor \"\(name)\" has no data_offsets [begin, end]") }
    var length = type.size
    for extent in shape {
      let (product, overflow) = length.multipliedReportingOverflow(by: extent)
      guard !overflow else {
        throw SafetensorsFault("tensor \"\(name)\": shape \(shape) overflows")
      }
      length = product
    }
    guard length == offsets[1] - offsets[0] else {
      throw SafetensorsFault(
        "tensor \"\(name)\": \(typeName) \(shape) takes \(length) bytes, and its data_offsets span "
          + "\(offsets[1] - offsets[0])")
    }
    return Entry(name: name, type: type, shape: shape, bytes: offsets[0]..<offsets[1])
  }

  private static func sizes(_ json: StrictJSON?) -> [Int]? {
    guard let elements = json?.elements else { return nil }
    let values = elements.compactMap(\.integer)
    return values.count == elements.count && values.allSatisfy { $0 >= 0 } ? values : nil
  }
}

/// What is wrong with a safetensors file, without its path.
struct SafetensorsFault: Error {
  let reason: String
  init(_ reason: String) { self.reason = reason }
}
