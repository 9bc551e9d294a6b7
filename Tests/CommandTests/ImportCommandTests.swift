import CHDF5
import Foundation
import TestSupport
import Testing

@testable import DataPipeline

/// A grid of 15 x 26 points over 480 x 832 that drift to the right, [N, T, 2] in pixels.
private func drift(frames: Int) -> (values: [Float], shape: [Int]) {
  var values: [Float] = []
  for point in 0..<390 {
    for frame in 0..<frames {
      values += [Float(32 * (point % 26)) + 0.37 * Float(frame), Float(32 * (point / 26))]
    }
  }
  return (values, [390, frames, 2])
}

/// A group of an HDF5 file being made.
private struct Group {
  let id: hid_t
  private let none = trajloom_H5P_DEFAULT()

  func group(_ name: String) -> Group { Group(id: H5Gcreate2(id, name, none, none, none)) }

  func put(_ name: String, _ type: hid_t, _ shape: [Int], _ values: UnsafeRawPointer) {
    let space = H5Screate_simple(Int32(shape.count), shape.map { hsize_t($0) }, nil)
    let dataset = H5Dcreate2(id, name, type, space, none, none, none)
    H5Dwrite(dataset, type, trajloom_H5S_ALL(), trajloom_H5S_ALL(), none, values)
    H5Dclose(dataset)
    H5Sclose(space)
  }
}

private func withHDF5(_ path: String, _ body: (Group) -> Void) {
  // Other tests use the library at the same time.
  HDF5.serialized {
    let none = trajloom_H5P_DEFAULT()
    let access = H5Pcreate(trajloom_H5P_FILE_ACCESS())
    // Closing the file closes its groups.
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG)
    let file = H5Fcreate(path, trajloom_H5F_ACC_TRUNC(), none, access)
    body(Group(id: file))
    H5Fclose(file)
  }
}

/// Everything that starts the program `data import`. In turn: each uses both cores.
@Suite(.serialized)
struct ImportCommandTests {
  /// The layout of ATM and LIBERO: two cameras, shares of the frame, channels first.
  @Test func foreignHDF5IsImportedInAChild() throws {
    let folder = try TemporaryFolder.make("foreign")
    let frames = 10
    withHDF5("\(folder)/demo_0.hdf5") { file in
      let root = file.group("root")
      for (view, shift) in [("agentview", Float(0)), ("eye_in_hand", 0.0005)] {
        let group = root.group(view)
        var tracks: [Float] = []
        for frame in 0..<frames {
          for point in 0..<390 {
            let x = Float(32 * (point % 26)) / 832 + 0.002 * Float(frame)
            tracks += [x + shift, Float(32 * (point / 26)) / 480]
          }
        }
        group.put("tracks", trajloom_H5T_NATIVE_FLOAT(), [1, frames, 390, 2], tracks)
        let vis = (0..<frames * 390).map { UInt8($0 % 7 == 0 && $0 > 390 ? 0 : 1) }
        group.put("vis", trajloom_H5T_NATIVE_UINT8(), [1, frames, 390], vis)
        let pixels = (0..<frames * 3 * 64 * 64).map { UInt8(truncatingIfNeeded: 60 * ($0 / 4096)) }
        group.put("video", trajloom_H5T_NATIVE_UINT8(), [1, frames, 3, 64, 64], pixels)
      }
      root.put("actions", trajloom_H5T_NATIVE_FLOAT(), [2], [Float(1), 2])
    }
    let arguments = ["data", "import", "--tracks", folder, "--frames", "10"]
    let program = try Program(arguments + ["--out", "\(folder)/shards"])
    #expect(program.code == 0, "\(program.errors)")
    #expect(program.output.contains("unit xy"), "\(program.output)")
    let set = try ShardSet(path: "\(folder)/shards")
    #expect(set.clips.map(\.id) == ["demo_0_agentview", "demo_0_eye_in_hand"])
    #expect(set.clips.map(\.source) == ["demo_0", "demo_0"])
    let clip = try set.readClip(0)
    #expect(clip.visibility.count == 3900 && clip.visibility[390 * 2 - 1] == 1)
    let x = clip.tracks[2 * 391]
    let expected: Float = 832 * (1.0 / 26 + 0.002)
    #expect(abs(x - expected) < 0.01)
    // Five frames of one colour each plane: 60 times the number of the plane.
    let video = try #require(clip.video)
    let frame = 120 * 208 * 3
    let (first, second) = (Array(video[0..<3]), Array(video[frame..<frame + 3]))
    #expect(video.count == 5 * frame && first == [0, 60, 120] && second == [180, 240, 44])

    let mute = try Program(arguments + ["--no-video", "--out", "\(folder)/mute"])
    #expect(mute.code == 0, "\(mute.errors)")
    #expect(try ShardSet(path: "\(folder)/mute").clips.allSatisfy { !$0.hasVideo })
  }

