import Foundation
import Synchronization

/// SIGINT, SIGTERM and SIGUSR1 as a request to save and stop; a second one stops at once.
public enum StopSignal {
  private static let received = Atomic<Int32>(0)
  /// The end of a pipe that the handler writes to: it may do little else.
  private static let bell = Atomic<Int32>(-1)

  /// - Parameter announce: called on a thread of its own with the first signal, at once, whatever
  ///   the process is in the middle of.
  public static func install(announce: (@Sendable (Int32) -> Void)? = nil) {
    if let announce, bell.load(ordering: .relaxed) < 0 { listen(announce) }
    // A parent may have started this process with signals blocked, as one does from a dispatch queue.
    var signals = sigset_t()
    sigemptyset(&signals)
    for signal in [SIGINT, SIGTERM, SIGUSR1] {
      sigaddset(&signals, signal)
      Foundation.signal(signal) { number in
        let first = StopSignal.received.compareExchange(
          expected: 0, desired: number, ordering: .relaxed
        ).exchanged
        if !first { _exit(128 + number) }
        let bell = StopSignal.bell.load(ordering: .relaxed)
        var byte = UInt8(truncatingIfNeeded: number)
        if bell >= 0 { _ = write(bell, &byte, 1) }
      }
    }
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  private static let announced = DispatchSemaphore(value: 0)

  /// Waits until the signal was announced, for a second at the most: a process that has nothing left
  /// to do could end before.
  static func waitForAnnouncement() {
    guard bell.load(ordering: .relaxed) >= 0 else { return }
    _ = announced.wait(timeout: .now() + 1)
  }

  /// The signal that was received, or nil.
  public static var pending: Int32? {
    let signal = received.load(ordering: .relaxed)
    return signal == 0 ? nil : signal
  }

  /// `SIGTERM`
  public static func name(_ signal: Int32) -> String {
    [SIGINT: "SIGINT", SIGTERM: "SIGTERM", SIGUSR1: "SIGUSR1"][signal] ?? "signal \(signal)"
  }

  private static func listen(_ announce: @escaping @Sendable (Int32) -> Void) {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { return }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let reading = ends[0]
    bell.store(ends[1], ordering: .relaxed)
    let thread = Thread {
      var byte: UInt8 = 0
      while read(reading, &byte, 1) < 0 && errno == EINTR {}
      announce(Int32(byte))
      announced.signal()
    }
    thread.name = "trajloom.signals"
    thread.start()
  }
}
