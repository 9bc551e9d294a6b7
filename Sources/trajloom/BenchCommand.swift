import Autograd
import Foundation
import Training
import TrajLoomFlow
import TrajLoomVAE

extension Command {
  static let bench = Command(
    words: ["bench"], summary: "time training steps, sampling and matrix products on this machine",
    positionals: ["gemm|vae|flow|sample"],
    options: [
      Option("--size", "small|published", "the model's size; published steps checkpoint blocks"),
      Option("--batch", "B", "samples per step (1)"),
      Option("--iters", "N", "timed repetitions after one that is not counted (3)"),
      Option("--steps", "N", "sample: Euler steps per repetition (10)"),
      Option("--json", nil, "print one line of JSON"),
      Option("--profile", nil, "print where the time of one repetition goes"),
    ]
  ) { arguments in
    guard let what = Benchmark.What(rawValue: arguments.positionals[0]) else {
      throw ConfigError(
        key: "trajloom bench",
        expected: "one of \(Benchmark.What.allCases.map(\.rawValue).joined(separator: ", "))",
        found: arguments.positionals[0])
    }
    let benchmark = Benchmark(
      what: what, size: try arguments.choice("--size", Benchmark.Size.self) ?? .small,
      batch: try arguments.integer("--batch") ?? 1,
      iterations: try arguments.integer("--iters") ?? 3,
      steps: try arguments.integer("--steps") ?? 10)
    let (result, profile) = try benchmark.run(profiles: arguments.has("--profile"))
    if let profile { print(profile.table()) }
    if arguments.has("--json") {
      try printJSON(result)
    } else if profile == nil {
      print(result.line)
    }
  }
}

/// One benchmark: what is repeated, at which size.
struct Benchmark {
  enum What: String, CaseIterable { case gemm, vae, flow, sample }
  enum Size: String, CaseIterable { case small, published }

  /// The figures of a benchmark; the keys are those of its JSON.
  struct Result: Codable {
    let what: String
    let size: String
    let batch: Int
    let threads: Int
    let sPerStep: [Double]
    let medianS: Double
    let peakRssGib: Double
    /// Products that a step needs, in 10⁹ floating-point operations; second evaluations of
    /// checkpointed blocks are not counted.
    let gflopPerStep: Double
    let fractionOfGemmPeak: Double

    var line: String {
      "\(what) \(size), batch \(batch), \(threads) threads: \(fixed(medianS, 3)) s, "
        + "\(fixed(peakRssGib, 2)) GiB (arrays \(fixed(Double(MemoryUse.peak) / 0x1p30, 2))), "
        + "\(fixed(gflopPerStep / medianS, 0)) GFLOP/s, "
        + "\(fixed(100 * fractionOfGemmPeak, 0)) % of sgemm"
    }
  }

  let what: What
  let size: Size
  let batch: Int
  let iterations: Int
  let steps: Int

  /// The figures, and if asked for the profile of one repetition.
  func run(profiles: Bool) throws -> (Result, OperationProfile?) {
    switch what {
    case .gemm:
      let times = productTimes(repetitions: iterations)
      return (result(times, gflop: productGFLOP), nil)
    case .vae: return measure(try vaeStep(), profiles: profiles)
    case .flow: return measure(try flowStep(), profiles: profiles)
    case .sample: return measure(try sampling(), profiles: profiles)
    }
  }

  /// The first repetition warms up; its operations are counted.
  private func measure(_ step: () -> Void, profiles: Bool) -> (Result, OperationProfile?) {
    let counted = profiled(step).profile
    let times = (0..<iterations).map { _ in
      let start = ContinuousClock.now
      step()
      return (ContinuousClock.now - start) / .seconds(1)
    }
    return (
      result(times, gflop: counted.requiredFlops * 1e-9), profiles ? profiled(step).profile : nil
    )
  }

  private func result(_ times: [Double], gflop: Double) -> Result {
    let median = times.sorted()[times.count / 2]
    let rate = productGFLOP / productTimes(repetitions: 5).sorted()[2]
    return Result(
      what: what.rawValue, size: size.rawValue, batch: batch, threads: ComputeReport.threads,
      sPerStep: times, medianS: median, peakRssGib: peakResidentGiB(), gflopPerStep: gflop,
      fractionOfGemmPeak: gflop / median / rate)
  }

  // MARK: What is repeated

  /// The shape of an MLP's first product over the tokens of one clip.
  private var productShape: (rows: Int, inner: Int, columns: Int) {
    let width = size == .small ? 128 : 512
    return (31_590, width, 4 * width)
  }

  private var productGFLOP: Double {
    2e-9 * Double(productShape.rows * productShape.inner * productShape.columns)
  }

