import Foundation
import Synchronization

/// Where the time of a piece of work went, by backend operation.
///
///     let (_, profile) = profiled { trainingStep() }
///     print(profile.table())
public struct OperationProfile: Sendable {
  /// All calls of one operation.
  public struct Row: Sendable {
    public let operation: String
    public internal(set) var calls = 0
    public internal(set) var seconds = 0.0
    /// Floating-point operations of matrix products, attention and convolutions; other operations
    /// count none.
    public internal(set) var flops = 0.0
    /// What is read and written at least: each operand and each result once.
    public internal(set) var bytes = 0.0
  }

  public internal(set) var rows: [Row] = []
  /// Time inside the observed work that no operation accounts for.
  public internal(set) var totalSeconds = 0.0
  /// The part of all `flops` that evaluated checkpointed blocks a second time.
  public internal(set) var recomputedFlops = 0.0

  /// All floating-point operations that were done.
  public var flops: Double { rows.reduce(0) { $0 + $1.flops } }
  /// Those that the result needs: without second evaluations of checkpointed blocks.
  public var requiredFlops: Double { flops - recomputedFlops }

  /// One line per operation, the slowest first: calls, time, share, GFLOP/s, GB/s.
  public func table() -> String {
    func line(_ cells: [String]) -> String {
      let widths = [30, 8, 10, 8, 9, 8]
      return zip(cells, widths).enumerated().map { column, cell in
        let gap = String(repeating: " ", count: max(0, cell.1 - cell.0.count))
        return column == 0 ? cell.0 + gap : gap + cell.0
      }.joined()
    }
    func number(_ value: Double, _ format: String) -> String {
      value > 0 ? String(format: format, value) : "-"
    }
    let accounted = rows.reduce(0) { $0 + $1.seconds }
    var lines = [line(["operation", "calls", "ms", "share", "GFLOP/s", "GB/s"])]
    for row in rows.sorted(by: { $0.seconds > $1.seconds }) {
      lines.append(
        line([
          row.operation, "\(row.calls)", String(format: "%.1f", row.seconds * 1e3),
          String(format: "%.1f %%", 100 * row.seconds / totalSeconds),
          number(row.flops / row.seconds * 1e-9, "%.1f"),
          number(row.bytes / row.seconds * 1e-9, "%.1f"),
        ]))
    }
    let rest = totalSeconds - accounted
    lines.append(
      line([
        "(outside operations)", "", String(format: "%.1f", rest * 1e3),
        String(format: "%.1f %%", 100 * rest / totalSeconds), "-", "-",
      ]))
    lines.append(
      line([
        "total", "\(rows.reduce(0) { $0 + $1.calls })", String(format: "%.1f", totalSeconds * 1e3),
        "", number(flops / totalSeconds * 1e-9, "%.1f"), "",
      ]))
    return lines.joined(separator: "\n")
  }
}

/// The result of `body`, and where its time went.
///
/// Timing is taken around every backend operation that this task starts; it costs well under a
/// microsecond each.
public func profiled<Result>(
  _ body: () throws -> Result
) rethrows -> (result: Result, profile: OperationProfile) {
  let observation = Observation(checksFinite: false)
  let start = ContinuousClock.now
  let result = try Observation.$current.withValue(observation, operation: body)
  var profile = observation.profile
  profile.totalSeconds = (ContinuousClock.now - start) / .seconds(1)
  return (result, profile)
}

/// The first operation of a piece of work whose result was not finite.
public struct NonFiniteOperation: Sendable, CustomStringConvertible {
  /// The operation, such as `log` or `attention`.
  public let operation: String
  /// The shape of its result.
  public let shape: [Int]
  /// How many elements of the result are NaN or infinite.
  public let count: Int
  /// The first of them in row-major order.
  public let index: Int
  /// Its value: NaN, inf or -inf.
  public let value: Float
  /// The shape of an operand that already was not finite: the fault lies before this operation, in
  /// data or weights.
  public let badOperand: [Int]?

  public var description: String {
    let origin =
      badOperand.map { "; its operand of shape \($0) already held such values" }
      ?? "; its operands were finite"
    return
      "\(operation) -> \(shape): \(count) of \(shape.product) elements not finite, the first at "
      + "\(index) is \(value.isNaN ? "NaN" : "\(value)")\(origin)"
  }
}

/// The result of `body`, and the first operation in it that produced NaN or infinity; nil if none
/// did.
///
/// Every result is read once more, so this is for finding out, not for every step.
public func findingNonFinite<Result>(
  _ body: () throws -> Result
) rethrows -> (result: Result, first: NonFiniteOperation?) {
  let observation = Observation(checksFinite: true)
  let result = try Observation.$current.withValue(observation, operation: body)
  return (result, observation.firstNonFinite)
}

/// What is being recorded about the operations that a task starts.
final class Observation: Sendable {
  @TaskLocal static var current: Observation?

  private struct State {
    var rows: [String: OperationProfile.Row] = [:]
    var recomputedFlops = 0.0
    var recomputations = 0
    var firstNonFinite: NonFiniteOperation?
  }

  private let state = Mutex(State())
  private let checksFinite: Bool

  init(checksFinite: Bool) { self.checksFinite = checksFinite }

  var profile: OperationProfile {
    state.withLock {
      var profile = OperationProfile()
      profile.rows = $0.rows.values.sorted { $0.operation < $1.operation }
      profile.recomputedFlops = $0.recomputedFlops
      return profile
    }
  }

  var firstNonFinite: NonFiniteOperation? { state.withLock { $0.firstNonFinite } }

  /// Counts what `body` does as a second evaluation.
  static func recomputing<Result>(_ body: () -> Result) -> Result {
    guard let current else { return body() }
    current.state.withLock { $0.recomputations += 1 }
    defer { current.state.withLock { $0.recomputations -= 1 } }
    return body()
  }

  /// Runs and records one operation.
  func observe<Result>(
    _ operation: String, flops: Int, operands: [NDArray], results: (Result) -> [NDArray],
    work: () -> Result
  ) -> Result {
    let start = ContinuousClock.now
    let result = work()
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let results = results(result)
    let bytes = 4 * (operands + results).reduce(0) { $0 + $1.count }
    state.withLock {
      var row = $0.rows[operation] ?? OperationProfile.Row(operation: operation)
      row.calls += 1
      row.seconds += seconds
      row.flops += Double(flops)
      row.bytes += Double(bytes)
      $0.rows[operation] = row
      if $0.recomputations > 0 { $0.recomputedFlops += Double(flops) }
    }
    if checksFinite { check(operation, operands, results) }
    return result
  }

  private func check(_ operation: String, _ operands: [NDArray], _ results: [NDArray]) {
    guard firstNonFinite == nil else { return }
    for result in results {
      guard let fault = NonFiniteElements(in: result) else { continue }
      let found = NonFiniteOperation(
        operation: operation, shape: result.shape, count: fault.count, index: fault.first,
        value: fault.value, badOperand: operands.first { NonFiniteElements(in: $0) != nil }?.shape)
      return state.withLock { $0.firstNonFinite = found }
    }
  }
}

/// The NaN and infinite elements of an array; nil if there are none.
private struct NonFiniteElements {
  let count: Int
  let first: Int
  let value: Float

  init?(in array: NDArray) {
    guard !array.device.plainBackend.sumOfSquares(array).isFinite else { return nil }
    let scalars = array.scalars
    guard let first = scalars.firstIndex(where: { !$0.isFinite }) else { return nil }
    self.first = first
    count = scalars.count { !$0.isFinite }
    value = scalars[first]
  }
}
