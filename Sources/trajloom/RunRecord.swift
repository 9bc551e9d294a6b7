import Autograd
import DataPipeline
import Foundation
import Training

/// `run.json`: with what a run was made. Every start adds an entry; nothing is ever taken away.
struct RunRecord: Codable {
  /// The fingerprint of the data, and of each of its files.
  var dataHash: String
  var dataFiles: [String: String]
  var starts: [Start]

  struct Start: Codable {
    var time: String
    /// The step it began or went on after.
    var step: Int
    var command: [String]
    var folder: String
    var pid: Int32
    var machine: Machine
    var versions: Versions
    /// Of the sources that the program lies in; nil when it does not lie in any.
    var git: Git?
  }

  struct Machine: Codable {
    var host: String
    var processor: String
    var cores: Int
    var threads: Int
    var memory: String
    var system: String
  }

  struct Versions: Codable {
    var trajloom: String
    var swift: String
    var blas: String
    var blasKernel: String
    var hdf5: String
  }

  struct Git: Codable {
    var commit: String
    /// Files that differ from the commit.
    var changedFiles: Int
  }

  private static let fileName = "run.json"

  /// That of a run; nil when there is none that can be read.
  init?(of folder: String) {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    guard let data = FileManager.default.contents(atPath: "\(folder)/\(Self.fileName)"),
      let record = try? decoder.decode(RunRecord.self, from: data)
    else { return nil }
    self = record
  }

  private init(_ data: DataFingerprint, starts: [Start]) {
    dataHash = data.hash
    dataFiles = data.files
    self.starts = starts
  }

  /// Adds this process to the record of a run.
  /// - Throws: `TrainingError.resource` when it cannot be written.
  static func add(start step: Int, data: DataFingerprint, to folder: String) throws {
    let path = "\(folder)/\(fileName)"
    let earlier = RunRecord(of: folder)?.starts ?? []
    if earlier.isEmpty, FileManager.default.fileExists(atPath: path) {
      let place = "\(folder)/damaged-\(fileName)"
      say("WARNING: \(path) cannot be understood; it lies in \(place) now")
      rename(path, place)
    }
    let record = RunRecord(data, starts: earlier + [thisProcess(startingAt: step)])
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    do { try AtomicFile.write(encoder.encode(record), to: path) } catch {
      throw TrainingError.resource("\(path): cannot be written (\(error)); free space and go on")
    }
  }

  private static func thisProcess(startingAt step: Int) -> Start {
    let process = ProcessInfo.processInfo
    let blas = ComputeReport.blas
    return Start(
      time: ISO8601DateFormatter().string(from: Date()), step: step,
      command: CommandLine.arguments, folder: FileManager.default.currentDirectoryPath,
      pid: getpid(),
      machine: Machine(
        host: process.hostName, processor: CPUReport().model, cores: process.activeProcessorCount,
        threads: ComputeReport.threads, memory: MemoryReport().total,
        system: process.operatingSystemVersionString),
      versions: Versions(
        trajloom: Trajloom.version, swift: swiftVersion, blas: blas.configuration,
        blasKernel: blas.kernel, hdf5: HDF5Report.version),
      git: gitState())
  }

  /// The language version that the compiler was asked at build time.
  private static var swiftVersion: String {
    #if compiler(>=6.4)
      "6.4 or later"
    #elseif compiler(>=6.3)
      "6.3"
    #elseif compiler(>=6.2)
      "6.2"
    #else
      "6.0 or 6.1"
    #endif
  }

  /// - Returns: nil without git, or outside of a repository.
  private static func gitState() -> Git? {
    guard let git = executablePath("git"), let program = Bundle.main.executablePath else {
      return nil
    }
    let folder = (program as NSString).resolvingSymlinksInPath
    func run(_ arguments: String...) -> String? {
      let place = ["-C", (folder as NSString).deletingLastPathComponent]
      // Without optional locks a training never stands in the way of somebody's commit.
      guard
        let child = try? ChildProcess(
          git, ["--no-optional-locks"] + place + arguments, limit: 1 << 20, seconds: 5),
        child.ending == .exit(0)
      else { return nil }
      return String(decoding: child.output, as: UTF8.self)
    }
    guard let commit = run("rev-parse", "HEAD") else { return nil }
    let changed = run("status", "--porcelain")?.split(separator: "\n").count ?? 0
    return Git(
      commit: commit.trimmingCharacters(in: .whitespacesAndNewlines), changedFiles: changed)
  }
}
