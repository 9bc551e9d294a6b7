import Training

/// What a person sees while futures are drawn: clip, sample and step, and the time that is left. A
/// line per clip, and now and then one between, where there is no terminal.
struct SamplingProgress {
  private let clips, samples, steps: Int
  private var line = ProgressLine()
  private let start = ContinuousClock.now
  private var lastLine = ContinuousClock.now

  init(clips: Int, samples: Int, steps: Int) {
    (self.clips, self.samples, self.steps) = (clips, samples, steps)
  }

  /// Before step `step` of sample `sample` of clip `clip`, all counted from 0.
  mutating func show(_ id: String, clip: Int, sample: Int, step: Int) {
    let isDue = ContinuousClock.now - lastLine > .seconds(60)
    let done = (clip * samples + sample) * steps + step
    line.show(
      "clip \(clip + 1)/\(clips) \(id)  sample \(sample + 1)/\(samples)  step \(step + 1)/\(steps)"
        + eta(done), isMilestone: isDue)
    if isDue { lastLine = .now }
  }

  mutating func finishClip(_ id: String, clip: Int) {
    line.show(
      "clip \(clip + 1)/\(clips) \(id)  \(counted(samples, "future"))"
        + eta((clip + 1) * samples * steps), isMilestone: true)
    lastLine = .now
  }

  mutating func finish() { line.finish() }

  private func eta(_ done: Int) -> String {
    guard done > 0, done < clips * samples * steps else { return "" }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let left = Double(clips * samples * steps - done) / Double(done) * seconds
    return "  ETA \(duration(left))"
  }
}

/// Such as `1 clip`, `2 clips`.
func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