  private func productTimes(repetitions: Int) -> [Double] {
    ComputeReport.sgemmTimes(
      rows: productShape.rows, inner: productShape.inner, columns: productShape.columns,
      threads: ComputeReport.threads, repetitions: repetitions)
  }

  private func vaeStep() throws -> () -> Void {
    let config = size.vaeConfig
    let model = try TrajectoryVAE(config, seed: 0, checkpointsBlocks: size == .published)
    model.fillParameters()
    var optimizer = AdamW(weightDecay: 0)
    let random = Philox(seed: 0, stream: "bench/tracks")
    let shape = [batch, config.numFramesIn, config.tokens]
    let points = random.normal(shape + [2], step: 0)
    let visibility = NDArray(
      random.uniform(shape.reduce(1, *), step: 1).map { $0 > 0.1 ? 1 : 0 }, shape: shape)
    let noise = random.normal(model.latentShape(batch: batch), step: 2)
    return {
      optimizer.takeStep(on: model, clipping: 1, learningRate: 1e-5) {
        model.loss(points: points, visibility: visibility, noise: noise, VAELossConfig()).total
      }
    }
  }

  private func flowStep() throws -> () -> Void {
    let (model, conditions, noise) = try flow(checkpointsBlocks: size == .published)
    var optimizer = AdamW(weightDecay: 0)
    let data = Tensor(Philox(seed: 0, stream: "bench/data").normal(noise.shape, step: 0))
    let time = [Float](repeating: 0.5, count: batch)
    let weights = RectifiedFlow.tokenWeights(
      NDArray(repeating: 1, shape: Array(noise.shape.dropLast())), invisibleWeight: 0.01)
    return {
      optimizer.takeStep(on: model, clipping: 1, learningRate: 1e-5) {
        let source = Tensor(noise)
        let velocity = model.velocity(
          0.5 * source + 0.5 * data, time: time, model.context(conditions))
        return RectifiedFlow.loss(velocity, target: data - source, weights: weights)
      }
    }
  }

  private func sampling() throws -> () -> Void {
    let (model, conditions, noise) = try flow(checkpointsBlocks: false)
    return {
      let context = model.context(conditions)
      _ = ODESolver.euler.solve(from: noise, steps: steps) { z, time in
        model.velocity(z, time: [Float](repeating: time, count: batch), context)
      }
    }
  }

  private func flow(
    checkpointsBlocks: Bool
  ) throws -> (TrajectoryDiT, FlowConditions, noise: NDArray) {
    var config = FlowConfig.published
    if size == .small { (config.hiddenSize, config.numHeads, config.depth) = (192, 6, 6) }
    let model = try TrajectoryDiT(config, seed: 0, checkpointsBlocks: checkpointsBlocks)
    model.fillParameters()
    let random = Philox(seed: 0, stream: "bench/latents")
    let shape = [batch, config.numFramesLatent, config.tokens]
    func latents(_ step: Int) -> NDArray {
      random.normal(shape + [config.latentChannels], step: step)
    }
    let visibility = random.uniform(shape.reduce(1, *), step: 3).map { Float($0 > 0.1 ? 1 : 0) }
    let conditions = FlowConditions(
      history: Tensor(latents(0)), historyVisibility: Tensor(visibility, shape: shape),
      video: Tensor(latents(1)),
      text: Tensor(random.normal([batch, config.textEmbedDim], step: 4)))
    return (model, conditions, latents(2))
  }
}

extension Benchmark.Size {
  /// The VAE of this size; small is as wide as a step needs to be told from its overhead.
  var vaeConfig: VAEConfig {
    var config = VAEConfig.published
    if self == .small {
      (config.hiddenSize, config.numHeads) = (128, 4)
      (config.encoderDepth, config.decoderDepth) = (4, 4)
    }
    return config
  }
}

extension Module {
  /// Small random numbers in place of the zeros that models start with, so that no part is idle.
  func fillParameters() {
    for (name, parameter) in namedParameters() {
      let draws = Philox(seed: 0, stream: name).normal(parameter.wrappedValue.array.count)
      parameter.wrappedValue = Tensor(draws.map { 0.02 * $0 }, shape: parameter.wrappedValue.shape)
    }
  }
}

extension AdamW {
  /// One step as training takes it, to be timed: loss, gradient, clipping, update.
  mutating func takeStep<M: Module>(
    on model: M, clipping norm: Float, learningRate: Double, _ loss: () -> Tensor
  ) {
    var (_, gradient) = valueWithGradient(at: model) { _ in loss() }
    _ = clip(&gradient, toNorm: norm)
    update(model, along: gradient, learningRate: learningRate)
  }
}

/// The most memory that this process has had, as the operating system counts it.
private func peakResidentGiB() -> Double {
  var usage = rusage()
  getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  return Double(usage.ru_maxrss) / 1_048_576
}
