import Foundation
import Synchronization

/// SIGINT, SIGTERM and SIGUSR1 as a request to save and stop; a second one stops at once.
public enum StopSignal {
  private static let received = Atomic<Int32>(0)

  public static func install() {
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
      }
    }
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  /// The signal that was received, or nil.
  public static var pending: Int32? {
    let signal = received.load(ordering: .relaxed)
    return signal == 0 ? nil : signal
  }
}
