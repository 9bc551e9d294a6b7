import Foundation
import TestSupport
import Testing

/// `trajloom eval vae` on small trained models: one run, several seeds of one variant, and runs that
/// do not belong together.
struct EvalVAETests {
  private func json(_ path: String) throws -> [String: Any] {
    let data = try #require(FileManager.default.contents(atPath: path))
    return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  @Test func seedsOfAVariantAreOneRow() throws {
    let folder = try TemporaryFolder.make("eval-vae")
    let sets = TinyRuns(folder).vae
    #expect(try TinyRuns(folder).synthesize().code == 0)
    for seed in ["1", "2"] {
      let program = try TinyRuns.train(
        "vae", sets + ["--set", "train.seed=\(seed)"], "--name", "x-seed\(seed)")
      #expect(program.code == 0, "\(program.errors)")
    }
    let absolute = try TinyRuns.train(
      "vae", sets + ["--set", "vae.use_offsets=false"], "--name", "absolute")
    #expect(absolute.code == 0, "\(absolute.errors)")
    func evaluate(_ runs: [String], _ more: String...) throws -> Program {
      let given = runs.flatMap { ["--vae", "\(folder)/\($0)"] }
      return try Program(["eval", "vae", "--data", "\(folder)/shards"] + given + more)
    }

    // One run: the line, and a table without deviations.
    let one = try evaluate(["x-seed1"], "--json", "\(folder)/one.json")
    #expect(one.code == 0, "\(one.errors)")
    let lines = one.output.split(separator: "\n").map(String.init)
    let isLine = lines[0].wholeMatch(
      of: /VEPE px  history [0-9.]+  future [0-9.]+  all [0-9.]+  \(8 clips\)/)
    #expect(isLine != nil, "\(lines[0])")
    #expect(one.output.contains("\n  ground truth ") && one.output.contains("\n  x "))
    #expect(!one.output.contains("±"))
    let figures = try json("\(folder)/one.json")
    let keys: Set = [
      "vepe_px", "vepe_history_px", "vepe_future_px", "clips", "vae_sha256",
      "velocity_px_per_frame", "neighbor_px", "jitter_px_per_frame2", "truth_jitter_px_per_frame2",
    ]
    #expect(Set(figures.keys) == keys)
    #expect(figures["clips"] as? Int == 8)

    // What was measured, as files.
    let written = try evaluate(["x-seed1"], "--out", "\(folder)/out")
    #expect(written.code == 0 && written.output == one.output, "\(written.errors)")
    for segment in ["history", "future"] {
      let place = "\(folder)/out/\(segment)/synth-000002"
      for name in [
        "pred_tracks.npy", "pred_visibility.npy", "gt_tracks.npy", "gt_visibility.npy",
        "query_xy.npy", "grid_idx.npy", "meta.json",
      ] { #expect(FileManager.default.fileExists(atPath: "\(place)/\(name)"), "\(name)") }
    }
    expectFailure(
      2, "--out", "one --vae", from: try evaluate(["x-seed1", "x-seed2"], "--out", "\(folder)/o"))

    // Two seeds and another variant: a row each, and a picture.
    let picture = "\(folder)/track.png"
    let several = try evaluate(
      ["x-seed1", "x-seed2", "absolute"], "--json", "\(folder)/several.json", "--png", picture)
    #expect(several.code == 0, "\(several.errors)")
    let rows = several.output.split(separator: "\n").filter { $0.hasPrefix("  ") }
    #expect(rows.count == 6, "\(several.output)")
    let marked = rows.filter { $0.contains("±") }
    let isOneVariant = marked.allSatisfy { $0.hasPrefix("  x ") }
    #expect(marked.count == 2 && isOneVariant, "\(several.output)")
    let table = try json("\(folder)/several.json")
    let tableRows = try #require(table["rows"] as? [[String: Any]])
    #expect(tableRows.compactMap { $0["name"] as? String } == ["ground truth", "x", "absolute"])
    #expect(tableRows[1]["seeds"] as? [Int] == [1, 2])
    let mean = (tableRows[1]["values"] as? [String: Double])?["vepe_px"]
    let deviation = (tableRows[1]["deviations"] as? [String: Double])?["vepe_px"]
    let first = try #require(figures["vepe_px"] as? Double)
    let distance = try abs(#require(mean) - first)
    // Of two values: half of their difference, times the root of two.
    #expect(try abs(#require(deviation) - distance * 2.0.squareRoot()) < 1e-9 && distance > 0)
    #expect((table["vae_sha256"] as? [String: String])?.count == 3)
    let png = try #require(FileManager.default.contents(atPath: picture))
    #expect(png.starts(with: [0x89, 0x50, 0x4E, 0x47]) && png.count > 1000)
    let chosen = try evaluate(["x-seed1"], "--png", picture, "--point", "4")
    #expect(chosen.errors.contains("point 4, frames"), "\(chosen.errors)")

    try refusals(folder, sets, evaluate)
  }

  private func refusals(
    _ folder: String, _ sets: [String], _ evaluate: ([String], String...) throws -> Program
  ) throws {
    let short =
      ["data.hist_len=5", "data.future_len=5", "vae.num_frames_in=5", "vae.num_frames_latent=2"]
      .flatMap { ["--set", $0] }
    #expect(try TinyRuns.train("vae", sets + short, "--name", "short").code == 0)
    expectFailure(
      2, "data.hist_len", "expected 9", "found 5", from: try evaluate(["x-seed1", "short"]))
    expectFailure(2, "--vae", "different names", from: try evaluate(["x-seed1", "x-seed1"]))
    expectFailure(2, "--vae", "needs it", from: try evaluate([]))
    expectFailure(2, "--split", "validation", from: try evaluate(["short"], "--split", "half"))
    expectFailure(2, "--png", from: try evaluate(["short"], "--png", "track.jpg"))
    expectFailure(2, "--clip", "--png", from: try evaluate(["short"], "--clip", "a"))
    let picture = "\(folder)/refused.png"
    expectFailure(
      2, "--clip", "no clip", from: try evaluate(["short"], "--png", picture, "--clip", "a"))
    expectFailure(
      2, "--point", "from 0 to 5", from: try evaluate(["short"], "--png", picture, "--point", "6"))
    #expect(!FileManager.default.fileExists(atPath: picture))
  }
}
