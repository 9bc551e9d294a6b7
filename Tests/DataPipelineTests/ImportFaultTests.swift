import Foundation
import TestSupport
import Testing

@testable import DataPipeline

/// A `.npz`.
private func archive(_ members: [(name: String, bytes: [UInt8])]) -> [UInt8] {
  [UInt8](StoredZip.encode(members))
}

/// A `.npy` file with a header of any text.
private func npy(_ header: String, _ count: Int) -> [UInt8] {
  let text = header.padding(toLength: 117, withPad: " ", startingAt: 0) + "\n"
  return [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(text.utf8)
    + [UInt8](repeating: 0, count: count)
}

/// One import of a folder in which nearly everything is wrong: every fault is listed, by clip, and
/// the sound clips are there.
@Test func allFaultsAreListedByClip() throws {
  let source = try ImportSource()
  try withTemporaryFolder { folder in
    let input = folder.appendingPathComponent("in")
    func put(_ bytes: [UInt8], _ name: String) throws {
      try Data(bytes).write(to: input.appendingPathComponent(name))
    }
    let tracks = source.tracks()
    func array(_ tracks: [[SIMD2<Float>]]) -> [UInt8] {
      NPYFile.encode(
        tracks.flatMap { $0.flatMap { [$0.x, $0.y] } }, shape: [tracks.count, tracks[0].count, 2])
    }
    try source.write(tracks, to: folder, stem: "sound")
    try put(archive([("tracks.npy", array(tracks))]), "sound_too.npz")
    try put(Array("not zip".utf8), "text.npz")
    try put(archive([("tracks.npy", array(tracks)), ("tracks.npy", array(tracks))]), "twice.npz")
    let negative = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-24, 6, 2), }", 1152)
    try put(archive([("tracks.npy", negative)]), "negative.npz")
    let huge = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (9000, 900, 2), }", 64)
    try put(archive([("tracks.npy", huge)]), "huge.npz")
    let wrapping = npy(
      "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296, 2), }", 0)
    try put(archive([("tracks.npy", wrapping)]), "wrapping.npz")
    let objects = npy("{'descr': '|O', 'fortran_order': False, 'shape': (24, 6, 2), }", 64)
    try put(archive([("tracks.npy", objects)]), "objects.npz")
    try put(archive([("positions.npy", array(tracks))]), "nameless.npz")
    try put(
      archive([("tracks.npy", array(tracks)), ("trajectory.npy", array(tracks))]), "both.npz")
    try put(archive([("tracks.npy", array(tracks)), ("vis.npy", array(tracks))]), "flags.npz")
    let none = NPYFile.encode([Bool](repeating: false, count: 144), shape: [24, 6])
    try put(archive([("tracks.npy", array(tracks)), ("my_vis.npy", none)]), "unnamed.npz")
    let all = NPYFile.encode([Bool](repeating: true, count: 144), shape: [24, 6])
    try put(
      archive([("tracks.npy", array(tracks)), ("vis.npy", all), ("occluded.npy", all)]),
      "contrary.npz")
    let vast = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (16384, 32767, 2), }", 64)
    try put(archive([("tracks.npy", vast)]), "vast.npz")
    // Six points over ten frames, where six frames are asked for: the motion says otherwise.
    try put(
      array([0, 5, 18, 23, 9, 14].map { source.tracks(frames: 10)[$0] }), "turned.npy")
    var bad = tracks
    bad[3][2].y = .nan
    let seen = NPYFile.encode([Bool](repeating: true, count: 144), shape: [24, 6])
    try put(archive([("tracks.npy", array(bad)), ("vis.npy", seen)]), "nan.npz")
    try put(archive([("tracks.npy", array(source.tracks(frames: 4)))]), "short.npz")
    try put(archive([("tracks.npy", array(Array(tracks.prefix(3))))]), "few.npz")
    try put(array(tracks), "sound_too.npy")
    try put(NPYFile.encode([Float](repeating: 0, count: 24), shape: [2, 3, 4]), "rank.npy")
    try put([], "empty.npy")
    try FileManager.default.createDirectory(
      at: input.appendingPathComponent("unreadable.npz"), withIntermediateDirectories: true)

    let faults = try source.faults(folder)
    let expected: [String: [String]] = [
      "text": ["expected a zip archive"], "twice": ["two members named 'tracks.npy'"],
      "negative": ["'shape' of counts"], "huge": ["[9000, 900, 2]", "64 bytes"],
      "wrapping": ["[4294967296, 4294967296, 2]", "at most 134217728 elements"],
      "objects": ["pickle", "python3 -c", "allow_pickle=True"],
      "nameless": ["--track-key", "positions"], "both": ["tracks, trajectory", "--track-key"],
      "flags": ["[24, 6], as the tracks have", "[24, 6, 2]"],
      "unnamed": ["my_vis", "--visibility-key", "or none"],
      "contrary": ["'occluded' to be the opposite of 'vis'"],
      "vast": ["at most 134217728 elements", "[16384, 32767, 2]"],
      "turned": ["6 frames as asked for contradict the motion", "--axes nt or tn"],
      "nan": ["point 3, frame 2", "--nonfinite invisible"],
      "short": ["at least 6 frames, found 4"],
      "few": ["points that fit none (0.0 to 32.0 and 0.0 to 0.0)"],
      "sound_too": ["one file of this name"], "rank": ["[N, T, 2]", "[2, 3, 4]"],
      "empty": ["another kind of file"], "unreadable": ["cannot be read"],
    ]
    #expect(Set(faults.keys) == Set(expected.keys))
    for (clip, parts) in expected {
      let message = faults[clip] ?? "none"
      for part in parts { #expect(message.contains(part), "\(clip): \(message)") }
      #expect(message.contains(clip) && !message.contains("\n"), "\(message)")
    }
    let set = try ShardSet(path: folder.appendingPathComponent("out").path)
    #expect(set.clips.map(\.id) == ["sound", "sound_too"])
  }
}

