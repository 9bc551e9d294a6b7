import Dispatch

extension Array where Element: Sendable {
  /// Changes every element in place, on all cores; returns when all are done.
  mutating func concurrentlyUpdate(
    _ body: @Sendable (_ index: Int, _ element: inout Element) -> Void
  ) {
    withUnsafeMutableBufferPointer { elements in
      // Sound: every call has an element of its own, and this one outlives them.
      nonisolated(unsafe) let elements = elements
      DispatchQueue.concurrentPerform(iterations: elements.count) { body($0, &elements[$0]) }
    }
  }
}
