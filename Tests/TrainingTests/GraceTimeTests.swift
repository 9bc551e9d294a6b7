import Foundation
import Testing

@testable import Training

@Test func signalsAreAnsweredWithATime() {
  let grace = GraceTime(checkpointBytes: 200_000_000)
  grace.begin(.step, step: 1)
  #expect(
    grace.message(SIGTERM).contains(
      "SIGTERM: saving after step 1, then stopping, within 25s after the step"))
  grace.took(3, .step)
  grace.took(2, .step)
  grace.begin(.step, step: 3)
  // Twice 3 s and twice the 10 s that 200 MB may take, and 5 s.
  #expect(
    grace.message(SIGUSR1).contains("SIGUSR1: saving after step 3, then stopping, within 31s"))
  grace.took(1, .saving)
  grace.begin(.saving, step: 3)
  #expect(grace.message(SIGINT).contains("SIGINT: saving already, then stopping, within 7s"))
  grace.begin(.validation, step: 3)
  #expect(grace.message(SIGINT).contains("leaving the validation for later"))
  #expect(grace.message(SIGINT).contains("within 13s"))
  grace.begin(.reporting, step: 3)
  #expect(grace.message(SIGINT).contains("within 7s after the report, which was not timed yet"))
  grace.took(4, .reporting)
  #expect(grace.message(SIGINT).contains("finishing the report"))
  #expect(grace.message(SIGINT).contains("within 15s;"))
}
