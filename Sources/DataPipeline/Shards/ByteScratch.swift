import Foundation
import Synchronization

/// Memory that passing bytes use over and over. Blocks as large as a row would otherwise come from
/// the system anew for every row, page by page.
enum ByteScratch {
  private struct Block: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer
  }

  /// Blocks that nobody uses; as many as threads have been here at once, at the most.
  private static let idle = Mutex<[Block]>([])

  /// Calls `body` with `count` bytes of any contents, aligned for every element type.
  static func with<R>(_ count: Int, _ body: (UnsafeMutableRawBufferPointer) throws -> R) rethrows
    -> R
  {
    var block = idle.withLock { $0.popLast() }
    if let small = block, small.bytes.count < count {
      small.bytes.deallocate()
      block = nil
    }
    let used = block ?? Block(bytes: .allocate(byteCount: max(count, 1 << 16), alignment: 64))
    defer { idle.withLock { $0.append(used) } }
    return try body(UnsafeMutableRawBufferPointer(rebasing: used.bytes[0..<count]))
  }
}
