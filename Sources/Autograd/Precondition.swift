// Swift's own `precondition` and `preconditionFailure` trap without a word in optimised builds, and
// nearly all training runs are optimised builds. These stand in front of them in this package,
// wherever `Autograd` is imported, and print what is wrong in every build.

/// Stops the program with `message` unless `condition` holds.
@inline(__always)
package func precondition(
  _ condition: @autoclosure () -> Bool, _ message: @autoclosure () -> String = "",
  file: StaticString = #fileID, line: UInt = #line
) {
  guard condition() else { preconditionFailure(message(), file: file, line: line) }
}

/// Stops the program with `message`.
@inline(never)
package func preconditionFailure(
  _ message: @autoclosure () -> String = "", file: StaticString = #fileID, line: UInt = #line
) -> Never {
  fatalError(message(), file: file, line: line)
}
