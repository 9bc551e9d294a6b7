import Autograd
import Foundation
import TestSupport
import Testing

@testable import TrajLoomFlow
@testable import TrajLoomVAE

/// The folder of reference results that `TRAJLOOM_GOLDEN` names, or the fixtures of this
/// repository. What a file tests, and at what sizes, is read from its tensors and its metadata.
enum GoldenFolder {
  static let path: String = {
    if let path = ProcessInfo.processInfo.environment["TRAJLOOM_GOLDEN"], !path.isEmpty {
      return path
    }
    return URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Fixtures/golden").path
  }()

  static let files: [GoldenFile] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return names.filter { $0.hasSuffix(".safetensors") }.sorted().map { name in
      GoldenFile(name: name, file: Result { try SafetensorsFile(path: "\(path)/\(name)") })
    }
  }()

  /// The files that hold all of `tensors`.
  static func files(with tensors: String...) -> [GoldenFile] {
    files.filter { file in tensors.allSatisfy { file.has($0) } }
  }

  static func file(named name: String) throws -> GoldenFile {
    try #require(files.first { $0.name == name }, "\(path) has no \(name)")
  }
}

/// One reference file.
struct GoldenFile: Sendable, CustomStringConvertible {
  let name: String
  let file: Result<SafetensorsFile, any Error>

  var description: String { name }
  var stem: String { String(name.dropLast(".safetensors".count)) }
  var names: [String] { (try? file.get().names) ?? [] }

  func has(_ tensor: String) -> Bool { (try? file.get().shape(of: tensor)) != nil }
  func array(_ tensor: String, on device: Device = .cpu) throws -> NDArray {
    try file.get().array(tensor).on(device)
  }
  func values(_ tensor: String) throws -> [Double] { try file.get().values(tensor) }

  /// The tensors under `prefix`, without it.
  func arrays(under prefix: String, on device: Device = .cpu) throws -> [String: NDArray] {
    try names.filter { $0.hasPrefix(prefix) }.reduce(into: [:]) {
      $0[String($1.dropFirst(prefix.count))] = try array($1, on: device)
    }
  }

  func metadata() throws -> [String: Any] {
    let text = try file.get().metadata["config"] ?? "{}"
    return try #require(
      JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(name): config")
  }

  /// The weights that belong to this file: itself, the file its metadata names, or the one with the
  /// same configuration.
  func weights(key: String, like tensor: String) throws -> [String: NDArray] {
    if has("w.\(tensor)") { return try arrays(under: "w.") }
    if let named = try metadata()[key] as? String {
      return try GoldenFolder.file(named: named).arrays(under: "w.")
    }
    let config = try metadata() as NSDictionary
    let candidates = try GoldenFolder.files(with: "w.\(tensor)").filter {
      try ($0.metadata() as NSDictionary) == config
    }
    let ranked = candidates.sorted { a, b in
      a.stem.commonPrefix(with: stem).count > b.stem.commonPrefix(with: stem).count
    }
    return try #require(ranked.first, "no weights for \(name)").arrays(under: "w.")
  }
}

/// Decodes a published model configuration, adding the keys that are ours.
func published<Config: Decodable>(_ json: Any?, adding ours: [String: Any]) throws -> Config {
  let json = try #require(json as? [String: Any])
  let decoder = JSONDecoder()
  decoder.keyDecodingStrategy = .convertFromSnakeCase
  return try decoder.decode(
    Config.self,
    from: JSONSerialization.data(withJSONObject: ours.merging(json) { $1 }))
}

extension GoldenFile {
  func vae(on device: Device = .cpu) throws -> TrajectoryVAE {
    try vae(config: metadata(), weightsKey: "vae_weights_file", on: device)
  }

  func vae(config: Any?, weightsKey: String, on device: Device = .cpu) throws -> TrajectoryVAE {
    let model = try TrajectoryVAE(
      published(config, adding: ["encoding": "pixel", "mlp_ratio": 4.0, "in_channels": 2]), seed: 0)
    try model.load(weights(key: weightsKey, like: "x_embedder.proj.weight"))
    model.move(to: device)
    return model
  }

  func generator(config: Any?, weightsKey: String, checkpointsBlocks: Bool = false) throws
    -> TrajectoryDiT
  {
    let model = try TrajectoryDiT(
      published(
        config,
        adding: [
          "video_source": "precomputed", "text_source": "precomputed",
          "use_continuation_cond": false, "pos_embed_init": "normal", "prediction": "velocity",
        ]),
      seed: 0, checkpointsBlocks: checkpointsBlocks)
    try model.load(weights(key: weightsKey, like: "in_proj.weight"))
    return model
  }
}

/// Expects `max|a - b| <= tolerance · max|b|`.
func expectClose(
  _ actual: NDArray, _ expected: NDArray, within tolerance: Float, _ what: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(
    actual.count == expected.count, "\(what): \(actual.shape) against \(expected.shape)",
    sourceLocation: sourceLocation)
  let error = maxNormalizedError(actual.scalars, expected.scalars)
  #expect(
    error <= tolerance, "\(what): max-normalised error \(error), tolerance \(tolerance)",
    sourceLocation: sourceLocation)
}

/// Expects a relative difference of at most `tolerance`.
func expectClose(
  _ actual: Float, _ expected: Double, within tolerance: Double, _ what: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let error = abs(Double(actual) - expected) / max(abs(expected), 1e-30)
  #expect(
    error <= tolerance, "\(what): \(actual), expected \(expected), relative error \(error)",
    sourceLocation: sourceLocation)
}

/// Expects ‖a - b‖ <= tolerance · ‖b‖.
func expectCloseInNorm(
  _ actual: NDArray, _ expected: NDArray, within tolerance: Double, _ what: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  func squares(_ values: [Float]) -> Double { values.reduce(0) { $0 + Double($1) * Double($1) } }
  let difference = squares(zip(actual.scalars, expected.scalars).map { $0 - $1 })
  let error = (difference / max(squares(expected.scalars), 1e-300)).squareRoot()
  #expect(
    actual.count == expected.count && error <= tolerance,
    "\(what): relative Frobenius error \(error), tolerance \(tolerance)",
    sourceLocation: sourceLocation)
}

/// Expects every golden gradient under `prefix`, and no gradient for any other parameter.
func expectGradients(
  _ gradient: [String: NDArray], _ golden: GoldenFile, under prefix: String, isComplete: Bool,
  within tolerance: Float, scalarTolerance: Float? = nil, inNorm: Bool = false
) throws {
  let expected = try golden.arrays(under: prefix)
  #expect(!expected.isEmpty, "\(golden) has no \(prefix)*")
  for (name, value) in expected.sorted(by: { $0.key < $1.key }) {
    let actual = try #require(gradient[name], "\(golden): no gradient for \(name)")
    let tolerance = value.shape.isEmpty ? scalarTolerance ?? tolerance : tolerance
    if inNorm {
      expectCloseInNorm(actual, value, within: Double(tolerance), "\(golden) \(prefix)\(name)")
    } else {
      expectClose(actual, value, within: tolerance, "\(golden) \(prefix)\(name)")
    }
  }
  if isComplete {
    #expect(Set(gradient.keys) == Set(expected.keys), "\(golden): parameters with a gradient")
  }
}

@Test func goldenFolderIsReadable() {
  #expect(!GoldenFolder.files.isEmpty, "no safetensors files in \(GoldenFolder.path)")
  for file in GoldenFolder.files { #expect(throws: Never.self, "\(file)") { try file.file.get() } }
}
