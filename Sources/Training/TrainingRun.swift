import Autograd
import DataPipeline
import Foundation

/// The one training loop. `run` reads from top to bottom in the order in which it runs.
public struct TrainingRun<O: Objective> {
  /// How a run ended.
  public enum Outcome: Sendable, Equatable {
    case finished
    /// A signal came; everything was saved.
    case stopped(signal: Int32)
  }

  private let objective: O
  private let batches: BatchSource<O.Batch>
  private let config: TrainingConfig
  private let configText: String
  private let attachments: [String: Data]
  private let directory: RunDirectory
  private let log: MetricsLog
  private var optimizer: AdamW
  private var average: ExponentialMovingAverage?
  private var step = 0
  private var minutes = 0.0
  private var skipped = 0
  private var progress = ProgressLine()

  /// The step that the run stands at.
  public var currentStep: Int { step }

  /// - Parameters:
  ///   - configText: the resolved configuration, which goes into the run folder and every
  ///     checkpoint.
  ///   - attachments: files that go into every checkpoint.
  ///   - checkpoint: where to continue from; nil to start anew.
  /// - Throws: `TrainingError.checkpoint` when the checkpoint does not fit the model or the data.
  public init(
    _ objective: O, _ batches: BatchSource<O.Batch>, _ config: TrainingConfig, configText: String,
    attachments: [String: Data] = [:], in directory: RunDirectory, resuming checkpoint: Checkpoint?
  ) throws {
    self.objective = objective
    self.batches = batches
    self.config = config
    self.configText = configText
    self.attachments = attachments
    self.directory = directory
    optimizer = AdamW(
      beta1: config.betas[0], beta2: config.betas[1], weightDecay: config.weightDecay)
    if let checkpoint {
      let state = try checkpoint.state()
      guard state.dataHash.isEmpty || state.dataHash == batches.dataHash else {
        throw TrainingError.checkpoint(
          path: checkpoint.path,
          problem: "the run was started on other data (\(state.dataHash.prefix(12))..., now "
            + "\(batches.dataHash.prefix(12))...); use a new --name")
      }
      try checkpoint.load(.raw, into: objective.model)
      if config.emaDecay > 0 {
        average = ExponentialMovingAverage(
          of: objective.model, decay: config.emaDecay, warmsUp: true)
      }
      do {
        try optimizer.load(
          checkpoint.arrays(Checkpoint.optimizerFile, state), steps: state.optimizerSteps,
          for: objective.model)
        // Weights from elsewhere have no average: it starts from them.
        if var own = average, state.sha256[Checkpoint.averageFile] != nil {
          let saved = try checkpoint.arrays(Checkpoint.averageFile, state)
          let parameters = saved.filter { own.averages[$0.key] != nil }  // the file has buffers too
          try own.load(parameters, updates: state.emaUpdates)
          average = own
        }
      } catch let mismatch as StateMismatch {
        throw TrainingError.checkpoint(
          path: checkpoint.path, problem: "not the state of this run; \(mismatch)")
      }
      step = state.step
      minutes = state.minutes
    } else if config.emaDecay > 0 {
      average = ExponentialMovingAverage(of: objective.model, decay: config.emaDecay, warmsUp: true)
    }
    log = try MetricsLog(path: "\(directory.path)/metrics.jsonl", keepingThrough: step)
    try AtomicFile.write(Data(configText.utf8), to: "\(directory.path)/config.json")
  }

  /// Trains until `max_steps`, `max_minutes` or a signal, and saves.
  /// - Throws: `TrainingError`, and whatever making a batch throws.
  public mutating func run() throws -> Outcome {
    StopSignal.install()
    let accumulation = config.gradientAccumulationSteps
    let prefetcher = Prefetcher(
      depth: prefetchDepth, startingAt: step * accumulation, make: batches.training)
    defer { prefetcher.stop() }
    let clock = ContinuousClock()
    let (start, minutesBefore, stepBefore) = (clock.now, minutes, step)
    var interval = (start: clock.now, step: step, waited: 0.0)

    while step < config.maxSteps, config.maxMinutes == 0 || minutes < config.maxMinutes {
      if let signal = StopSignal.pending { return try stop(signal) }

      // Batch, loss and gradient.
      var loss: Float = 0
      var terms: [Term] = []
      var gradient: [String: NDArray] = [:]
      var parts: [O.Batch] = []
      for micro in 0..<accumulation {
        let batch = try prefetcher.next()
        parts.append(batch)
        let (value, part) = valueWithGradient(at: objective.model) { _ in
          let (loss, values) = objective.loss(batch, index: step * accumulation + micro)
          terms = zipTerms(terms, values)
          return loss
        }
        loss += value / Float(accumulation)
        accumulate(part, into: &gradient, scale: 1 / Float(accumulation))
      }

      // Finite? Then clip, optimiser, average.
      let norm = clip(&gradient, toNorm: Float(config.clipGradNorm))
      let rate = config.schedule.rate(base: config.learningRate, step: step)
      if loss.isFinite && norm.isFinite {
        let model = objective.model
        optimizer.update(model, along: gradient, learningRate: rate)
        average?.update(model)
        skipped = 0
      } else {
        try handleNonFinite(loss: loss, norm: norm, parts)
      }
      step += 1
      minutes = minutesBefore + seconds(clock.now - start) / 60

      // Log, validate, save.
      let ends = step >= config.maxSteps || (config.maxMinutes > 0 && minutes >= config.maxMinutes)
      let logs = step.isMultiple(of: config.logEvery) || step == stepBefore + 1 || ends
      let elapsed = max(1e-9, seconds(clock.now - interval.start))
      let rateOfSamples = Double((step - interval.step) * accumulation * config.batchSize) / elapsed
      let waitShare = (prefetcher.secondsWaited - interval.waited) / elapsed
      progress.show(
        line(
          loss, terms, rate, norm, rateOfSamples, waitShare, startedAt: stepBefore, since: start),
        isMilestone: logs)
      if logs {
        try log.append(
          kind: "train", step: step,
          [("loss", Double(loss))]
            + terms.map { ($0.name, Double($0.value) / Double(accumulation)) }
            + [
              ("learning_rate", rate), ("grad_norm", Double(norm)),
              ("samples_per_second", rateOfSamples), ("data_wait", waitShare),
            ])
        interval = (clock.now, step, prefetcher.secondsWaited)
      }
      if step.isMultiple(of: config.valEvery) || ends { try validate() }
      if step.isMultiple(of: config.saveEvery) || ends { try save() }
    }
    progress.finish()
    return .finished
  }

