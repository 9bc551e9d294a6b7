import Autograd
import DataPipeline
import Foundation

/// The one training loop. `run` reads from top to bottom in the order in which it runs.
public struct TrainingRun<O: Objective> {
  /// How a run ended.
  public enum Outcome: Sendable, Equatable {
    case finished
    /// A signal came; everything was saved.
    case stopped
  }

  private let objective: O
  private let batches: BatchSource<O.Batch>
  private let config: TrainingConfig
  private let configText: String
  private let attachments: [String: Data]
  private let directory: RunDirectory
  private let collective: any Collective
  private let reporter: (any RunReporter)?
  /// Nil in processes that do not write.
  private var journal: RunJournal?
  private let grace: GraceTime
  private var optimizer: AdamW
  private var average: ExponentialMovingAverage?
  private var updates = UpdateGuard()
  private var best: BestCheckpoint?
  private var validationIsDue = false
  private var step = 0
  private var minutes = 0.0
  private var progress = ProgressLine()

  /// The step that the run stands at.
  public var currentStep: Int { step }

  /// - Parameters:
  ///   - configText: the resolved configuration, which goes into the run folder and every
  ///     checkpoint.
  ///   - attachments: files that go into every checkpoint.
  ///   - checkpoint: where to continue from; nil to start anew.
  ///   - collective: the processes that share every batch; the one of rank 0 writes.
  ///   - reporter: what shows the run beside its logs.
  /// - Throws: `TrainingError.checkpoint` when the checkpoint does not fit the model or the data,
  ///   `ConfigError` for settings that do not fit the objective or the processes.
  public init(
    _ objective: O, _ batches: BatchSource<O.Batch>, _ config: TrainingConfig, configText: String,
    attachments: [String: Data] = [:], in directory: RunDirectory, resuming checkpoint: Checkpoint?,
    collective: any Collective = SingleProcess(), reporter: (any RunReporter)? = nil
  ) throws {
    try config.check(objective)
    guard config.batchSize.isMultiple(of: collective.count) else {
      throw ConfigError(
        key: "train.batch_size", expected: "a multiple of the \(collective.count) processes",
        found: "\(config.batchSize)")
    }
    self.objective = objective
    self.batches = batches
    self.config = config
    self.configText = configText
    self.attachments = attachments
    self.directory = directory
    self.collective = collective
    self.reporter = collective.rank == 0 ? reporter : nil
    grace = GraceTime(
      checkpointBytes: CheckpointContents.byteCount(
        of: objective.model, averaged: config.emaDecay > 0))
    optimizer = AdamW(
      beta1: config.betas[0], beta2: config.betas[1], weightDecay: config.weightDecay)
    if let checkpoint { try objective.model.load(checkpoint) }
    if config.emaDecay > 0 {
      average = ExponentialMovingAverage(of: objective.model, decay: config.emaDecay, warmsUp: true)
    }
    if let checkpoint { try restore(checkpoint) }
    guard collective.rank == 0 else { return }
    try directory.finishCheckpoint(keeping: retention)
    journal = try RunJournal(in: directory.path, after: step, validationIsDue: validationIsDue)
    try AtomicFile.write(Data(configText.utf8), to: "\(directory.path)/config.json")
  }

