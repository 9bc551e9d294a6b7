import Foundation
import Training

/// What /proc/cpuinfo says.
struct CPUReport {
  let model: String
  private let flags: Set<String>

  init() {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    func field(_ name: String) -> String? {
      text.split(separator: "\n").first { $0.hasPrefix(name) }
        .flatMap { $0.split(separator: ":", maxSplits: 1).last }
        .map { $0.trimmingCharacters(in: .whitespaces) }
    }
    model = field("model name") ?? "unknown"
    flags = Set((field("flags") ?? "").split(separator: " ").map(String.init))
  }

  var hasAVX512: Bool { flags.contains("avx512f") }
  var vectorUnits: String {
    let known = ["avx512f": "AVX-512", "avx2": "AVX2", "fma": "FMA", "avx512_bf16": "AVX-512 BF16"]
    let found = known.filter { flags.contains($0.key) }.map(\.value).sorted()
    return found.isEmpty ? "SSE2 only" : found.joined(separator: ", ")
  }
}

struct MemoryReport {
  let total: String
  let available: String

  init() {
    let text = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
    func gigabytes(_ name: String) -> String {
      let line = text.split(separator: "\n").first { $0.hasPrefix("\(name):") }
      let kilobytes = line.flatMap { Double($0.split(separator: " ").dropFirst().first ?? "") }
      return kilobytes.map { "\(fixed($0 / 1_048_576, 1)) GiB" } ?? "unknown"
    }
    total = gigabytes("MemTotal")
    available = gigabytes("MemAvailable")
  }
}