  private mutating func stop(_ signal: Int32) throws -> Outcome {
    progress.print("signal \(signal): saving at step \(step); a second signal stops at once")
    try save()
    return .stopped(signal: signal)
  }

  private mutating func handleNonFinite(loss: Float, norm: Float, _ parts: [O.Batch]) throws {
    skipped += 1
    guard config.onNonfinite == .skip, skipped <= 10 else {
      throw TrainingError.nonFinite(
        step: step + 1, what: loss.isFinite ? "the gradient" : "the loss",
        clips: parts.flatMap(objective.clips), origin: firstNonFinite(parts))
    }
    progress.print("step \(step + 1): not finite, skipped (\(skipped) in a row)")
  }

  /// Evaluates the step once more, looking at every operation's result.
  private func firstNonFinite(_ parts: [O.Batch]) -> NonFiniteOperation? {
    findingNonFinite {
      for (micro, batch) in parts.enumerated() {
        _ = valueWithGradient(at: objective.model) { _ in
          objective.loss(batch, index: step * config.gradientAccumulationSteps + micro).loss
        }
      }
    }.first
  }

  /// Pools the validation batches, with the averaged weights when there are any.
  private mutating func validate() throws {
    let count = min(batches.validationCount, config.valMaxBatches)
    guard count > 0 else { return }
    let raw = average.map { objective.model.exchangeParameters($0.averages) }
    defer { if let raw { _ = objective.model.exchangeParameters(raw) } }
    var pooled: [(name: String, sum: Double, count: Double)] = []
    for index in 0..<count {
      for metric in objective.evaluate(try batches.validation(index), index: index) {
        if let known = pooled.firstIndex(where: { $0.name == metric.name }) {
          pooled[known].sum += metric.sum
          pooled[known].count += metric.count
        } else {
          pooled.append((metric.name, metric.sum, metric.count))
        }
      }
    }
    let values = pooled.map { ($0.name, $0.sum / max($0.count, 1e-12)) }
    try log.append(kind: "validation", step: step, values)
    let shown = values.map { "\($0.0) \(short($0.1))" }.joined(separator: "  ")
    progress.print("step \(step)  validation  \(shown)")
  }

  private mutating func save() throws {
    let state = CheckpointState(
      step: step, optimizerSteps: optimizer.steps, emaUpdates: average?.updates ?? 0,
      minutes: minutes, dataHash: batches.dataHash, sha256: [:])
    let weights = objective.model.stateDictionary()
    try Checkpoint.write(
      to: directory.checkpointPath(step: step), weights: weights,
      average: average.map { weights.merging($0.averages) { $1 } }, optimizer: optimizer.state(),
      config: configText, attachments: attachments, state: state)
    try directory.finishCheckpoint(keeping: config.keepLast)
  }

  private func line(
    _ loss: Float, _ terms: [Term], _ rate: Double, _ norm: Float, _ samples: Double,
    _ waiting: Double, startedAt first: Int, since start: ContinuousClock.Instant
  ) -> String {
    let elapsed = seconds(ContinuousClock().now - start)
    var remaining = elapsed / Double(step - first) * Double(config.maxSteps - step)
    if config.maxMinutes > 0 { remaining = min(remaining, (config.maxMinutes - minutes) * 60) }
    let accumulation = Float(config.gradientAccumulationSteps)
    let shown = terms.map { "\($0.name) \(short(Double($0.value / accumulation)))" }
    return
      "step \(step)/\(config.maxSteps)  loss \(short(Double(loss)))  \(shown.joined(separator: " "))  "
      + "lr \(short(rate))  norm \(short(Double(norm)))  \(short(samples)) samples/s  "
      + "wait \(fixed(100 * waiting, 1))%  ETA \(duration(remaining))"
  }
}

/// How many finished batches may wait: one to take, and one for a slow read. A step takes far longer
/// than its batch, so more would cost memory and gain nothing.
private let prefetchDepth = 2

private func short(_ value: Double) -> String { String(format: "%.4g", value) }

private func seconds(_ duration: Duration) -> Double {
  Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
}

/// Sums of terms of the same name over micro-batches.
private func zipTerms(_ sums: [Term], _ terms: [Term]) -> [Term] {
  guard !sums.isEmpty else { return terms }
  return zip(sums, terms).map { Term($0.name, $0.value + $1.value) }
}
