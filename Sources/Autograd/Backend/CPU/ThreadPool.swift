import Dispatch
import Foundation
import Synchronization

/// The one pool: Dispatch's. BLAS runs single-threaded inside it.
enum ThreadPool {
  /// How many threads kernels may use: `TRAJLOOM_THREADS`, or every core.
  static let threads: Int = {
    let wanted = ProcessInfo.processInfo.environment["TRAJLOOM_THREADS"].flatMap { Int($0) }
    return max(1, wanted ?? ProcessInfo.processInfo.activeProcessorCount)
  }()

  /// A smaller number of threads for the work started inside a scope.
  @TaskLocal static var limit: Int?

  /// Runs `body(0) ... body(count - 1)`, in any order, on all threads. What one piece is depends on
  /// the problem's size alone, never on the number of threads, so that results do not either.
  static func run(_ count: Int, _ body: (Int) -> Void) {
    let workers = min(limit ?? threads, count)
    guard workers > 1 else {
      for piece in 0..<count { body(piece) }
      return
    }
    let next = Atomic<Int>(0)
    withoutActuallyEscaping(body) { body in
      // Sound: the pieces write to disjoint memory, and this call outlives them.
      nonisolated(unsafe) let body = body
      DispatchQueue.concurrentPerform(iterations: workers) { _ in
        while true {
          let piece = next.wrappingAdd(1, ordering: .relaxed).oldValue
          guard piece < count else { return }
          body(piece)
        }
      }
    }
  }

  /// Splits `0..<total` into pieces of `size` and runs `body` on each.
  static func run(_ total: Int, by size: Int, _ body: (Range<Int>) -> Void) {
    run((total + size - 1) / size) { piece in
      body(piece * size..<min(total, (piece + 1) * size))
    }
  }
}
