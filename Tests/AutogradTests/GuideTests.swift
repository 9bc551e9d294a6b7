import Autograd
import Foundation
import Testing

/// Every block of code in docs/autograd.md is the compiled code of GuideExample.swift, and the other
/// way round.
@Test func guideShowsTheCodeThatIsCompiled() throws {
  let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  let source = try String(
    contentsOf: here.appendingPathComponent("GuideExample.swift"), encoding: .utf8)
  let guide = try String(
    contentsOf: here.appendingPathComponent("../../docs/autograd.md").standardized, encoding: .utf8)
  let compiled = blocks(of: source, from: { $0.hasPrefix("// guide: ") }, to: "// end")
  let shown = blocks(of: guide, from: { $0 == "```swift" }, to: "```")
  #expect(!compiled.isEmpty)
  #expect(shown.count == compiled.count)
  for (a, b) in zip(compiled, shown) {
    let isSame = a == b
    #expect(isSame, "the guide shows\n\(b)\nand GuideExample.swift has\n\(a)")
  }
}

@Test func guideExampleLearns() {
  let accuracy = trainClassifier()
  #expect(accuracy > 0.95)
}

@Test func guideSnippetsDoWhatTheySay() async throws {
  guideArrays()
  try guideState()
  let report = guideProfile()
  #expect(report.hasPrefix("sqrt -> [3]: 1 of 3 elements not finite, the first at 1 is NaN; "))
  let drawsAgree = guideDraws()
  #expect(drawsAgree)
  let (_, gradients) = valueWithGradient(at: [NDArray([2], shape: [1])]) { cube($0[0]).sum() }
  #expect(gradients[0]!.item == 12)
  var initializer = Initializer(seed: 1)
  let block = ResidualBlock(4, &initializer)
  let x = Philox(seed: 1, stream: "x").normal([2, 4], step: 0)
  let loss = valueWithGradient(at: [x]) { consistencyLoss(block, $0[0]) }
  #expect(loss.value == 0, "gates of 0 make the block the identity")
  // In a process of its own, where no other test's arrays are counted.
  await #expect(processExitsWith: .success) {
    let saved = guideMemory()
    #expect(saved > 0)
  }
}

/// The lines between a line that `starts` accepts and the line `end`, without their common
/// indentation.
private func blocks(
  of text: String, from starts: (String) -> Bool, to end: String
) -> [String] {
  var blocks: [String] = []
  var open: (indentation: Int, lines: [Substring])?
  for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
    let content = line.trimmingCharacters(in: .whitespaces)
    if let block = open, content == end {
      blocks.append(block.lines.joined(separator: "\n"))
      open = nil
    } else if open != nil {
      open!.lines.append(line.dropFirst(open!.indentation))
    } else if starts(content) {
      open = (line.prefix { $0 == " " }.count, [])
    }
  }
  return blocks
}
