import Foundation
import TestSupport
import Testing

@testable import Training

@Test func castagnoliChecksumsHaveTheirCheckValues() {
  #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xE306_9283)
  // RFC 3720, appendix B.4.
  #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
  #expect(CRC32C.checksum(Array(0..<32)) == 0x46DD_794E)
  #expect(CRC32C.checksum([]) == 0)
  // The rotation and the shift, done by hand.
  #expect(CRC32C.masked(Array("123456789".utf8)) == 0x2507_C60D &+ 0xA282_EAD8)
}

@Test func eventsAreFramedRecords() throws {
  let folder = try TemporaryFolder.make() + "/new/folder"
  let file = try EventFile(folder: folder, firstStep: 300)
  try file.append(step: 300, wallTime: 1.5, [("train/loss", 0.25), ("lr", .infinity)])
  try file.sync()

  let name = (file.path as NSString).lastPathComponent.split(separator: ".")
  #expect(
    name.prefix(3) == ["events", "out", "tfevents"] && name.suffix(2) == ["\(getpid())", "0"])
  let records = try Records(path: file.path)
  #expect(records.payloads.count == 3 && records.rest.isEmpty)
  // The fields after the first nine bytes, which hold the time of writing.
  #expect(
    Array(records.payloads[0].dropFirst(9)) == [0x10, 0, 0x1A, 13] + Array("brain.Event:2".utf8))
  #expect(Array(records.payloads[1].dropFirst(9)) == [0x10, 0xAC, 0x02, 0x3A, 2, 0x08, 1])
  let time: [UInt8] = [0x09, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F]  // 1.5
  let loss = [0x0A, 17, 0x0A, 10] + Array("train/loss".utf8) + [0x15, 0, 0, 0x80, 0x3E]
  let rate = [0x0A, 9, 0x0A, 2] + Array("lr".utf8) + [0x15, 0, 0, 0x80, 0x7F]
  #expect(records.payloads[2] == time + [0x10, 0xAC, 0x02, 0x2A, 30] + loss + rate)
}

@Test func eventFilesOfARunSortInTheOrderOfTheirMaking() throws {
  let folder = try TemporaryFolder.make()
  // The clock was ahead when this one was made.
  let ahead = "events.out.tfevents.9999999998.host.1.0"
  #expect(FileManager.default.createFile(atPath: "\(folder)/\(ahead)", contents: nil))
  let second = try EventFile(folder: folder, firstStep: 1)
  let third = try EventFile(folder: folder, firstStep: 2)
  let names = [second, third].map { ($0.path as NSString).lastPathComponent }
  #expect(ahead < names[0] && names[0].hasPrefix("events.out.tfevents.9999999999."))
  #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 3)
}

@Test func eventFilesThatCannotBeWrittenAreNamed() throws {
  let folder = try TemporaryFolder.make()
  let file = "\(folder)/file"
  try Data().write(to: URL(fileURLWithPath: file))
  let error = #expect(throws: TrainingError.self) {
    try EventFile(folder: "\(file)/events", firstStep: nil)
  }
  #expect(error?.description.hasPrefix("\(file)/events: the folder cannot be made") == true)
}

/// What fails half-way leaves no half of a record.
@Test func failedAppendsLeaveWholeRecords() async {
  await #expect(processExitsWith: .success) {
    let file = try EventFile(folder: TemporaryFolder.make(), firstStep: nil)
    try file.append(step: 1, [("loss", 1)])
    let size = try #require(FileManager.default.contents(atPath: file.path)).count
    signal(SIGXFSZ, SIG_IGN)
    let resource = __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
    var limit = rlimit()
    getrlimit(resource, &limit)
    limit.rlim_cur = rlim_t(size + 10)
    setrlimit(resource, &limit)
    let error = #expect(throws: TrainingError.self) { try file.append(step: 2, [("loss", 2)]) }
    #expect(error?.description.hasPrefix("\(file.path): cannot be written") == true)
    limit.rlim_cur = limit.rlim_max
    setrlimit(resource, &limit)
    try file.append(step: 3, [("loss", 3)])
    let records = try Records(path: file.path)
    #expect(records.payloads.count == 3 && records.rest.isEmpty)
  }
}

@Test(
  .enabled(
    if: TensorBoard.isThere, "TensorBoard is not there: name a Python with it in TRAJLOOM_PYTHON"))
