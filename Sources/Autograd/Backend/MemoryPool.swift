import Foundation
import Synchronization

/// Keeps freed blocks by size class and hands them out again: a training step asks for the same
/// sizes over and over, and fresh pages from the system cost a page fault for every 4 KiB.
final class MemoryPool: Sendable {
  static let shared = MemoryPool()

  private struct State {
    var free: [Int: [UInt]] = [:]  // capacity in bytes -> addresses
    var liveBytes = 0
    var peakBytes = 0
    var cachedBytes = 0
  }

  private let state = Mutex(State())

  /// The capacity that serves a request: the next of eight steps per power of two, at least 256
  /// bytes, so that at most an eighth is wasted and shapes of nearly the same size share blocks.
  static func capacity(forBytes bytes: Int) -> Int {
    guard bytes > 256 else { return 256 }
    let step = 1 << (Int.bitWidth - 1 - (bytes - 1).leadingZeroBitCount - 3)
    return (bytes + step - 1) / step * step
  }

  func allocate(_ count: Int) -> UnsafeMutablePointer<Float> {
    let capacity = Self.capacity(forBytes: count * MemoryLayout<Float>.stride)
    let reused: UInt? = state.withLock { state in
      state.liveBytes += capacity
      state.peakBytes = max(state.peakBytes, state.liveBytes)
      guard let address = state.free[capacity]?.popLast() else { return nil }
      state.cachedBytes -= capacity
      return address
    }
    if let reused { return UnsafeMutablePointer(bitPattern: reused)! }
    return systemBlock(capacity).bindMemory(to: Float.self, capacity: count)
  }

  /// The size of a large page. Blocks of at least this size start on one, and the system is asked
  /// to use large pages for them: a fraction of the page faults, and strided reads that touch a new
  /// page with every row stay cheap.
  private static let largePage = 2 << 20

  /// From here on (2 GiB) the pool gives idle blocks of other sizes back before it grows: what they
  /// cost in page faults is little beside the work that such arrays stand for.
  private static let growthLimit = 2 << 30

  /// Returns idle blocks to the system, the largest first, until `capacity` bytes are free.
  private func makeRoom(for capacity: Int) {
    let blocks = state.withLock { state -> [UInt] in
      guard state.liveBytes + state.cachedBytes > Self.growthLimit else { return [] }
      var blocks: [UInt] = []
      var freed = 0
      for size in state.free.keys.sorted(by: >) {
        while freed < capacity, let block = state.free[size]?.popLast() {
          blocks.append(block)
          freed += size
        }
      }
      state.cachedBytes -= freed
      return blocks
    }
    for address in blocks { free(UnsafeMutableRawPointer(bitPattern: address)) }
  }

  private func systemBlock(_ capacity: Int) -> UnsafeMutableRawPointer {
    makeRoom(for: capacity)
    func allocate() -> UnsafeMutableRawPointer? {
      let alignment = capacity >= Self.largePage ? Self.largePage : 64
      guard let block = aligned_alloc(alignment, (capacity + alignment - 1) / alignment * alignment)
      else { return nil }
      if capacity >= Self.largePage { madvise(block, capacity, MADV_HUGEPAGE) }
      return block
    }
    if let block = allocate() { return block }
    releaseCache()
    if let block = allocate() { return block }
    // There is no way on from here and nothing to unwind to; what was saved is complete.
    let message =
      "out of memory: \(capacity) bytes more, with \(statistics.live) in use; use a smaller batch_size or "
      + "activation_checkpointing \"block\"\n"
    message.withCString { _ = write(STDERR_FILENO, $0, strlen($0)) }
    exit(6)
  }

  func deallocate(_ pointer: UnsafeMutablePointer<Float>, _ count: Int) {
    let capacity = Self.capacity(forBytes: count * MemoryLayout<Float>.stride)
    state.withLock { state in
      state.liveBytes -= capacity
      state.cachedBytes += capacity
      state.free[capacity, default: []].append(UInt(bitPattern: pointer))
    }
  }

  var statistics: (live: Int, peak: Int, cached: Int) {
    state.withLock { ($0.liveBytes, $0.peakBytes, $0.cachedBytes) }
  }

  func resetPeak() { state.withLock { $0.peakBytes = $0.liveBytes } }

  /// Returns every cached block to the system.
  func releaseCache() {
    let blocks = state.withLock { state in
      defer {
        state.free = [:]
        state.cachedBytes = 0
      }
      return state.free.values.flatMap { $0 }
    }
    for address in blocks { free(UnsafeMutableRawPointer(bitPattern: address)) }
  }
}

/// What the arrays of this process hold, in bytes.
public enum MemoryUse {
  /// Bytes held by arrays now.
  public static var live: Int { MemoryPool.shared.statistics.live }
  /// The most that was held at once since the start or the last `resetPeak`.
  public static var peak: Int { MemoryPool.shared.statistics.peak }
  public static func resetPeak() { MemoryPool.shared.resetPeak() }
  /// Gives memory that no array uses back to the system.
  public static func releaseCache() { MemoryPool.shared.releaseCache() }
}
