import Testing

@testable import Training

private let line = "step 7/100  loss 0.5  kl 0.25 velocity 1e-05  lr 0.002  norm 1"

@Test(arguments: [
  (80, line), (62, line), (61, "step 7/100  loss 0.5  kl 0.25 velocity 1e-05  lr 0.002 …"),
  (56, "step 7/100  loss 0.5  kl 0.25 velocity 1e-05  lr 0.002 …"),
  (55, "step 7/100  loss 0.5  kl 0.25 velocity 1e-05 …"),
  (45, "step 7/100  loss 0.5  kl 0.25 …"), (30, "step 7/100  loss 0.5 …"),
  (12, "step 7/100 …"), (11, "step 7/100…"), (5, "step…"), (1, "…"),
])
func linesAreCutAfterAWholeField(_ columns: Int, _ expected: String) {
  #expect(ProgressLine.fitted(line, to: columns) == expected)
}

@Test func wideCharactersTakeTwoColumns() {
  #expect(ProgressLine.fitted("1/2 クリップ", to: 12) == "1/2 クリップ")
  #expect(ProgressLine.fitted("1/2 クリップ", to: 11) == "1/2 クリッ…")
}
