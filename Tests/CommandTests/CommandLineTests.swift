import Foundation
import TestSupport
import Testing

/// The built program, run as a person runs it.
struct Program {
  /// The exit status, or the number of the signal that ended it.
  let code: Int32
  let wasKilled: Bool
  let output: String
  let errors: String

  init(_ arguments: String..., in folder: String? = nil) throws {
    try self.init(arguments, in: folder)
  }

  /// - Parameters:
  ///   - environment: what differs from this process's.
  ///   - executable: another program than the built one.
  init(
    _ arguments: [String], in folder: String? = nil, environment: [String: String] = [:],
    executable: URL = Program.url
  ) throws {
    let process = Process()
    process.executableURL = executable
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder ?? Self.package)
    let (out, err) = (
      try TemporaryFolder.path("\(UUID()).out"), try TemporaryFolder.path("\(UUID()).err")
    )
    for path in [out, err] { _ = FileManager.default.createFile(atPath: path, contents: nil) }
    process.standardOutput = FileHandle(forWritingAtPath: out)
    process.standardError = FileHandle(forWritingAtPath: err)
    try process.run()
    process.waitUntilExit()
    code = process.terminationStatus
    wasKilled = process.terminationReason == .uncaughtSignal
    output = try String(contentsOfFile: out, encoding: .utf8)
    errors = try String(contentsOfFile: err, encoding: .utf8)
  }

  /// The repository's root.
  static let package: String = {
    var url = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { url.deleteLastPathComponent() }
    return url.path
  }()

  /// Beside the test bundle in the build folder.
  static let url: URL = {
    let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    let beside = bundle.appendingPathComponent("trajloom")
    if FileManager.default.isExecutableFile(atPath: beside.path) { return beside }
    return URL(fileURLWithPath: "\(package)/.build/release/trajloom")
  }()
}

/// Expects a failure of one line that contains each of `parts`.
func expectFailure(
  _ code: Int32, _ parts: String..., from program: Program,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let message = program.errors.split(separator: "\n").last.map(String.init) ?? ""
  #expect(
    program.code == code, "exit \(program.code): \(program.errors)", sourceLocation: sourceLocation)
  #expect(message.hasPrefix("trajloom: "), "\(message)", sourceLocation: sourceLocation)
  for part in parts {
    #expect(
      message.contains(part), "'\(part)' is not in: \(message)", sourceLocation: sourceLocation)
  }
}

@Test func helpNamesEveryCommand() throws {
  let help = try Program("--help")
  #expect(help.code == 0)
  for command in ["data import", "data synth", "train vae", "train flow", "sample", "doctor"] {
    #expect(help.output.contains("trajloom \(command)"))
  }
  let sample = try Program("sample", "--help")
  #expect(sample.code == 0)
  #expect(sample.output.contains("--solver") && sample.output.contains("usage:"))
  #expect(try Program("data").output.contains("data verify"))
}

@Test func wrongCallsExitWithTwo() throws {
  expectFailure(2, "unknown command", "train vae", from: try Program("train", "vea"))
  expectFailure(2, "--config", "needs it", from: try Program("train", "vae"))
  expectFailure(
    2, "--confg", "did you mean --config", from: try Program("train", "vae", "--confg", "a.json"))
  expectFailure(2, "--config", from: try Program("train", "vae", "--config"))
  expectFailure(
    2, "/no/such.json", "no such file",
    from: try Program("train", "vae", "--config", "/no/such.json"))
  expectFailure(
    2, "--clips", "whole number",
    from: try Program("data", "synth", "--out", "x", "--clips", "many"))
  expectFailure(2, "expected RUN...", from: try Program("runs"))
}

@Test func doctorReportsTheMachine() throws {
  let doctor = try Program("doctor")
  #expect(doctor.code == 0)
  for word in ["processor", "BLAS kernel", "GFLOP/s", "HDF5", "memory", "disk"] {
    #expect(doctor.output.contains(word), "\(word)")
  }
}

@Test func benchmarksAreMachineReadable() throws {
  let bench = try Program("bench", "gemm", "--iters", "2", "--json")
  #expect(bench.code == 0, "\(bench.errors)")
  let object = try JSONSerialization.jsonObject(with: Data(bench.output.utf8))
  let figures = try #require(object as? [String: Any])
  let keys: Set = [
    "what", "size", "batch", "threads", "s_per_step", "median_s", "peak_rss_gib",
    "gflop_per_step", "fraction_of_gemm_peak",
  ]
  #expect(Set(figures.keys) == keys)
  #expect(figures["what"] as? String == "gemm" && figures["size"] as? String == "small")
  #expect((figures["s_per_step"] as? [Double])?.count == 2)
  expectFailure(2, "gemm, vae, flow, sample", from: try Program("bench", "vea"))
  expectFailure(
    2, "--size", "small, published", from: try Program("bench", "gemm", "--size", "big"))
}

@Test(arguments: ["published", "quick", "real"])
func shippedConfigurationsAreComplete(_ folder: String) throws {
  for model in ["vae", "flow", "visibility"] {
    let path = "configs/\(folder)/\(model).json"
    let printed = try Program("train", model, "--config", path, "--print-config")
    #expect(printed.code == 0, "\(path): \(printed.errors)")
    #expect(printed.output.contains("\"max_steps\""))
  }
}

@Test func faultyConfigurationsExitWithTwo() throws {
  let vae = ["train", "vae", "--config", "configs/quick/vae.json"]
  func with(_ override: String) throws -> Program {
    try Program(vae + ["--set", override, "--print-config"])
  }
  expectFailure(2, "train.max_stepz", "train.max_steps", from: try with("train.max_stepz=1"))
  expectFailure(2, "vae.num_frames_in", "temp_stride", from: try with("vae.num_frames_in=80"))
  expectFailure(2, "vae.num_heads", "a divisor of hidden_size", from: try with("vae.num_heads=5"))
  expectFailure(2, "vae.input_height", "patch_size 32", from: try with("vae.input_height=200"))
  expectFailure(2, "vae.encoder_depth", "even", from: try with("vae.encoder_depth=5"))
  expectFailure(2, "vae.decoder_depth", "even", from: try with("vae.decoder_depth=3"))
  expectFailure(2, "vae.num_frames_latent", "found 20", from: try with("vae.num_frames_latent=20"))
  expectFailure(2, "train.neighbor_hop_unit", from: try with("train.neighbor_hop_unit=block"))
  expectFailure(2, "data.track_stride", "vae.patch_size", from: try with("data.track_stride=16"))
  expectFailure(2, "train.learning_rate", from: try with("train.learning_rate=0"))
  expectFailure(2, "vae.encoding", "voxel", from: try with("vae.encoding=voxel"))
  let flow = ["train", "flow", "--config", "configs/quick/flow.json", "--print-config", "--set"]
  expectFailure(2, "sample.solver", "euler", from: try Program(flow + ["sample.solver=leapfrog"]))
}
