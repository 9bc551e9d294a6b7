import DataPipeline
import Foundation
import Training

extension ClipFolder {
  /// What decides what the files of a folder of predictions are, as `meta.json` has it.
  private static let decisive = [
    "flow_sha256", "flow_config_sha256", "truth_sha256", "vae_sha256", "visibility_sha256",
    "vis_threshold", "solver", "steps",
    "noise_seed", "num_samples", "formats", "input_sha256", "correct_continuation", "smooth_frames",
    "shrink_px",
  ]

  /// Whether the folder is there, made as `meta` says.
  /// - Throws: `ConfigError` for one that was made in another way: predictions of two kinds in one
  ///   place would be taken for one.
  func isFinished(_ meta: [String: Any]) throws -> Bool {
    guard FileManager.default.fileExists(atPath: path) else { return false }
    let data = FileManager.default.contents(atPath: "\(path)/meta.json") ?? Data()
    let found = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any] ?? [:]
    func text(_ value: Any?) -> String {
      let data = value.flatMap {
        try? JSONSerialization.data(withJSONObject: $0, options: .fragmentsAllowed)
      }
      return data.map { String(decoding: $0, as: UTF8.self) } ?? "none"
    }
    guard let key = Self.decisive.first(where: { text(found[$0]) != text(meta[$0]) }) else {
      return true
    }
    throw ConfigError(
      key: "--skip-existing",
      problem:
        "\(path)/meta.json: expected \(key) \(text(meta[key])), found \(text(found[key])); choose "
        + "another --out, or draw these clips again without --skip-existing")
  }
}
