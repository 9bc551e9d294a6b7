import Foundation
import TestSupport
import Testing

/// A pseudo terminal, as wide as one likes.
private final class Terminal {
  private let screen: Int32
  private let line: Int32

  init(columns: UInt16) throws {
    // posix_openpt and its like, which Glibc's module does not show, as Linux does them.
    let (setLock, openPeer): (UInt, UInt) = (0x4004_5431, 0x5441)  // TIOCSPTLCK, TIOCGPTPEER
    screen = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    var isLocked: Int32 = 0
    try #require(screen >= 0 && ioctl(screen, setLock, &isLocked) == 0)
    line = ioctl(screen, openPeer, O_RDWR | O_NOCTTY | O_CLOEXEC)
    try #require(line >= 0)
    var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    try #require(ioctl(line, UInt(TIOCSWINSZ), &size) == 0)
    // What a program writes comes through as it is, without carriage returns before line feeds.
    var settings = termios()
    tcgetattr(line, &settings)
    settings.c_oflag &= ~tcflag_t(OPOST)
    tcsetattr(line, TCSANOW, &settings)
  }

  deinit { close(screen) }

  /// What the built program writes to the terminal, its standard error.
  func run(_ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = Program.url
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: Program.package)
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle(fileDescriptor: line)
    try process.run()
    close(line)  // so that reading ends when the program has
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while case let count = read(screen, &buffer, buffer.count), count > 0 {
      bytes += buffer.prefix(count)
    }
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return String(decoding: bytes, as: UTF8.self)
  }
}

@Test func oneProgressLineIsRedrawnInATerminal() throws {
  let folder = try TemporaryFolder.make("terminal")
  let sets = TinyRuns(folder)
  #expect(try sets.synthesize().code == 0)
  let arguments = ["train", "vae", "--config", "configs/quick/vae.json"] + sets.vae + ["--name"]

  // The states that were drawn, each over the one before.
  func states(columns: UInt16, name: String) throws -> [String] {
    let shown = try Terminal(columns: columns).run(arguments + [name])
    #expect(!shown.hasPrefix("\r") && shown.hasSuffix("names the checkpoint\n"), "\(shown)")
    let drawn = shown.split(separator: "\r").dropFirst()
    #expect(drawn.allSatisfy { $0.hasPrefix("\u{1B}[K") }, "\(drawn)")
    // The last one stays, and lines that stay follow it.
    #expect(drawn.dropLast().allSatisfy { !$0.contains("\n") }, "\(drawn)")
    return drawn.map { $0.dropFirst(3).prefix { $0 != "\n" }.description }
  }
  let narrow = try states(columns: 60, name: "narrow")
  #expect(narrow.count == 3 && narrow.allSatisfy { $0.count <= 60 }, "\(narrow)")
  for (step, state) in zip(1..., narrow) {
    #expect(state.hasPrefix("step \(step)/3  loss "), "\(state)")
    #expect(state.contains("  reconstruction ") && state.hasSuffix(" …"), "\(state)")
  }
  let wide = try states(columns: 250, name: "wide")
  #expect(wide.count == 3)
  for (step, state) in zip(1..., wide) {
    for part in ["step \(step)/3  loss ", " kl ", " velocity ", "  lr 0.00", "  ETA "] {
      #expect(state.contains(part), "\(part): \(state)")
    }
  }
  // A terminal that does not tell its width is taken for one of 80.
  let unknown = try states(columns: 0, name: "unknown")
  #expect(unknown.allSatisfy { (60...80).contains($0.count) }, "\(unknown)")

  let plain = try Program(arguments + ["plain"])
  #expect(!plain.errors.contains("\r") && !plain.errors.contains("\u{1B}"), "\(plain.errors)")
  let lines = plain.errors.split(separator: "\n").filter { $0.contains("/3  loss ") }
  #expect(lines.count == 3 && lines.allSatisfy { $0.contains("  lr 0.00") }, "\(lines)")
}
