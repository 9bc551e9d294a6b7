import Foundation

/// A safetensors file, open to read: the header is checked whole at opening, tensors are read when
/// asked for.
public struct SafetensorsFile: Sendable {
  public let path: String
  /// The free strings of the header.
  public let metadata: [String: String]
  private let entries: [String: SafetensorsHeader.Entry]
  private let data: Data
  private let start: Int

  /// - Throws: `SafetensorsError` that names the file and the fault.
  public init(path: String) throws {
    self.path = path
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
    } catch {
      guard FileManager.default.fileExists(atPath: path) else {
        throw SafetensorsError(path: path, reason: "no such file")
      }
      throw SafetensorsError(path: path, reason: "cannot be read: \(error.localizedDescription)")
    }
    do {
      guard data.count >= 8 else {
        throw SafetensorsFault("\(data.count) bytes, too short for a safetensors file")
      }
      let length = data.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      guard length <= SafetensorsHeader.maximumLength else {
        throw SafetensorsFault("a header of \(length) bytes; this is not a safetensors file")
      }
      start = 8 + Int(length)
      guard start <= data.count else {
        throw SafetensorsFault("a header of \(length) bytes in a file of \(data.count): truncated")
      }
      let header = try SafetensorsHeader(data[8..<start], dataLength: data.count - start)
      metadata = header.metadata
      entries = Dictionary(uniqueKeysWithValues: header.entries.map { ($0.name, $0) })
    } catch let fault as SafetensorsFault {
      throw SafetensorsError(path: path, reason: fault.reason)
    }
  }

  /// The tensors' names, sorted.
  public var names: [String] { entries.keys.sorted() }

  public func shape(of name: String) throws -> [Int] { try entry(name).shape }
  public func type(of name: String) throws -> SafetensorsType { try entry(name).type }

  /// A tensor as `Float`, converted from its type if need be.
  /// - Throws: `SafetensorsError` if there is none of that name, or its type is an 8-bit float.
  public func array(_ name: String) throws -> NDArray {
    let entry = try entry(name)
    return NDArray(try known(entry.type.floats(bytes(entry)), entry), shape: entry.shape)
  }

  /// Every tensor as `Float`, by name.
  public func arrays() throws -> [String: NDArray] {
    try Dictionary(uniqueKeysWithValues: names.map { ($0, try array($0)) })
  }

  /// A tensor's elements as `Double`.
  /// - Throws: as `array`.
  public func values(_ name: String) throws -> [Double] {
    let entry = try entry(name)
    return try known(entry.type.doubles(bytes(entry)), entry)
  }

  private func known<Elements>(
    _ elements: Elements?, _ entry: SafetensorsHeader.Entry
  ) throws -> Elements {
    guard let elements else {
      throw SafetensorsError(
        path: path,
        reason:
          "tensor \"\(entry.name)\" has dtype \(entry.type.rawValue); convert it to F32 first")
    }
    return elements
  }

  private func entry(_ name: String) throws -> SafetensorsHeader.Entry {
    guard let entry = entries[name] else {
      throw SafetensorsError(path: path, reason: "there is no tensor \"\(name)\"")
    }
    return entry
  }

  private func bytes(_ entry: SafetensorsHeader.Entry) -> Data {
    data[start + entry.bytes.lowerBound..<start + entry.bytes.upperBound]
  }
}

/// A safetensors file that cannot be used: its path and why.
public struct SafetensorsError: Error, CustomStringConvertible, Sendable {
  public let path: String
  public let reason: String
  public var description: String { "\(path): \(reason)" }
}

/// Writes `arrays` as F32 in order of their names. The file appears whole or not at all.
/// - Throws: `FileError`
public func writeSafetensors(
  _ arrays: [String: NDArray], metadata: [String: String] = [:], to path: String
) throws {
  var offset = 0
  var members: [String] = []
  if !metadata.isEmpty {
    let strings = metadata.sorted { $0.key < $1.key }.map {
      "\(quoted($0.key)):\(quoted($0.value))"
    }
    members.append("\"__metadata__\":{\(strings.joined(separator: ","))}")
  }
  let sorted = arrays.sorted { $0.key < $1.key }
  for (name, array) in sorted {
    let end = offset + array.count * MemoryLayout<Float>.size
    let shape = array.shape.map(String.init).joined(separator: ",")
    members.append(
      "\(quoted(name)):{\"dtype\":\"F32\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}"
    )
    offset = end
  }
  var header = Data("{\(members.joined(separator: ","))}".utf8)
  // Spaces up to a multiple of eight: the tensors are aligned.
  header.append(Data(repeating: 0x20, count: (8 - header.count % 8) % 8))
  let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) }
  try AtomicFile.write(to: path) { file in
    // Models have hundreds of small arrays: one call for many of them.
    var pending = length + header
    for (_, array) in sorted {
      try array.scalars.withUnsafeBytes { bytes in
        if pending.count + bytes.count > pieceSize {
          try file.write(pending)
          pending.removeAll(keepingCapacity: true)
        }
        if bytes.count > pieceSize {
          try file.write(bytes)
        } else {
          pending.append(contentsOf: bytes)
        }
      }
    }
    try file.write(pending)
  }
}

/// Bytes that are worth a call of their own.
private let pieceSize = 1 << 20

/// A string as a JSON literal.
package func quoted(_ text: String) -> String {
  let escaped = text.unicodeScalars.map { scalar -> String in
    switch scalar {
    case "\"": "\\\""
    case "\\": "\\\\"
    case "\n": "\\n"
    case "\r": "\\r"
    case "\t": "\\t"
    case _ where scalar.value < 0x20: "\\u" + String(scalar.value + 0x10000, radix: 16).dropFirst()
    default: String(scalar)
    }
  }
  return "\"\(escaped.joined())\""
}
