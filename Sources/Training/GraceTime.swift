import Foundation
import Synchronization

/// How long a run takes to end in good order: what is promised to whoever sends it a signal.
final class GraceTime: Sendable {
  /// What a run is in the middle of.
  enum Work: Equatable, Sendable {
    case waiting, step, validation, saving, reporting
  }

  private struct State {
    var work = Work.waiting
    var step = 0
    var slowestStep: Double?
    var slowestSave: Double?
    var slowestReport: Double?
    /// Assumed until the first save.
    var checkpointBytes: Int
  }

  private let state: Mutex<State>

  /// - Parameter checkpointBytes: the size of a checkpoint.
  init(checkpointBytes: Int) {
    state = Mutex(State(checkpointBytes: checkpointBytes))
  }

  func begin(_ work: Work, step: Int) {
    state.withLock {
      $0.work = work
      $0.step = step
    }
  }

  func took(_ seconds: Double, _ work: Work) {
    state.withLock {
      switch work {
      case .step: $0.slowestStep = max($0.slowestStep ?? 0, seconds)
      case .saving: $0.slowestSave = max($0.slowestSave ?? 0, seconds)
      case .reporting: $0.slowestReport = max($0.slowestReport ?? 0, seconds)
      case .waiting, .validation: break
      }
    }
  }

  /// The line that answers the first signal.
  func message(_ signal: Int32) -> String {
    let state = state.withLock { $0 }
    let what =
      switch state.work {
      case .waiting: "saving"
      case .step: "saving after step \(state.step)"
      case .validation: "leaving the validation for later and saving"
      case .saving: "saving already"
      case .reporting: "finishing the report, then saving what is not saved"
      }
    let time = Self.seconds(state).map { "within \(duration($0))" } ?? Self.unknown(state)
    return
      "\(StopSignal.name(signal)): \(what), then stopping, \(time); a second signal stops at once"
  }

  /// Of the slowest save, or of a slow disk's.
  private static func saving(_ state: State) -> Double {
    let slowDisk = 20e6  // bytes per second
    return state.slowestSave ?? Double(state.checkpointBytes) / slowDisk
  }

  private static func unknown(_ state: State) -> String {
    let work =
      switch state.work {
      case .reporting: "the report"
      case .validation: "the batch"
      default: "the step"
      }
    return "within \(duration(2 * saving(state) + 5)) after \(work), which was not timed yet"
  }

  /// Twice the slowest of what is left to do, and some: nil for what was not timed.
  private static func seconds(_ state: State) -> Double? {
    let save = saving(state)
    switch state.work {
    case .waiting, .saving: return 2 * save + 5
    case .reporting: return state.slowestReport.map { 2 * ($0 + save) + 5 }
    // A batch of validation takes no longer than a step does.
    case .step, .validation: return state.slowestStep.map { 2 * ($0 + save) + 5 }
    }
  }
}
