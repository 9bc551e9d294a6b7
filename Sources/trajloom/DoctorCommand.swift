import Autograd
import DataPipeline
import Foundation
import Training

extension Command {
  static let doctor = Command(
    words: ["doctor"],
    summary: "what this machine has: processor, BLAS and its speed, HDF5, memory, disk"
  ) { _ in
    let cpu = CPUReport()
    print("processor      \(cpu.model), \(ProcessInfo.processInfo.activeProcessorCount) cores")
    print("vector units   \(cpu.vectorUnits)")
    print("kernels        compiled for \(ComputeReport.compiledVectorWidth)-bit vectors")
    let blas = ComputeReport.blas
    print("BLAS           \(blas.configuration)")
    print("BLAS kernel    \(blas.kernel)")
    for variable in ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS"] {
      guard let value = ProcessInfo.processInfo.environment[variable] else { continue }
      let advice =
        cpu.hasAVX512 && variable == "OPENBLAS_CORETYPE"
        ? "; it holds back this processor's AVX-512 kernels, run `env -u \(variable) trajloom ...` for speed"
        : ""
      print("               \(variable)=\(value)\(advice)")
    }
    let threads = ComputeReport.threads
    let one = ComputeReport.sgemmRate(rows: 4096, inner: 512, columns: 512, threads: 1)
    let all = ComputeReport.sgemmRate(rows: 8192, inner: 512, columns: 512, threads: threads)
    print("sgemm          \(fixed(one, 0)) GFLOP/s on 1 thread, \(fixed(all, 0)) on \(threads)")
    print(
      "HDF5           \(HDF5Report.version), thread-safe build: \(HDF5Report.isThreadsafe ? "yes" : "no"), "
        + "deflate: \(HDF5Report.hasDeflate ? "yes" : "no"), Fletcher-32: \(HDF5Report.hasFletcher32 ? "yes" : "no")"
    )
    let memory = MemoryReport()
    print("memory         \(memory.total), \(memory.available) available")
    print(
      "disk           \(DiskReport.free(at: FileManager.default.currentDirectoryPath)) free here")
    print(
      "ffmpeg         \(executablePath("ffmpeg") ?? "not found; only `data import --videos` needs it (apt install ffmpeg)")"
    )
  }
}

/// What /proc/cpuinfo says.
private struct CPUReport {
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

private struct MemoryReport {
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

private enum DiskReport {
  static func free(at path: String) -> String {
    let attributes = try? FileManager.default.attributesOfFileSystem(forPath: path)
    let bytes = (attributes?[.systemFreeSize] as? NSNumber)?.doubleValue
    return bytes.map { "\(fixed($0 / 1_073_741_824, 1)) GiB" } ?? "unknown"
  }
}

/// The first executable of this name on the PATH.
private func executablePath(_ name: String) -> String? {
  (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    .map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
}