/// A member of a few kilobytes that unpacks into gigabytes.
@Test func bombsAreRefusedByWhatTheyDeclare() throws {
  // A whole gigabyte of zeros in a megabyte, under the header of a small array: never unpacked.
  var zip = NumpyFiles.deflated
  let entry = try #require(
    zip.indices.first { Array(zip[$0...].prefix(4)) == [0x50, 0x4B, 1, 2] })
  // 100 KB claimed instead of 176 bytes: below every limit, and not what the header says.
  zip.replaceSubrange(entry + 24..<entry + 28, with: [0xA0, 0x86, 1, 0])
  try withTemporaryFolder { folder in
    let path = folder.appendingPathComponent("bomb.npz").path
    try NPYFile.write(zip, to: path)
    let message = dataErrorMessage {
      _ = try TrackArrays(npz: path, trackKey: nil, visibilityKey: nil)
    }
    #expect(try #require(message).contains("the elements of shape [2, 3, 2]"), "\(message ?? "")")
    #expect(try #require(message).contains("99872 bytes"))
  }
}

@Test func captionsThatCannotBeUsedAreFaultsOfTheirClips() throws {
  let source = try ImportSource()
  try withTemporaryFolder { folder in
    for stem in ["a", "b", "c", "d", "e", "f", "g"] {
      try source.write(source.tracks(), to: folder, stem: stem)
    }
    var csv = Array("videoid,video_path,text\na,,fine\nb,,".utf8) + [0xFF, 0xFE]
    csv += Array("\nc,,\"".utf8) + [UInt8](repeating: 120, count: 10 << 20) + Array("\"\n".utf8)
    csv += Array("d,,one\nd,,two\ne,,too,many\nx1,g.mp4,one\nx2,g.mp4,two\n".utf8)
    let path = folder.appendingPathComponent("captions.csv").path
    try NPYFile.write(csv, to: path)
    let faults = try source.faults(folder) { $0.captions = path }
    let expected = [
      "b": ["UTF-8", "column 'text'", "line 3"],
      "c": ["at most 65536 bytes", "10485760 on line 4"],
      "d": ["one row", "line 6"], "e": ["3 cells, found 4 on line 7"],
      "g": ["'x1' and 'x2'"],
    ]
    #expect(Set(faults.keys) == Set(expected.keys))
    for (clip, parts) in expected {
      for part in parts { #expect(faults[clip]?.contains(part) == true, "\(faults[clip] ?? "")") }
    }
    let set = try ShardSet(path: folder.appendingPathComponent("out").path)
    #expect(set.clips.map(\.id) == ["a", "f"] && set.clips.map(\.caption) == ["fine", ""])
  }
}

@Test func wholeImportsThatCannotStartSayWhy() throws {
  let source = try ImportSource()
  try withTemporaryFolder { folder in
    func message(_ change: (inout ImportOptions) -> Void = { _ in }) -> String {
      dataErrorMessage { _ = try source.faults(folder, change) } ?? "none"
    }
    let missing = message()
    #expect(
      missing.contains("/in: expected a folder of track files") && missing.contains("--tracks"))
    try FileManager.default.createDirectory(
      at: folder.appendingPathComponent("in"), withIntermediateDirectories: true)
    let empty = message()
    #expect(empty.contains("found none"))
    try source.write(source.tracks(), to: folder)
    let csv = folder.appendingPathComponent("captions.csv")
    try "id,words\n".write(to: csv, atomically: true, encoding: .utf8)
    let columns = message { $0.captions = csv.path }
    #expect(columns.contains("videoid,video_path,text") && columns.contains("id,words"))
    try "videoid,video_path,text\nx,,y\n".write(to: csv, atomically: true, encoding: .utf8)
    let names = message { $0.captions = csv.path }
    #expect(names.contains("such as 'clip'") && names.contains("'x'"))
    try "videoid,video_path,text\nclip,,\"y\n".write(to: csv, atomically: true, encoding: .utf8)
    let quote = message { $0.captions = csv.path }
    #expect(quote.contains("closing quote"))
    try "videoid,video_path,text\nclip,,\"y\"z\n".write(to: csv, atomically: true, encoding: .utf8)
    let glued = message { $0.captions = csv.path }
    #expect(glued.contains("quotes around a part of a cell on line 2"))
    let same = message { $0.output = $0.tracks }
    #expect(same.contains("another folder than that of the tracks"))
    let file = folder.appendingPathComponent("file").path
    try NPYFile.write([1], to: file)
    let output = message { $0.output = file }
    #expect(output.contains("cannot use the folder"))
    #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("out").path))
  }
}
