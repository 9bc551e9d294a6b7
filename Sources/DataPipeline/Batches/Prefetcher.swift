import Foundation

/// Makes batches on a background thread while the trainer computes, at most `depth` ahead, and
/// hands them out in order.
public final class Prefetcher<Batch: Sendable>: Sendable {
  private let state: PrefetchState<Batch>

  /// - Parameters:
  ///   - depth: how many finished batches may wait.
  ///   - startingAt: the number of the first batch.
  ///   - upTo: the number after the last one.
  ///   - make: makes batch n. It is called for one number after the other, on one thread.
  public init(
    depth: Int, startingAt first: Int, upTo end: Int = .max,
    make: @escaping @Sendable (Int) throws -> Batch
  ) {
    precondition(depth > 0, "Prefetcher: depth \(depth)")
    let state = PrefetchState<Batch>(depth: depth)
    self.state = state
    let thread = Thread { state.produce(from: first, upTo: end, make) }
    thread.name = "trajloom.prefetch"
    thread.start()
  }

  deinit { state.stop() }

  /// The next batch, waiting for it if need be.
  /// - Precondition: there is one more.
  /// - Throws: what `make` threw for this batch, and again on every later call: nothing follows an
  ///   error. `CancellationError` after `stop()`.
  public func next() throws -> Batch { try state.next { false }! }

  /// The same, unless `isCalledOff` comes true while there is no batch yet: nil then. It is asked
  /// about twenty times a second.
  public func next(unless isCalledOff: () -> Bool) throws -> Batch? {
    try state.next(unless: isCalledOff)
  }

  /// The time that calls of `next()` have waited so far, in seconds.
  public var secondsWaited: Double { state.waited }

  /// Ends the thread and waits for it: at most until the batch in the making is done.
  public func stop() { state.stop() }

  /// Ends the thread and does not wait for the batch in the making, which may never be done; later
  /// calls of `stop()` do not, either. Nothing may be assumed of what the thread reads from until the
  /// process ends.
  public func abandon() { state.abandon() }
}

/// What the two threads share; all of it behind one condition. `@unchecked Sendable` for that
/// reason.
private final class PrefetchState<Batch: Sendable>: @unchecked Sendable {
  private let condition = NSCondition()
  private let depth: Int
  private var ready: [Result<Batch, any Error>] = []
  private var seconds = 0.0
  private var isStopped = false
  private var hasEnded = false
  private var isAbandoned = false

  init(depth: Int) { self.depth = depth }

  var waited: Double { condition.withLock { seconds } }

  func produce(from first: Int, upTo end: Int, _ make: (Int) throws -> Batch) {
    var number = first
    while number < end {
      let mayContinue = condition.withLock {
        while ready.count >= depth && !isStopped { condition.wait() }
        return !isStopped
      }
      guard mayContinue else { break }
      let result = Result { try make(number) }
      condition.withLock {
        ready.append(result)
        condition.broadcast()
      }
      number += 1
      if case .failure = result { break }
    }
    condition.withLock {
      hasEnded = true
      condition.broadcast()
    }
  }

  func next(unless isCalledOff: () -> Bool) throws -> Batch? {
    try condition.withLock {
      if ready.isEmpty && !isStopped {
        let start = DispatchTime.now().uptimeNanoseconds
        defer { seconds += Double(DispatchTime.now().uptimeNanoseconds - start) * 1e-9 }
        while ready.isEmpty && !isStopped {
          precondition(!hasEnded, "Prefetcher: no batch after the last one")
          guard !isCalledOff() else { return nil }
          _ = condition.wait(until: Date(timeIntervalSinceNow: 0.05))
        }
      }
      guard !isStopped else { throw CancellationError() }
      let batch = try ready[0].get()
      ready.removeFirst()
      condition.broadcast()
      return batch
    }
  }

  func stop() {
    condition.withLock {
      isStopped = true
      condition.broadcast()
      while !hasEnded && !isAbandoned { condition.wait() }
      ready = []
    }
  }

  func abandon() {
    condition.withLock { isAbandoned = true }
    stop()
  }
}
