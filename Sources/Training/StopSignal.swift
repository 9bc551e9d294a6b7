import Foundation
import Synchronization

/// SIGINT, SIGTERM and SIGUSR1 as a request to save and stop; a second one stops at once.
enum StopSignal {
  private static let received = Atomic<Int32>(0)

  static func install() {
    for signal in [SIGINT, SIGTERM, SIGUSR1] {
      Foundation.signal(signal) { number in
        let first = StopSignal.received.compareExchange(
          expected: 0, desired: number, ordering: .relaxed
        ).exchanged
        if !first { _exit(128 + number) }
      }
    }
  }

  /// The signal that was received, or nil.
  static var pending: Int32? {
    let signal = received.load(ordering: .relaxed)
    return signal == 0 ? nil : signal
  }
}
