import Foundation
import Testing

@testable import Training

private struct Ours: Codable, Equatable {
  struct Model: Codable, Equatable {
    var width: Int
    var rates: [Double]
  }
  var name: String
  var model: Model
}

private let translation = ConfigTranslation(
  origin: "their configuration", marker: "net",
  rules: [
    "net.size.width": .taken(as: "model.width"), "lr": .taken(as: "model.rates"),
    "net.legacy": .fixed("false", "no longer there"), "workers": .meaningless("one is enough"),
  ],
  filledIn: ["name": "\"run\"", "model.width": "7"])

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
  #expect(config == Ours(name: "run", model: .init(width: 3, rates: [1, 0.5])))
  let found = try #require(report)
  #expect(
    found.taken == ["model.rates = [1,0.5], their lr", "model.width = 3, their net.size.width"])
  // Only what theirs do not say.
  #expect(found.filledIn == ["name = \"run\""])
  #expect(found.meaningless == ["net.legacy: false, as always here", "workers: one is enough"])
  #expect(found.lines.first == "  taken:" && found.lines.contains("    name = \"run\""))
  let theirs = try translation.theirs(config)
  let back = try translate(String(decoding: theirs.json, as: UTF8.self)).config
  #expect(back == config && theirs.left == ["name"])
  // Ours is not touched.
  let own = try translate("{\"name\": \"a\", \"model\": {\"width\": 1, \"rates\": []}}")
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
  ("{\"net\": {\"wibble\": {}}, \"lr\": []}", "net.wibble", "not a key of their configuration"),
  ("{\"net\": {\"size\": {\"width\": {}}}, \"lr\": []}", "net.size.width", "a block of keys"),
])
func theirFaultsAreNamed(_ text: String, _ key: String, _ detail: String) {
  let error = #expect(throws: ConfigError.self) { try translate(text) }
  let message = error?.description ?? ""
  #expect(message.contains(key) && message.contains(detail), "\(message)")
}
