import Foundation
import TestSupport
import Testing

/// Tiny runs of all four objectives, to be broken: what they need is made once.
struct FaultRuns: Sendable {
  /// One of the four.
  struct Kind: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let model: String
    let settings: [String]
  }

  static let folder = Result { try prepare() }

  static let kinds = [
    Kind(testDescription: "vae", model: "vae", settings: []),
    Kind(testDescription: "flow", model: "flow", settings: ["train.ema_decay=0.9"]),
    Kind(
      testDescription: "on-policy", model: "flow",
      settings: ["train.objective=on_policy", "train.init_from=FOLDER/quick-flow"]),
    Kind(testDescription: "visibility", model: "visibility", settings: ["train.ema_decay=0.9"]),
  ]
  static let vae = kinds[0]

  /// Eight steps of two micro-batches: six clips make more than two epochs. Saves after 3, 6 and 8.
  static let settings = [
    "train.max_steps=8", "train.gradient_accumulation_steps=2", "train.save_every=3",
    "train.val_every=4", "train.log_every=1", "train.preview_every=0",
  ]

  private static func prepare() throws -> String {
    let folder = try TemporaryFolder.make("faults")
    let sets = TinyRuns(folder)
    #expect(try sets.synthesize().code == 0)
    for (model, overrides) in [("vae", sets.vae), ("visibility", sets.head), ("flow", sets.flow)] {
      let program = try TinyRuns.train(model, overrides)
      #expect(program.code == 0, "\(model): \(program.errors)")
    }
    return folder
  }

  let kind: Kind
  let name: String
  let folder: String
  /// More settings of the run.
  var more: [String] = []

  init(_ kind: Kind, _ more: [String] = []) throws {
    self.kind = kind
    self.more = more
    folder = try Self.folder.get()
    name = "\(kind.testDescription)-\(UUID().uuidString.prefix(8))"
  }

  var path: String { "\(folder)/\(name)" }

  /// The command that starts this run, and continues it.
  func arguments(_ extra: [String] = [], options: [String] = []) -> [String] {
    let sets = TinyRuns(folder)
    let base = ["vae": sets.vae, "flow": sets.flow, "visibility": sets.head][kind.model]!
    let own = (Self.settings + kind.settings + more + extra).map {
      $0.replacing("FOLDER", with: folder)
    }
    return ["train", kind.model, "--config", "configs/quick/\(kind.model).json"] + base
      + own.flatMap { ["--set", $0] } + ["--name", name] + options
  }

  /// Runs it to its end, after faults.
  @discardableResult
  func finish(
    _ extra: [String] = [], environment: [String: String] = [:],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Program {
    let program = try Program(arguments(extra), environment: environment)
    #expect(program.code == 0, "\(program.errors)", sourceLocation: sourceLocation)
    return program
  }

  /// What must not depend on interruptions: arrays of the last checkpoint, and the metrics.
  func results() throws -> [String: Data] {
    let checkpoints = "\(path)/checkpoints"
    let names = try FileManager.default.contentsOfDirectory(atPath: checkpoints).sorted()
    let last = try #require(names.last { $0.hasPrefix("step-") })
    var results = ["last": Data(last.utf8)]
    for file in try FileManager.default.contentsOfDirectory(atPath: "\(checkpoints)/\(last)")
    where !["config.json", "state.json", "SHA256SUMS"].contains(file) {
      results[file] = FileManager.default.contents(atPath: "\(checkpoints)/\(last)/\(file)")
    }
    for file in ["latest", "best"] {
      results[file] = FileManager.default.contents(atPath: "\(path)/\(file)")
    }
    results["metrics.jsonl"] = FileManager.default.contents(atPath: "\(path)/metrics.jsonl")
    return results
  }

  /// Those of a run of the same settings that nothing happened to.
  static func undisturbed(_ kind: Kind, _ more: [String] = []) throws -> [String: Data] {
    let run = try FaultRuns(kind, more)
    try run.finish()
    let results = try run.results()
    #expect(results.count >= 4 && results["metrics.jsonl"]!.count > 100)
    return results
  }

  /// Expects the results of an undisturbed run.
  func expectResults(
    _ expected: [String: Data], _ what: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let found = try results()
    for name in Set(found.keys).union(expected.keys).sorted() {
      #expect(
        found[name] == expected[name], "\(kind.testDescription), \(what): \(name)",
        sourceLocation: sourceLocation)
    }
  }

  func remove() { try? FileManager.default.removeItem(atPath: path) }

  /// Runs `body` for every element, two at a time, and rethrows its first error.
  static func each<Element: Sendable>(
    _ elements: [Element], _ body: @Sendable (Element) throws -> Void
  ) throws {
    nonisolated(unsafe) var failure: (any Error)?
    let lock = NSLock()
    let parts = 2
    withoutActuallyEscaping(body) { body in
      DispatchQueue.concurrentPerform(iterations: parts) { part in
        for index in stride(from: part, to: elements.count, by: parts) {
          do { try body(elements[index]) } catch { lock.withLock { failure = failure ?? error } }
        }
      }
    }
    if let failure { throw failure }
  }
}
