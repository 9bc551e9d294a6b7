import Autograd
import Foundation
import Training
import TrajLoomVAE

extension Command {
  static let benchCollapse = Command(
    words: ["bench", "collapse"],
    summary: "what the VAE saves by never building the dense field, in time and memory",
    options: [
      Option("--size", "small|published", "the model's size (small)"),
      Option("--iters", "N", "timed repetitions after one that is not counted (3)"),
      Option("--json", nil, "print one line of JSON"),
    ]
  ) { arguments in
    let size = try arguments.choice("--size", Benchmark.Size.self) ?? .small
    let results = try CollapseBenchmark(
      config: size.vaeConfig, repetitions: arguments.integer("--iters") ?? 3
    ).run()
    if arguments.has("--json") { return try printJSON(results) }
    for result in results { print(result.line) }
  }
}

/// The two places where the dense field of the published code is an identity away from points: the
/// patch embedding, and the one sample of each cell that is read from the decoder's output.
private struct CollapseBenchmark {
  /// The keys are those of its JSON.
  struct Result: Codable {
    let what: String
    /// Median seconds and peak GiB of arrays, dense and as it is done here.
    let denseS: Double
    let collapsedS: Double
    let denseGib: Double
    let collapsedGib: Double
    /// The largest difference of the two results, over the largest value.
    let difference: Double

    var line: String {
      "\(what): \(fixed(collapsedS / denseS, 4)) of the dense time, "
        + "\(fixed(collapsedGib / denseGib, 4)) of its arrays, results differ by "
        + String(format: "%.1e", difference)
    }
  }

  let config: VAEConfig
  let repetitions: Int

  func run() throws -> [Result] {
    let model = try TrajectoryVAE(config, seed: 0)
    model.fillParameters()
    let random = Philox(seed: 0, stream: "bench/collapse")
    let points = random.normal([1, config.numFramesIn, config.tokens, 2], step: 0)
    // The part before the last layer is the same in both, and is left out.
    let tokens = random.normal([1, config.numFramesIn, config.tokens, config.hiddenSize], step: 1)
    let wanted = random.normal([1, config.numFramesIn, config.tokens, config.hiddenSize], step: 2)
    func gradient(_ embed: () -> Tensor) -> NDArray {
      valueWithGradient(at: model) { _ in (embed() * Tensor(wanted)).sum() }
        .gradient["x_embedder.proj.weight"]!
    }
    return [
      compare("patch embedding with its gradient") {
        gradient { model.embedDense(model.denseOffsets(points)) }
      } collapsed: {
        gradient { model.embed(points) }
      },
      compare("points from the last layer") {
        model.points(ofDense: model.dense(tokens: Tensor(tokens))).array
      } collapsed: {
        model.points(tokens: Tensor(tokens)).array
      },
    ]
  }

  private func compare(
    _ what: String, dense: () -> NDArray, collapsed: () -> NDArray
  ) -> Result {
    let (a, b) = (measure(dense), measure(collapsed))
    let largest = a.value.scalars.reduce(0) { max($0, abs($1)) }
    let difference = zip(a.value.scalars, b.value.scalars).reduce(0) { max($0, abs($1.0 - $1.1)) }
    return Result(
      what: what, denseS: a.seconds, collapsedS: b.seconds, denseGib: a.gib, collapsedGib: b.gib,
      difference: Double(difference / largest))
  }

  private func measure(_ body: () -> NDArray) -> (value: NDArray, seconds: Double, gib: Double) {
    var value = body()
    MemoryUse.releaseCache()
    MemoryUse.resetPeak()
    let before = MemoryUse.peak
    let times = (0..<repetitions).map { _ in
      let start = ContinuousClock.now
      value = body()
      return (ContinuousClock.now - start) / .seconds(1)
    }
    return (
      value, times.sorted()[repetitions / 2], Double(MemoryUse.peak - before) / 0x1p30
    )
  }
}
