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
      "disk           \(DiskSpace.free(at: ".").map(DiskSpace.text) ?? "unknown") free here")
    print(
      "ffmpeg         \(executablePath("ffmpeg") ?? "not found; only `data import --videos` needs it (apt install ffmpeg)")"
    )
  }
}

/// The first executable of this name on the PATH.
func executablePath(_ name: String) -> String? {
  (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    .map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
}