  @Test func hostileHDF5IsAFaultOfItsClip() throws {
    let folder = try TemporaryFolder.make("hostile")
    let none = trajloom_H5P_DEFAULT()
    try Data("no HDF5 at all".utf8).write(to: URL(fileURLWithPath: "\(folder)/text.h5"))
    withHDF5("\(folder)/secret.hidden") {
      $0.put("tracks", trajloom_H5T_NATIVE_FLOAT(), [2], [Float(1), 2])
    }
    withHDF5("\(folder)/linked.h5") { file in
      let view = file.group("root").group("view")
      H5Lcreate_external("\(folder)/secret.hidden", "/tracks", view.id, "tracks", none, none)
    }
    withHDF5("\(folder)/vast.h5") { file in
      let view = file.group("root").group("view")
      let space = H5Screate_simple(4, [1, 1 << 20, 1 << 20, 2], nil)
      let properties = H5Pcreate(trajloom_H5P_DATASET_CREATE())
      H5Pset_chunk(properties, 4, [1, 16, 16, 2])
      H5Dclose(
        H5Dcreate2(
          view.id, "tracks", trajloom_H5T_NATIVE_FLOAT(), space, none, properties, none))
    }
    withHDF5("\(folder)/words.h5") { file in
      let type = H5Tcopy(trajloom_H5T_C_S1())
      H5Tset_size(type, 4)
      file.group("root").group("view").put("tracks", type, [1], "abcd")
    }
    withHDF5("\(folder)/blank.h5") { file in
      // Tracks as they should be, and a video of frames without rows.
      let view = file.group("root").group("view")
      let (values, shape) = drift(frames: 162)
      view.put("tracks", trajloom_H5T_NATIVE_FLOAT(), shape, values)
      view.put("video", trajloom_H5T_NATIVE_UINT8(), [162, 0, 5, 3], [UInt8(0)])
    }
    withHDF5("\(folder)/floats.h5") { file in
      let view = file.group("root").group("view")
      let (values, shape) = drift(frames: 162)
      view.put("tracks", trajloom_H5T_NATIVE_FLOAT(), shape, values)
      let pixels = [Float](repeating: 0.9, count: 162 * 2 * 2 * 3)
      view.put("video", trajloom_H5T_NATIVE_FLOAT(), [162, 2, 2, 3], pixels)
    }
    let program = try Program(
      "data", "import", "--tracks", folder, "--out", "\(folder)/../hostile-out")
    expectFailure(3, "6 clips are faulty", from: program)
    let expected = [
      "blank_view: ": "[162, 0, 5, 3] instead of bytes",
      "floats_view: ": "[162, 2, 2, 3] instead of bytes", "text: ": "text.h5",
      "linked: ": "groups 'root/<view>' with a dataset 'tracks'",
      "vast_view: ": "[1, 1048576, 1048576, 2] has more than",
      "words_view: ": "read 'root/view/tracks'",
    ]
    for (clip, words) in expected {
      let line = program.output.split(separator: "\n").first { $0.hasPrefix(clip) }
      #expect(line?.contains(words) == true, "\(clip)\(line ?? "")")
    }
  }

