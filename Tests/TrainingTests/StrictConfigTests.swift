import Foundation
import Testing

@testable import Training

private struct Settings: Codable {
  struct Block: Codable {
    enum Mode: String, Codable { case fast, slow }
    var maxSteps: Int
    var rate: Double
    var x0Mode: Mode
  }
  var run: RunConfig
  var train: Block
}

private let valid = """
  {"run": {"dir": "runs", "name": "a"}, "train": {"max_steps": 10, "rate": 1e-3, "x0_mode": "fast"}}
  """

private func load(_ text: String, _ overrides: [String] = []) throws -> Settings {
  try StrictConfig.decode(Settings.self, Data(text.utf8), source: "c.json", overrides: overrides)
}

@Test func completeConfigurationsAreRead() throws {
  let settings = try load(valid, ["train.max_steps=20", "run.name=b", "train.rate=2"])
  #expect(settings.train.maxSteps == 20 && settings.run.name == "b" && settings.train.rate == 2)
  // What is written reads back as itself.
  #expect(try StrictConfig.text(load(StrictConfig.text(settings))) == StrictConfig.text(settings))
}

private let faults: [(String, String, String)] = [
  (
    valid.replacingOccurrences(of: "max_steps", with: "max_step"), "train.max_step",
    "train.max_steps"
  ),
  (valid.replacingOccurrences(of: "\"rate\": 1e-3, ", with: ""), "train.rate", "missing"),
  (
    valid.replacingOccurrences(of: "\"rate\"", with: "\"extra\": 1, \"rate\""), "train.extra",
    "unknown"
  ),
  (valid.replacingOccurrences(of: "10", with: "\"ten\""), "train.max_steps", "a whole number"),
  (valid.replacingOccurrences(of: "10", with: "1.5"), "train.max_steps", "1.5"),
  (valid.replacingOccurrences(of: "10", with: "null"), "train.max_steps", "null"),
  (valid.replacingOccurrences(of: "fast", with: "quick"), "train.x0_mode", "quick"),
  (valid.replacingOccurrences(of: "\"rate\"", with: "\"max_steps\""), "c.json", "twice"),
  (valid.replacingOccurrences(of: "}}", with: "}"), "c.json", "line"),
  ("[1]", "c.json", "object"), ("null", "c.json", "object"),
  (valid.replacingOccurrences(of: "10", with: "1e400"), "c.json", "a larger one"),
  (valid.replacingOccurrences(of: "10", with: "1e30"), "train.max_steps", "neither too large"),
]

@Test(arguments: faults)
func faultyConfigurationsAreRefused(_ text: String, _ key: String, _ detail: String) {
  let error = #expect(throws: ConfigError.self) { try load(text) }
  let message = error?.description ?? ""
  #expect(
    message.contains(key) && message.contains(detail) && message.contains("c.json"), "\(message)")
  #expect(!message.contains("\n"))
}

@Test(arguments: [
  ("train.max_stepz=3", "did you mean train.max_steps"), ("train.max_steps", "key=value"),
  ("train.max_steps=many", "a whole number"),
])
func faultyOverridesAreRefused(_ override: String, _ detail: String) {
  let error = #expect(throws: ConfigError.self) { try load(valid, [override]) }
  #expect(error?.description.contains(detail) == true, "\(error?.description ?? "")")
}

@Test func missingFilesAreNamed() {
  let error = #expect(throws: ConfigError.self) {
    try StrictConfig.load(Settings.self, from: "/no/such.json")
  }
  #expect(error?.description.hasPrefix("/no/such.json") == true)
}

@Test func differencesAreNamed() throws {
  let (a, b) = (try load(valid), try load(valid, ["train.max_steps=11", "train.rate=2"]))
  #expect(
    try StrictConfig.differences(a, b, ignoring: ["train.max_steps"]) == ["train.rate: 0.001 -> 2"])
}