  /// All of a checkpoint but the weights.
  private mutating func restore(_ checkpoint: Checkpoint) throws {
    let state = try checkpoint.state()
    try checkpoint.check(batches.data)
    do {
      try optimizer.load(
        checkpoint.arrays(Checkpoint.optimizerFile), steps: state.optimizerSteps,
        for: objective.model)
      // Weights from elsewhere have no average: it starts from them.
      if var own = average, try checkpoint.hasAttachment(Checkpoint.averageFile) {
        let saved = try checkpoint.arrays(Checkpoint.averageFile)
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
    updates = state.updates
    // That of another folder, or one that was damaged, is none of this run's.
    best = state.best.flatMap { directory.hasCheckpoint(step: $0.step) ? $0 : nil }
    validationIsDue = state.validationIsDue
  }

  /// Trains until `max_steps`, `max_minutes` or a signal, and saves.
  /// - Throws: `TrainingError`, and whatever making a batch throws.
  public mutating func run() throws -> Outcome {
    StopSignal.install { [grace] in announceSignal(grace.message($0)) }
    let accumulation = config.gradientAccumulationSteps
    let slots = collective.share(of: config.batchSize)
    let prefetcher = Prefetcher(
      depth: config.prefetchBatches, startingAt: step * accumulation,
      upTo: config.maxSteps * accumulation
    ) { [batches] in try batches.training(BatchPlace(number: $0, slots: slots)) }
    // The batch in the making may hang on a disk that does not answer.
    defer { prefetcher.abandon() }
    defer { finishProgress() }
    let clock = ContinuousClock()
    let (start, minutesBefore, stepBefore) = (clock.now, minutes, step)
    var interval = (start: clock.now, step: step, waited: 0.0)
    var isOver = try isOver()
    if validationIsDue {
      try validateAndSave(isDue: (validation: true, save: false), isOver: isOver)
    }

    training: while !isOver || validationIsDue {
      if try collective.any(StopSignal.pending != nil) { return try stop() }

      // Batches, loss and gradient.
      let stepStart = clock.now
      var loss: Float = 0
      var terms: [Term] = []
      var gradient: [String: NDArray] = [:]
      var parts: [(batch: O.Batch, place: BatchPlace)] = []
      for micro in 0..<accumulation {
        grace.begin(.waiting, step: step + 1)
        // A signal does not wait for data: the step is taken again when the run goes on.
        guard let batch = try prefetcher.next(unless: isCalledOff) else { continue training }
        grace.begin(.step, step: step + 1)
        let place = BatchPlace(number: step * accumulation + micro, slots: slots)
        parts.append((batch, place))
        let (value, part) = valueWithGradient(at: objective.model) { _ in
          let (loss, values) = objective.loss(batch, at: place)
          terms = zipTerms(terms, values)
          return loss
        }
        loss += value / Float(accumulation)
        accumulate(part, into: &gradient, scale: 1 / Float(accumulation))
      }
      try collective.average(&gradient)
      (loss, terms) = try averaged(loss, terms)

      // Usable? Then clip, optimiser, average.
      let norm = clip(&gradient, toNorm: Float(config.clipGradNorm))
      let rate = config.schedule.rate(base: config.learningRate, step: step)
      switch updates.judge(loss: loss, norm: norm, config) {
      case .update:
        let model = objective.model
        optimizer.update(model, along: gradient, learningRate: rate)
        average?.update(model)
      case .skip(let reason): announceSkip(reason, parts)
      case .stop(let reason):
        throw TrainingError.numerical(
          step: step + 1, problem: reason, clips: clips(parts), origin: firstNonFinite(parts),
          canSkip: config.onNonfinite == .stop)
      }
      step += 1
      minutes = minutesBefore + seconds(clock.now - start) / 60
      grace.took(seconds(clock.now - stepStart), .step)
      isOver = try self.isOver()

      // Log, validate, save.
      let elapsed = max(1e-9, seconds(clock.now - interval.start))
      var left = seconds(clock.now - start) / Double(step - stepBefore)
      left *= Double(config.maxSteps - step)
      if config.maxMinutes > 0 { left = min(left, (config.maxMinutes - minutes) * 60) }
      let report = StepReport(
        step: step, maxSteps: config.maxSteps, loss: Double(loss),
        terms: terms.map { ($0.name, Double($0.value) / Double(accumulation)) },
        learningRate: rate, gradientNorm: Double(norm), skipped: updates.skipped,
        samplesPerSecond: Double((step - interval.step) * accumulation * config.batchSize)
          / elapsed,
        dataWait: (prefetcher.secondsWaited - interval.waited) / elapsed, minutes: minutes,
        secondsLeft: left)
      // The same steps as in a run that was never interrupted; a person sees the first one after a
      // resume as well.
      let isLogged = step.isMultiple(of: config.logEvery) || step == 1 || isOver
      show(report.line, isMilestone: isLogged || step == stepBefore + 1)
      if isLogged {
        try journal?.training(report)
        interval = (clock.now, step, prefetcher.secondsWaited)
      }
      try validateAndSave(
        isDue: (
          validation: step.isMultiple(of: config.valEvery) || isOver,
          save: step.isMultiple(of: config.saveEvery) || isOver
        ), isOver: isOver)
    }
    prefetcher.stop()
    refreshReport(.finished)
    return .finished
  }

  /// Loss and terms as means over all processes.
  private func averaged(_ loss: Float, _ terms: [Term]) throws -> (Float, [Term]) {
    let sums = try collective.sum([Double(loss)] + terms.map { Double($0.value) })
    let means = sums.map { Float($0 / Double(collective.count)) }
    return (means[0], zip(terms, means.dropFirst()).map { Term($0.name, $1) })
  }

  /// Whether to wait for data no longer: there is a signal. Of several processes none may decide
  /// that alone.
  private func isCalledOff() -> Bool { collective.count == 1 && StopSignal.pending != nil }

  /// Whether the run is as long as it should be. One process's clock decides for all.
  private func isOver() throws -> Bool {
    let isLate = collective.rank == 0 && config.maxMinutes > 0 && minutes >= config.maxMinutes
    return try collective.any(step >= config.maxSteps || isLate)
  }

  private mutating func stop() throws -> Outcome {
    try save()
    finishProgress()
    refreshReport(.stopped)
    StopSignal.waitForAnnouncement()
    return .stopped
  }

  /// What is due after a step; a best checkpoint is saved when it comes up.
  private mutating func validateAndSave(
    isDue: (validation: Bool, save: Bool), isOver: Bool
  ) throws {
    let isBest = isDue.validation ? try validate() : false
    if isDue.save || isBest { try save() }
    guard isDue.validation, !validationIsDue, StopSignal.pending == nil else { return }
    grace.begin(.reporting, step: step)
    let start = ContinuousClock.now
    if let reporter, isPreviewDue(isOver: isOver) {
      let error = withAverage { failure { try reporter.preview(step: step) } }
      warn("preview", error)
    }
    refreshReport(.training)
    grace.took(seconds(ContinuousClock.now - start), .reporting)
  }

  /// Whether a multiple of `preview_every` came since the validation before this one.
  private func isPreviewDue(isOver: Bool) -> Bool {
    guard config.previewEvery > 0 else { return false }
    let before = max(0, step - config.valEvery)
    return isOver || step / config.previewEvery > before / config.previewEvery
  }

  /// Pools the validation batches, with the averaged weights when there are any.
  /// - Returns: whether this is the best step so far.
  private mutating func validate() throws -> Bool {
    let count = min(batches.validationCount, config.valMaxBatches)
    validationIsDue = false
    guard count > 0 else { return false }
    grace.begin(.validation, step: step)
    var pooled: [(name: String, sum: Double, count: Double)] = []
    let prefetcher = Prefetcher(
      depth: 1, startingAt: 0, upTo: count, make: batches.validation)
    let isWhole = try withAverage {
      // Each process goes through all of it: the results are the same, and nothing has to be
      // shared out.
      for index in 0..<count {
        if try collective.any(StopSignal.pending != nil) { return false }
        guard let batch = try prefetcher.next(unless: isCalledOff) else { return false }
        for metric in objective.evaluate(batch, index: index) {
          if let known = pooled.firstIndex(where: { $0.name == metric.name }) {
            pooled[known].sum += metric.sum
            pooled[known].count += metric.count
          } else {
            pooled.append((metric.name, metric.sum, metric.count))
          }
        }
      }
      return true
    }
    guard isWhole else {
      prefetcher.abandon()
      validationIsDue = true
      return false
    }
    // The mean of nothing, such as of clips in which no point is visible, is no number.
    let values = pooled.map { ($0.name, $0.count > 0 ? $0.sum / $0.count : .nan) }
    try journal?.validation(step: step, values)
    announce(
      "step \(step)  validation  "
        + values.map { "\($0.0) \(short($0.1))" }.joined(separator: "  "))
    guard let value = values.first(where: { $0.0 == config.keepBest })?.1, value.isFinite else {
      return false
    }
    if let best, best.metric == config.keepBest, best.batches == count, best.value <= value {
      return false
    }
    best = BestCheckpoint(metric: config.keepBest, value: value, step: step, batches: count)
    return true
  }

  private mutating func save() throws {
    guard collective.rank == 0 else { return }
    grace.begin(.saving, step: step)
    let clock = ContinuousClock()
    let start = clock.now
    try journal?.sync()
    let weights = objective.model.stateDictionary()
    let contents = CheckpointContents(
      weights: weights, average: average.map { weights.merging($0.averages) { $1 } },
      optimizer: optimizer.state(), config: configText, attachments: attachments,
      state: CheckpointState(
        step: step, optimizerSteps: optimizer.steps, emaUpdates: average?.updates ?? 0,
        minutes: minutes, data: batches.data, updates: updates, best: best,
        validationIsDue: validationIsDue))
    try contents.write(to: directory.checkpointPath(step: step))
    try directory.finishCheckpoint(keeping: retention)
    grace.took(seconds(clock.now - start), .saving)
  }

  private var retention: CheckpointRetention {
    // The best by another quantity is none any more.
    let best = best.flatMap { $0.metric == config.keepBest ? $0.step : nil }
    return CheckpointRetention(last: config.keepLast, every: config.keepEvery, best: best)
  }

  /// Calls `body` while the model has its averaged weights, when there are any.
  private func withAverage<Result>(_ body: () throws -> Result) rethrows -> Result {
    let raw = average.map { objective.model.exchangeParameters($0.averages) }
    defer { if let raw { _ = objective.model.exchangeParameters(raw) } }
    return try body()
  }

  // MARK: What cannot be used

  private mutating func announceSkip(
    _ reason: String, _ parts: [(batch: O.Batch, place: BatchPlace)]
  ) {
    announce(
      "WARNING: step \(step + 1) skipped: \(reason) (clips: "
        + "\(clips(parts).joined(separator: ", "))); \(updates.skippedInARow) in a row, "
        + "\(updates.skipped) in all")
  }

  private func clips(_ parts: [(batch: O.Batch, place: BatchPlace)]) -> [String] {
    parts.flatMap { objective.clips($0.batch) }
  }

  /// Evaluates the step once more, looking at every operation's result.
  private func firstNonFinite(
    _ parts: [(batch: O.Batch, place: BatchPlace)]
  ) -> NonFiniteOperation? {
    findingNonFinite {
      for (batch, place) in parts {
        _ = valueWithGradient(at: objective.model) { _ in objective.loss(batch, at: place).loss }
      }
    }.first
  }

  // MARK: What a person sees

  private mutating func show(_ line: String, isMilestone: Bool) {
    if collective.rank == 0 { progress.show(line, isMilestone: isMilestone) }
  }

  private mutating func announce(_ line: String) {
    if collective.rank == 0 { progress.print(line) }
  }

  private mutating func finishProgress() {
    if collective.rank == 0 { progress.finish() }
  }

  private mutating func refreshReport(_ phase: RunStatus.Phase) {
    guard let reporter else { return }
    let status = RunStatus(
      phase: phase, step: step, maxSteps: config.maxSteps, minutes: minutes,
      skipped: updates.skipped)
    warn("report", failure { try reporter.refresh(status) })
  }

  private func failure(_ body: () throws -> Void) -> (any Error)? {
    do { try body() } catch { return error }
    return nil
  }

  /// A page that cannot be written is no reason to lose a training.
  private mutating func warn(_ what: String, _ failure: (any Error)?) {
    guard let failure else { return }
    announce("WARNING: the \(what) of step \(step) was not written: \(failure)")
  }
}

extension Module {
  /// Takes a checkpoint's weights, not their average.
  fileprivate func load(_ checkpoint: Checkpoint) throws { try checkpoint.load(.raw, into: self) }
}

extension Collective {
  /// This process's slots of a global batch.
  fileprivate func share(of batchSize: Int) -> Range<Int> {
    let own = batchSize / count
    return rank * own..<(rank + 1) * own
  }
}

/// Below a progress line that is being redrawn, if there is one.
private func announceSignal(_ line: String) {
  writeToStandardError((isatty(STDERR_FILENO) == 1 ? "\n" : "") + line + "\n")
}

private func seconds(_ duration: Duration) -> Double {
  Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
}

/// Sums of terms of the same name over micro-batches.
private func zipTerms(_ sums: [Term], _ terms: [Term]) -> [Term] {
  guard !sums.isEmpty else { return terms }
  return zip(sums, terms).map { Term($0.name, $0.value + $1.value) }
}