  /// 300 clips, hard links of one file.
  private func manyClips(_ folder: String) throws {
    let files = FileManager.default
    try files.createDirectory(atPath: "\(folder)/in", withIntermediateDirectories: true)
    let (values, shape) = drift(frames: 162)
    try NPYFile.write(NPYFile.encode(values, shape: shape), to: "\(folder)/in/clip000.npy")
    for number in 1..<300 {
      let name = "clip" + String(format: "%03d", number)
      try files.linkItem(atPath: "\(folder)/in/clip000.npy", toPath: "\(folder)/in/\(name).npy")
    }
  }

  @Test func signalsLeaveCompleteShardsAndTheNextRunGoesOn() throws {
    let folder = try TemporaryFolder.make("stopped")
    try manyClips(folder)
    let arguments = [
      "data", "import", "--tracks", "\(folder)/in", "--out", "\(folder)/out", "--clips-per-shard",
      "16",
    ]
    let process = Process()
    process.executableURL = Program.url
    process.arguments = arguments
    process.standardError = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    let first = "\(folder)/out/shard-00000.h5"
    for _ in 0..<3000 where !FileManager.default.fileExists(atPath: first) {
      Thread.sleep(forTimeInterval: 0.005)
    }
    process.interrupt()
    process.waitUntilExit()
    #expect(process.terminationStatus == 75)
    let names = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/out")
    #expect(names.allSatisfy { !$0.contains("partial") })
    let done = try ShardSet(path: "\(folder)/out").clips.count
    #expect(done >= 16 && done < 300)
    #expect(verify("\(folder)/out") == [])
    let again = try Program(arguments)
    #expect(again.code == 0, "\(again.errors)")
    #expect(try ShardSet(path: "\(folder)/out").clips.count == 300)
    #expect(verify("\(folder)/out") == [])
  }

  @Test func videosNeedFFmpegOrAreLeftOut() throws {
    let folder = try TemporaryFolder.make("without-ffmpeg")
    let (values, shape) = drift(frames: 10)
    try NPYFile.write(NPYFile.encode(values, shape: shape), to: "\(folder)/cat.npy")
    func run(_ more: String...) throws -> (code: Int32, text: String) {
      let process = Process()
      process.executableURL = Program.url
      process.arguments =
        ["data", "import", "--tracks", folder, "--videos", folder, "--frames", "10"] + more
      process.environment = ["PATH": "/nowhere"]
      let pipe = Pipe()
      process.standardError = pipe
      process.standardOutput = FileHandle.nullDevice
      try process.run()
      let text = try pipe.fileHandleForReading.readToEnd() ?? Data()
      process.waitUntilExit()
      return (process.terminationStatus, String(decoding: text, as: UTF8.self))
    }
    let refused = try run("--out", "\(folder)/a")
    #expect(refused.code == 6 && refused.text.contains("apt install ffmpeg"))
    #expect(refused.text.contains("--no-video"), "\(refused.text)")
    let mute = try run("--out", "\(folder)/b", "--no-video")
    #expect(mute.code == 0, "\(mute.text)")
    #expect(try ShardSet(path: "\(folder)/b").clips.map(\.hasVideo) == [false])
  }

  /// No file may grow beyond 300 KiB, which is what a full disk looks like to a writer.
  @Test(arguments: [
    ["data", "import", "--tracks", "in", "--clips-per-shard", "16"],
    ["data", "synth", "--clips", "32", "--no-video"],
  ])
  func fullDisksLeaveNothingHalfWritten(_ arguments: [String]) throws {
    let folder = try TemporaryFolder.make("full")
    if arguments[1] == "import" { try manyClips(folder) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    let command = ([Program.url.path] + arguments + ["--out", "out"]).joined(separator: " ")
    process.arguments = ["-c", "trap '' XFSZ; ulimit -f 300; exec \(command) 2>&1"]
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let text = String(
      decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 6, "\(text)")
    #expect(text.contains("no space left"), "\(text)")
    let left = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/out")
    #expect(!left.contains { $0.hasSuffix(".h5") || $0.contains("partial") }, "\(left)")
  }
}