func tensorBoardReadsTheEvents() throws {
  let folder = try TemporaryFolder.make()
  let first = try EventFile(folder: folder, firstStep: nil)
  for step in 1...5 {
    try first.append(
      step: step, wallTime: 1000.5 + Double(step),
      [("train/loss", 1 / Double(step)), ("train/grad_norm", step == 2 ? .nan : .infinity)])
  }
  try first.append(step: 4, wallTime: 1005, [("validation/loss", -3)])
  var lines = try TensorBoard.scalars(in: folder)
  #expect(
    lines == [
      "train/grad_norm 1 inf 1001.5", "train/grad_norm 2 nan 1002.5",
      "train/grad_norm 3 inf 1003.5", "train/grad_norm 4 inf 1004.5",
      "train/grad_norm 5 inf 1005.5", "train/loss 1 1.0 1001.5", "train/loss 2 0.5 1002.5",
      "train/loss 3 0.333333 1003.5", "train/loss 4 0.25 1004.5", "train/loss 5 0.2 1005.5",
      "validation/loss 4 -3.0 1005.0",
    ])

  // The process died with half a record written, and the run goes on from step 3.
  let torn = try #require(FileHandle(forWritingAtPath: first.path))
  try torn.seekToEnd()
  try torn.write(contentsOf: Data([40, 0, 0, 0, 0, 0, 0, 0, 1, 2]))
  let second = try EventFile(folder: folder, firstStep: 4)
  try second.append(step: 4, wallTime: 2004, [("train/loss", 8)])
  try second.append(step: 5, wallTime: 2005, [("train/loss", 16)])
  lines = try TensorBoard.scalars(in: folder)
  #expect(
    lines == [
      "train/grad_norm 1 inf 1001.5", "train/grad_norm 2 nan 1002.5",
      "train/grad_norm 3 inf 1003.5", "train/loss 1 1.0 1001.5", "train/loss 2 0.5 1002.5",
      "train/loss 3 0.333333 1003.5", "train/loss 4 8.0 2004.0", "train/loss 5 16.0 2005.0",
    ])
}

/// A run that was interrupted twice shows every step once, with what its log says of it.
@Test(
  .enabled(
    if: TensorBoard.isThere, "TensorBoard is not there: name a Python with it in TRAJLOOM_PYTHON"))
func tensorBoardShowsInterruptedRunsOnce() throws {
  let folder = try TemporaryFolder.make()
  struct Cut: Error {}
  for (index, stop) in [6, 11, nil].enumerated() {
    let batches = LineObjective.batches { if let stop, $0.number >= 2 * stop { throw Cut() } }
    do { try trainLine(folder, steps: 12, resume: index > 0, batches: batches) } catch is Cut {}
  }
  func lines(_ tag: String) throws -> [String] {
    try TensorBoard.scalars(in: folder).filter { $0.hasPrefix("\(tag) ") }
      .map { $0.split(separator: " ").dropFirst().prefix(2).joined(separator: " ") }
  }
  let logged = RunHistory(of: folder).training.first { $0.name == "loss" }!.points
  let expected = logged.map { ($0.step, Double(Float($0.value))) }
  let shown = try lines("train/loss").map { $0.split(separator: " ").map { Double($0)! } }
  #expect(shown.map { Int($0[0]) } == Array(1...12) && expected.map(\.0) == Array(1...12))
  for (a, b) in zip(shown, expected) { #expect(abs(a[1] - b.1) < 1e-6) }
  #expect(try lines("validation/mse").count == 3)
  #expect(try lines("timing/samples_per_second").count == 12)
}

/// The records of a TFRecord file, read without the writer's code.
private struct Records {
  var payloads: [[UInt8]] = []
  /// What is left behind the last whole record.
  var rest: Data

  init(path: String) throws {
    rest = try #require(FileManager.default.contents(atPath: path))
    while rest.count >= 12 {
      let length = rest.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
      guard rest.count >= 16 + length else { break }
      let payload = rest.dropFirst(12).prefix(length)
      #expect(Self.number(rest.dropFirst(8)) == Self.mask(Self.castagnoli(rest.prefix(8))))
      #expect(Self.number(rest.dropFirst(12 + length)) == Self.mask(Self.castagnoli(payload)))
      payloads.append(Array(payload))
      rest = rest.dropFirst(16 + length)
    }
  }

  private static func number(_ data: Data) -> UInt32 {
    data.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }

  private static func mask(_ crc: UInt32) -> UInt32 { (crc >> 15 | crc << 17) &+ 0xA282_EAD8 }

  /// Long division, bit by bit, without a table.
  private static func castagnoli(_ data: Data) -> UInt32 {
    var rest = UInt32.max
    for byte in data {
      rest ^= UInt32(byte)
      for _ in 0..<8 { rest = rest & 1 == 1 ? rest >> 1 ^ 0x82F6_3B78 : rest >> 1 }
    }
    return ~rest
  }
}

/// The real reader, in Python: `TRAJLOOM_PYTHON`, or `python3`.
private enum TensorBoard {
  static let isThere = (try? python("import tensorboard"))?.code == 0

  /// A line `tag step value time` for each scalar in a folder of event files.
  static func scalars(in folder: String) throws -> [String] {
    let result = try python(
      """
      import sys
      from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
      events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
      events.Reload()
      for tag in sorted(events.Tags()["scalars"]):
        for event in events.Scalars(tag):
          print(tag, event.step, round(event.value, 6), event.wall_time)
      """, folder)
    #expect(result.code == 0)
    return result.output.split(separator: "\n").map(String.init)
  }

  private static func python(_ script: String, _ arguments: String...) throws -> (
    code: Int32, output: String
  ) {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    let python = ProcessInfo.processInfo.environment["TRAJLOOM_PYTHON"] ?? "python3"
    process.arguments = [python, "-c", script] + arguments
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, text)
  }
}
