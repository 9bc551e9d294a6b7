import Foundation
import Testing

@testable import Training

private struct Ours: Codable, Equatable {
  struct Model: Codable, Equatable {
    var width: Int
    var rates: [Double]
  }
  var name: String
  var whole: Double
  var model: Model
}

private let translation = ConfigTranslation(
  origin: "their configuration", marker: "net",
  rules: [
    "net.size.width": .taken(as: "model.width"), "lr": .taken(as: "model.rates"),
    "net.legacy": .fixed("false", "no longer there"), "workers": .meaningless("one is enough"),
    "half": .converted(as: "whole", ours: { $0 * 2 }, theirs: { $0 / 2 }),
    "copy": .equal(to: "lr", "there is one"), "folder": .meaningless("none here", written: "\"\""),
    "net.part": .fixed("{}", "elsewhere"),
  ],
  filledIn: ["name": "\"run\"", "whole": "0.5", "model.width": "7"])

private func translate(_ text: String) throws -> (
  config: Ours, report: ConfigTranslation.Report?
) {
  let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).json")
  defer { try? FileManager.default.removeItem(at: path) }
  try Data(text.utf8).write(to: path)
  return try StrictConfig.load(Ours.self, from: path.path, translating: translation)
}

@Test func theirKeysBecomeOurs() throws {
  let (config, report) = try translate(
    "{\"net\": {\"size\": {\"width\": 3}, \"legacy\": false}, \"lr\": [1, 0.5], \"workers\": 4}")
  #expect(config == Ours(name: "run", whole: 0.5, model: .init(width: 3, rates: [1, 0.5])))
  let found = try #require(report)
  #expect(
    found.taken == ["model.rates = [1,0.5], their lr", "model.width = 3, their net.size.width"])
  // Only what theirs do not say.
  #expect(found.filledIn == ["name = \"run\"", "whole = 0.5"])
  #expect(found.meaningless == ["net.legacy: false, as always here", "workers: one is enough"])
  #expect(found.lines.first == "  taken:" && found.lines.contains("    name = \"run\""))
  let theirs = try translation.theirs(config)
  let back = try translate(String(decoding: theirs.json, as: UTF8.self)).config
  #expect(back == config && theirs.left == ["name"])
  // Ours is not touched.
  let own = try translate(
    "{\"name\": \"a\", \"whole\": 1, \"model\": {\"width\": 1, \"rates\": []}}")
  #expect(own.report == nil && own.config.name == "a")
}

@Test(arguments: [
  ("{\"net\": {\"size\": {\"widht\": 3}}}", "net.size.widht", "did you mean net.size.width?"),
  (
    "{\"net\": {\"legacy\": true}, \"lr\": []}", "net.legacy",
    "expected false, found true: no longer"
  ),
  ("{\"net\": {\"size\": {\"width\": \"x\"}}, \"lr\": []}", "net.size.width", "a whole number"),
  ("{\"net\": {\"legacy\": false}}", "lr", "missing"),
  ("{\"net\": {\"legacy\": false}, \"lr\": [], \"net.legacy\": false}", "net.legacy", "not a key"),
  ("{\"net\": {\"part\": {\"a\": 1}}, \"lr\": []}", "net.part.a", "not a key"),
  ("{\"net\": {}, \"lr\": [1], \"copy\": [2]}", "copy", "expected [1], as lr, found [2]: there"),
  ("{\"net\": {}, \"lr\": [], \"half\": \"x\"}", "half", "expected a number, found \"x\""),
  ("{\"net\": {\"wibble\": {}}, \"lr\": []}", "net.wibble", "not a key of their configuration"),
  ("{\"net\": {\"size\": {\"width\": {}}}, \"lr\": []}", "net.size.width", "a block of keys"),
])
func theirFaultsAreNamed(_ text: String, _ key: String, _ detail: String) {
  let error = #expect(throws: ConfigError.self) { try translate(text) }
  let message = error?.description ?? ""
  #expect(message.contains(key) && message.contains(detail), "\(message)")
}

@Test func theirOtherNumbersAndCopiesGoBothWays() throws {
  let (config, report) = try translate(
    "{\"net\": {\"legacy\": false, \"part\": {}}, \"lr\": [1], \"copy\": [1], \"half\": 2, \"folder\": 3}"
  )
  #expect(config.whole == 4)
  #expect(report?.taken.contains("whole = 4, their half = 2") == true)
  #expect(
    report?.meaningless == [
      "copy: as lr", "folder: none here", "net.legacy: false, as always here",
      "net.part: {}, as always here",
    ])
  let (json, left) = try translation.theirs(config, adding: ["net.part": Data("{\"a\": 1}".utf8)])
  let theirs = try StrictConfig.object(json, source: "")
  let leaves = StrictConfig.leaves(theirs)
  #expect(leaves["half"] as? Double == 2 && leaves["folder"] as? String == "" && left == ["name"])
  #expect(leaves["copy"] as? [Double] == [1] && leaves["net.part.a"] as? Int == 1)
}
