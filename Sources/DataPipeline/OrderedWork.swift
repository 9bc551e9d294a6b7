import Foundation

/// Makes values 0..<count on all cores and hands them over one by one, in order, on the calling
/// thread. At most a few per core are made ahead.
/// - Parameters:
///   - make: called on any thread.
///   - use: called with (number, what `make` returned or threw); false ends the work.
/// - Throws: what `use` throws.
func inOrder<Value: Sendable>(
  _ count: Int, make: @Sendable (Int) throws -> Value,
  use: (Int, Result<Value, any Error>) throws -> Bool
) rethrows {
  let block = 4 * ProcessInfo.processInfo.activeProcessorCount
  for start in stride(from: 0, to: count, by: block) {
    let slots = Slots<Result<Value, any Error>>(count: min(block, count - start))
    DispatchQueue.concurrentPerform(iterations: slots.count) { offset in
      slots.put(Result { try make(start + offset) }, at: offset)
    }
    for (offset, result) in slots.all.enumerated() {
      guard try use(start + offset, result) else { return }
    }
  }
}

/// Room for values that several threads finish in any order. `@unchecked Sendable`: all behind the
/// lock.
private final class Slots<Value: Sendable>: @unchecked Sendable {
  let count: Int
  private let lock = NSLock()
  private var values: [Value?]

  init(count: Int) {
    self.count = count
    values = [Value?](repeating: nil, count: count)
  }

  func put(_ value: Value, at index: Int) { lock.withLock { values[index] = value } }
  var all: [Value] { lock.withLock { values.compactMap { $0 } } }
}
