import Autograd
import Foundation
import TestSupport
import Testing

@testable import Training

/// Two processes as two threads that meet at every call: what a second implementation would be.
private final class Threads: @unchecked Sendable {
  private let condition = NSCondition()
  private let count: Int
  private var given: [Any] = []
  private var round = 0
  private var result: Any?
  private var hasFailed = false

  init(count: Int) { self.count = count }

  /// Waits for all, hands what each gave to `combine` once, and returns the result to all.
  func meet<Value, Result>(
    _ rank: Int, _ value: Value, _ combine: ([Value]) -> Result
  ) throws -> Result {
    try condition.withLock {
      let own = round
      given.append((rank, value))
      if given.count == count {
        let all = given.map { $0 as! (Int, Value) }.sorted { $0.0 < $1.0 }.map(\.1)
        result = combine(all)
        given = []
        round += 1
        condition.broadcast()
      } else {
        while round == own && !hasFailed { condition.wait() }
      }
      if hasFailed { throw CancellationError() }
      return result as! Result
    }
  }

  func fail() {
    condition.withLock {
      hasFailed = true
      condition.broadcast()
    }
  }

  struct Member: Collective {
    let rank: Int
    let count: Int
    let threads: Threads

    func average(_ gradient: inout [String: NDArray]) throws {
      gradient = try threads.meet(rank, gradient) { all in
        var mean: [String: NDArray] = [:]
        for part in all { accumulate(part, into: &mean, scale: 1 / Float(all.count)) }
        return mean
      }
    }
    func sum(_ counters: [Double]) throws -> [Double] {
      try threads.meet(rank, counters) { all in
        all.dropFirst().reduce(all[0]) { zip($0, $1).map(+) }
      }
    }
    func any(_ flag: Bool) throws -> Bool { try threads.meet(rank, flag) { $0.contains(true) } }
  }
}

/// Trains the line with every batch shared out over `count` threads, and says which batches each of
/// them made.
private func trainTogether(
  _ folder: String, count: Int, steps: Int, resume: Bool
) throws -> [[BatchPlace]] {
  final class Result: @unchecked Sendable {
    let lock = NSLock()
    var places: [[BatchPlace]]
    var errors: [any Error] = []
    init(_ count: Int) { places = Array(repeating: [], count: count) }
  }
  let threads = Threads(count: count)
  let result = Result(count)
  let group = DispatchGroup()
  for rank in 0..<count {
    group.enter()
    Thread {
      defer { group.leave() }
      do {
        // The others only read; a folder of their own stands in for another machine's.
        let directory = try RunDirectory(rank == 0 ? folder : TemporaryFolder.make("rank"))
        let batches = LineObjective.batches { place in
          result.lock.withLock { result.places[rank].append(place) }
        }
        var run = try TrainingRun(
          LineObjective(), batches, .line(steps: steps), configText: "{}", in: directory,
          resuming: resume ? Checkpoint(at: folder) : nil,
          collective: Threads.Member(rank: rank, count: count, threads: threads))
        #expect(try run.run() == .finished)
        if rank > 0 { #expect(savedSteps(directory.path).isEmpty, "only rank 0 writes") }
      } catch {
        result.lock.withLock { result.errors.append(error) }
        threads.fail()
      }
    }.start()
  }
  group.wait()
  if let error = result.errors.first { throw error }
  return result.places
}

private func weights(_ folder: String) throws -> [Float] {
  let path = try Checkpoint(at: folder).path
  return try SafetensorsFile(path: "\(path)/model.safetensors").array("layer.weight").scalars
}

/// Four samples in one process, in two of two and in four of one: the same samples with the same
/// noise, and the same training up to rounding.
@Test(arguments: [2, 4])
func sharedBatchesTrainTheSameModel(_ count: Int) throws {
  let (alone, together) = (try TemporaryFolder.make(), try TemporaryFolder.make())
  try trainLine(alone, steps: 12)
  _ = try trainTogether(together, count: count, steps: 8, resume: false)
  let places = try trainTogether(together, count: count, steps: 12, resume: true)
  #expect(maxNormalizedError(try weights(together), try weights(alone)) < 1e-5)

  // After the resume too, batch n is cut into the same slots.
  for (rank, own) in places.enumerated() {
    let width = 4 / count
    #expect(own.first == BatchPlace(number: 16, slots: rank * width..<(rank + 1) * width))
    #expect(own.prefix(8).map(\.number) == Array(16..<24))
  }
  // What is logged is of the whole batch.
  func losses(_ folder: String) -> [Float] {
    MetricsLog.lines(of: "\(folder)/metrics.jsonl").compactMap { $0.json["loss"]?.double }
      .map { Float($0) }
  }
  #expect(losses(alone).count == 12)
  #expect(maxNormalizedError(losses(together), losses(alone)) < 1e-5)
}

@Test func batchesMustDivideEvenly() throws {
  let error = #expect(throws: ConfigError.self) {
    try TrainingRun(
      LineObjective(), LineObjective.batches(), .line(steps: 1), configText: "{}",
      in: RunDirectory(TemporaryFolder.make()), resuming: nil,
      collective: Threads.Member(rank: 0, count: 3, threads: Threads(count: 3)))
  }
  #expect(error?.key == "train.batch_size")
}
