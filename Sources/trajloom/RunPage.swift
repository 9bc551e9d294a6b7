import Autograd
import Foundation
import Training
import TrajLoomBench

/// `report.html` of a run: made anew from what its folder holds.
struct RunPage: RunReporter {
  let folder: String
  /// What its model makes of clips that it is not trained on; nil when no pictures are wanted.
  var preview: (() throws -> [FuturePicture.Row])?

  private var previews: String { "\(folder)/previews" }

  func preview(step: Int) throws {
    guard let rows = try preview?(), !rows.isEmpty else { return }
    try FileManager.default.createDirectory(atPath: previews, withIntermediateDirectories: true)
    try FuturePicture.render(
      rows: rows, to: "\(previews)/\(RunDirectory.stepName(step)).png", maxPanelWidth: 480)
  }

  func refresh(_ status: RunStatus) throws {
    let phase = status.phase == .training ? "" : ", \(status.phase.rawValue)"
    var notices: [String] = []
    if status.skipped > 0 {
      notices.append("\(status.skipped) steps were skipped: they did not change the weights.")
    }
    try write(
      "step \(status.step) of \(status.maxSteps), \(duration(60 * status.minutes)) of training"
        + phase, notices)
  }

  /// The page of a run that may have ended long ago.
  /// - Throws: `TrainingError.checkpoint` for a folder without a run's log.
  static func write(for folder: String, to path: String) throws {
    let history = RunHistory(of: folder)
    guard let last = history.training.first?.points.last else {
      throw TrainingError.checkpoint(
        path: "\(folder)/metrics.jsonl", problem: "expected the log of a run, found no step in it")
    }
    try RunPage(folder: folder).write("step \(last.step)", [], to: path)
  }

  private func write(_ status: String, _ notices: [String], to path: String? = nil) throws {
    let history = RunHistory(of: folder)
    let config = try? String(contentsOfFile: "\(folder)/config.json", encoding: .utf8)
    let report = RunReport(
      title: (folder as NSString).lastPathComponent, status: status,
      notices: notices + Self.undefined(history), facts: facts(history),
      charts: Self.charts(history), previews: shownPreviews(), configuration: config)
    try report.write(to: path ?? "\(folder)/report.html")
  }

  // MARK: Curves

  /// What the run logs beside the loss and its terms.
  private static let others: Set<String> = ["loss", "learning_rate", "grad_norm", "skipped"]

  private static func charts(_ history: RunHistory) -> [RunReport.Chart] {
    func curve(_ series: RunHistory.Series, _ name: String? = nil, isDashed: Bool = false)
      -> LineChart.Series
    {
      LineChart.Series(
        name: name ?? series.name, points: series.points.map { (Double($0.step), $0.value) },
        style: isDashed ? .dashed : .solid, smoothing: isDashed ? 1 : series.points.count / 50 + 1)
    }
    func chart(
      _ title: String, _ caption: String, _ scale: LineChart.Scale, _ series: [LineChart.Series]
    ) -> RunReport.Chart? {
      series.isEmpty
        ? nil
        : RunReport.Chart(
          title: title, caption: caption,
          chart: LineChart(xLabel: "step", yLabel: title, yScale: scale, series: series))
    }
    func training(_ name: String) -> [LineChart.Series] {
      history.training.filter { $0.name == name }.map { curve($0) }
    }
    let terms = history.training.filter { !others.contains($0.name) }
    let validationLoss = history.validation.filter { $0.name == "loss" }
    let charts: [RunReport.Chart?] =
      [
        chart(
          "loss",
          validationLoss.isEmpty
            ? "Of training batches." : "Of training batches, and of clips that are not trained on.",
          .logarithmic,
          training("loss")
            + validationLoss.map { curve($0, "validation", isDashed: true) }),
        chart(
          "terms", "What the loss is a sum of, before weights.", .logarithmic,
          terms.count > 1 ? terms.map { curve($0) } : []),
      ]
      + history.validation.filter { $0.name != "loss" }.map {
        chart($0.name, "Of clips that are not trained on.", .linear, [curve($0, isDashed: true)])
      }
      + [
        chart("gradient norm", "Before clipping.", .logarithmic, training("grad_norm")),
        chart("learning rate", "", .linear, training("learning_rate")),
        chart(
          "samples per second", "", .linear,
          history.timing.filter { $0.name == "samples_per_second" }.map { curve($0) }),
        chart(
          "data wait", "The share of the time in which a step waited for its data.", .linear,
          history.timing.filter { $0.name == "data_wait" }.map { curve($0) }),
      ]
    return charts.compactMap { $0 }
  }

  /// A notice for every quantity that is no number at some step. The mean of nothing is none by
  /// nature, in all of its points.
  private static func undefined(_ history: RunHistory) -> [String] {
    (history.training + history.validation).compactMap { series in
      let bad = series.points.filter { !$0.value.isFinite }
      guard let first = bad.first, bad.count < series.points.count else { return nil }
      return "\(series.name) is not finite at \(bad.count) of \(series.points.count) logged steps, "
        + "first at step \(first.step)."
    }
  }

  // MARK: Pictures and facts

  /// The newest picture, and the first to compare it with.
  private func shownPreviews() -> [RunReport.Preview] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: previews)) ?? []
    let pictures = names.filter { $0.hasPrefix("step-") && $0.hasSuffix(".png") }.sorted()
    let shown = pictures.count > 1 ? [pictures.last!, pictures.first!] : pictures
    return shown.map { name in
      RunReport.Preview(
        title: "step \(Int(name.dropFirst(5).dropLast(4)) ?? 0)",
        caption:
          "Clips that are not trained on: past, true future, and what the model makes of it.",
        png: FileManager.default.contents(atPath: "\(previews)/\(name)"))
    }
  }

  private func facts(_ history: RunHistory) -> [RunReport.Facts] {
    func pointer(_ name: String) -> String? {
      (try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8))?
        .trimmingCharacters(in: .whitespacesAndNewlines)
    }
    var run: [(key: String, value: String)] = [("folder", folder)]
    for name in ["latest", "best"] { if let place = pointer(name) { run.append((name, place)) } }
    for series in history.validation {
      if let last = series.points.last {
        run.append((series.name, String(format: "%.5g at step %d", last.value, last.step)))
      }
    }
    guard let record = RunRecord(of: folder), let start = record.starts.last else {
      return [RunReport.Facts(name: "Run", entries: run)]
    }
    run.append(("started", "\(record.starts.first!.time), \(record.starts.count) starts"))
    run.append(("command", start.command.joined(separator: " ")))
    let machine: [(key: String, value: String)] = [
      ("host", start.machine.host),
      ("processor", "\(start.machine.processor), \(start.machine.cores) cores"),
      ("threads", "\(start.machine.threads)"), ("memory", start.machine.memory),
      ("system", start.machine.system), ("BLAS kernel", start.versions.blasKernel),
      ("HDF5", start.versions.hdf5), ("trajloom", start.versions.trajloom),
      (
        "git",
        start.git.map { "\($0.commit.prefix(12)), \($0.changedFiles) changed files" } ?? "none"
      ),
    ]
    return [
      RunReport.Facts(name: "Run", entries: run),
      RunReport.Facts(
        name: "Data",
        entries: [("fingerprint", record.dataHash), ("files", "\(record.dataFiles.count)")]),
      RunReport.Facts(name: "Machine", entries: machine),
    ]
  }
}
