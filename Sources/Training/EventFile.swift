import Autograd
import Foundation

/// A file of scalars for TensorBoard: a TFRecord file of `Event` messages
/// (tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto).
///
/// A process that goes on with a run writes a file of its own beside those of the earlier ones.
final class EventFile {
  let path: String
  private let file: FileHandle
  /// Up to the end of the last whole record.
  private var size: UInt64 = 0

  /// Makes a new file in `folder`, which is made too if need be.
  /// - Parameter firstStep: the first step that this file is for, when the run goes on: TensorBoard
  ///   then forgets what earlier files say of this step and later ones. Nil for a run that begins.
  /// - Throws: `TrainingError.resource`, as the other functions do.
  init(folder: String, firstStep: Int?) throws {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw TrainingError.resource(
        "\(folder): the folder cannot be made (\(error.localizedDescription))")
    }
    let now = Date().timeIntervalSince1970
    path = "\(folder)/\(Self.name(in: folder, at: Int(now)))"
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw TrainingError.resource(
        "\(path): cannot be made (\(String(cString: strerror(errno)))); free space and resume")
    }
    file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var version = Message(event: now, step: 0)
    version.add(3, "brain.Event:2")  // file_version: always the first
    try write(version)
    do { try AtomicFile.syncFolder(folder) } catch {
      throw TrainingError.resource("\(path): cannot be made (\(error)); free space and resume")
    }
    if let firstStep {
      var start = Message()
      start.add(1, varint: 1)  // SessionLog.status: START
      var event = Message(event: now, step: firstStep)
      event.add(7, start)  // session_log
      try write(event)
    }
  }

  /// Appends the values of a step by their tags. Values are stored as `Float`; those that are not
  /// finite are values too.
  /// - Parameter wallTime: seconds since 1970.
  func append(
    step: Int, wallTime: Double = Date().timeIntervalSince1970, _ scalars: [(String, Double)]
  ) throws {
    var summary = Message()
    for (tag, number) in scalars {
      var value = Message()
      value.add(1, tag)
      value.add(2, Float(number))  // simple_value
      summary.add(1, value)
    }
    var event = Message(event: wallTime, step: step)
    event.add(5, summary)
    try write(event)
  }

  /// Returns when what was appended will outlast a loss of power.
  func sync() throws {
    do { try file.synchronize() } catch { throw failure(error) }
  }

  /// One record: the length and its checksum, the payload and its checksum.
  private func write(_ message: Message) throws {
    let length = littleEndian(UInt64(message.bytes.count))
    let record =
      length + littleEndian(CRC32C.masked(length)) + message.bytes
      + littleEndian(CRC32C.masked(message.bytes))
    do { try file.write(contentsOf: Data(record)) } catch {
      // Readers stop at half a record, and would not see what comes after it.
      try? file.truncate(atOffset: size)
      throw failure(error)
    }
    size += UInt64(record.count)
  }

  private func failure(_ error: any Error) -> TrainingError {
    .resource("\(path): cannot be written (\(error)); free space and resume")
  }

  /// `events.out.tfevents.<seconds>.<host>.<pid>.<n>`. TensorBoard reads the files of a folder in the
  /// order of their names, so the seconds are later than those of every file that is there, whatever
  /// the clock says.
  private static func name(in folder: String, at seconds: Int) -> String {
    let prefix = "events.out.tfevents."
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let latest = names.filter { $0.hasPrefix(prefix) }
      .compactMap { Int($0.dropFirst(prefix.count).prefix { $0.isNumber }) }.max()
    let time = max(seconds, (latest ?? 0) + 1)
    return "\(prefix)\(time).\(ProcessInfo.processInfo.hostName).\(getpid()).0"
  }
}

/// A message in the protocol buffers' wire format: fields by their numbers.
private struct Message {
  private(set) var bytes: [UInt8] = []

  /// How a field's value is stored, in the low bits of its key.
  private enum Wire: UInt64 {
    case varint = 0
    case eightBytes = 1
    case lengthDelimited = 2
    case fourBytes = 5
  }

  init() {}

  /// An `Event` of which the content is still to be added.
  init(event wallTime: Double, step: Int) {
    key(1, .eightBytes)
    bytes += littleEndian(wallTime.bitPattern)
    add(2, varint: UInt64(bitPattern: Int64(step)))
  }

  mutating func add(_ field: UInt64, varint value: UInt64) {
    key(field, .varint)
    append(varint: value)
  }

  mutating func add(_ field: UInt64, _ value: Float) {
    key(field, .fourBytes)
    bytes += littleEndian(value.bitPattern)
  }

  mutating func add(_ field: UInt64, _ text: String) { add(field, Array(text.utf8)) }

  mutating func add(_ field: UInt64, _ message: Message) { add(field, message.bytes) }

  private mutating func add(_ field: UInt64, _ content: [UInt8]) {
    key(field, .lengthDelimited)
    append(varint: UInt64(content.count))
    bytes += content
  }

  private mutating func key(_ field: UInt64, _ wire: Wire) {
    append(varint: field << 3 | wire.rawValue)
  }

  /// Seven bits a byte, the lowest first; the eighth bit says that more follow.
  private mutating func append(varint value: UInt64) {
    var rest = value
    while rest > 0x7F {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}

private func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
  (0..<value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}
