import Autograd
import CHDF5
import Foundation
import Testing

@testable import DataPipeline

@Test func clipsComeBackAsTheyWereWritten() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    var clips = (0..<5).map { tiny.clip($0) }
    for number in clips.indices {
      clips[number].video = (0..<3 * 8 * 12 * 3).map { UInt8(truncatingIfNeeded: $0 + number) }
      clips[number].videoLatents = (0..<2 * 6 * 4).map { Float($0 - number) / 8 }
      clips[number].videoLatentShape = [2, 6, 4]
      clips[number].textEmbedding = [0.5, -2, Float(number)]
      clips[number].objectID = [0, 1, 2, 3, 4, Int32(number)]
    }
    let paths = try tiny.write(clips, to: folder)
    #expect(
      paths.map { URL(fileURLWithPath: $0).lastPathComponent } == [
        "shard-00000.h5", "shard-00001.h5", "shard-00002.h5",
      ])
    let set = try ShardSet(path: folder.path)
    #expect(set.geometry == tiny.geometry)
    #expect(set.frames == 8 && set.fps == 25 && set.createdBy == "test")
    #expect(set.clips.map(\.shardIndex) == [0, 0, 1, 1, 2])
    #expect(set.clips[3].caption == "a clip, né 3" && set.clips[3].source == "source-3")
    #expect(set.clips[0].hasVideo && set.clips[0].videoFrames == 3 && set.clips[0].hasObjectID)
    #expect(set.clips[0].videoLatentShape == [2, 6, 4] && set.clips[0].textEmbeddingSize == 3)
    for index in clips.indices { #expect(try set.readClip(index) == clips[index]) }
    let part = try set.readClip(1, fields: [.visibility])
    #expect(part.tracks.isEmpty && part.video == nil && part.visibility == clips[1].visibility)
    #expect(try ShardSet(path: paths[1]).clips.map(\.id) == ["clip-2", "clip-3"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 3)
  }
}

@Test func halfPrecisionRoundsToNearest() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    var clip = tiny.clip(0)
    clip.textEmbedding = [0.1, 65504, -1e-7, 3.14159]
    try tiny.write([clip], to: folder)
    let back = try ShardSet(path: folder.path).readClip(0).textEmbedding
    #expect(back == clip.textEmbedding?.map { Float(Float16($0)) })
    clip.textEmbedding = [1e6]
    let message = try #require(
      dataErrorMessage { try tiny.write([clip], to: folder.appendingPathComponent("b")) })
    #expect(message.contains("text_embedding") && message.contains("65504"))
  }
}

@Test func droppedWriterLeavesNothing() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    do {
      let writer = try tiny.writer(folder)
      for number in 0..<3 { try writer.append(tiny.clip(number)) }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    try tiny.write([tiny.clip(0)], to: folder)
    let message = try #require(dataErrorMessage { _ = try tiny.writer(folder) })
    #expect(message.contains("shard-00000.h5") && message.contains("another output folder"))
  }
}

@Test func writerRefusesFaultyClips() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    let writer = try tiny.writer(folder, clipsPerShard: 10)
    try writer.append(tiny.clip(0))
    func message(_ change: (inout Clip) -> Void) -> String {
      var clip = tiny.clip(1)
      change(&clip)
      return dataErrorMessage { try writer.append(clip) } ?? "accepted"
    }
    let nan = message { $0.tracks[2 * 6 + 1] = .nan }
    #expect(nan.contains("'clip-1'") && nan.contains("'tracks'") && nan.contains("[1, 0, 0, 1]"))
    let faults: [(change: (inout Clip) -> Void, expected: String)] = [
      ({ $0.tracks.removeLast() }, "expected shape [8, 2, 3, 2]"),
      ({ $0.visibility[3] = 2 }, "expected 0 or 1, found 2"),
      ({ $0.id = "clip-0" }, "second clip of this name"),
      ({ $0.id = "" }, "expected a name"),
      ({ $0.textEmbedding = [1] }, "same datasets"),
      ({ $0.caption = "a\0b" }, "zero byte"),
    ]
    for (change, expected) in faults {
      let found = message(change)
      #expect(found.contains(expected))
    }
    try writer.append(tiny.clip(1))
    try writer.finish()
    #expect(try ShardSet(path: folder.path).clips.count == 2)
  }
}

@Test func contentHashFollowsTheContentAlone() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    func hash(_ name: String, _ clips: [Clip]) throws -> String {
      let place = folder.appendingPathComponent(name)
      try tiny.write(clips, to: place)
      return try ShardSet(path: place.path).contentHash
    }
    let clips = (0..<3).map { tiny.clip($0) }
    let first = try hash("a", clips)
    #expect(try hash("b", clips) == first)
    var changed = clips
    changed[2].visibility[5] ^= 1
    #expect(try hash("c", changed) != first)
    changed = clips
    changed[0].caption = "another clip"
    #expect(try hash("d", changed) != first)
    // Values that take the same room: only the checksums of the rows differ.
    changed = clips
    for index in changed.indices { changed[index].textEmbedding = [1] }
    let one = try hash("e", changed)
    changed[1].textEmbedding = [2]
    #expect(try hash("f", changed) != one)
  }
}

@Test func foreignAndDamagedFilesAreNamed() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    func message(_ name: String) -> String {
      let path = folder.appendingPathComponent(name).path
      let text = dataErrorMessage { _ = try ShardSet(path: path) } ?? "accepted"
      #expect(text == "accepted" || text.contains(name))
      return text
    }
    #expect(message("none").contains("nothing there"))
    try "hello there".write(
      to: folder.appendingPathComponent("text.h5"), atomically: true, encoding: .utf8)
    #expect(message("text.h5").contains("expected an HDF5 file"))
    try Data().write(to: folder.appendingPathComponent("empty.h5"))
    #expect(message("empty.h5").contains("empty file"))
    let path = try tiny.write([tiny.clip(0)], to: folder.appendingPathComponent("good"))[0]
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    for count in [8, 60, bytes.count / 2, bytes.count - 1] {
      try bytes.prefix(count).write(to: folder.appendingPathComponent("cut.h5"))
      #expect(message("cut.h5").contains("damaged"), "\(count) bytes")
    }
    try FileManager.default.createDirectory(
      at: folder.appendingPathComponent("void"), withIntermediateDirectories: true)
    #expect(message("void").contains("*.h5"))
  }
}

/// Opens a file for writing and hands it to C calls, to make shards that the writer would not.
private func edit(_ path: String, _ body: (hid_t) -> Void) {
  HDF5.serialized {
    let file = H5Fopen(path, trajloom_H5F_ACC_RDWR(), trajloom_H5P_DEFAULT())
    precondition(file >= 0)
    body(file)
    H5Fclose(file)
  }
}

/// Replaces a text attribute.
private func setText(_ file: hid_t, _ name: String, _ text: String) {
  H5Adelete(file, name)
  let type = H5Tcopy(trajloom_H5T_C_S1())
  H5Tset_size(type, text.utf8.count)
  let space = H5Screate(H5S_SCALAR)
  let none = trajloom_H5P_DEFAULT()
  let attribute = H5Acreate2(file, name, type, space, none, none)
  precondition(H5Awrite(attribute, type, Array(text.utf8)) >= 0)
  H5Aclose(attribute)
  H5Sclose(space)
  H5Tclose(type)
}

/// No time of day, which HDF5 keeps in whole seconds, is in a shard.
@Test func theSameClipsAreTheSameBytes() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    func bytes(_ name: String) throws -> Data? {
      let path = try tiny.write([tiny.clip(0)], to: folder.appendingPathComponent(name))[0]
      return FileManager.default.contents(atPath: path)
    }
    let first = try bytes("a")
    Thread.sleep(forTimeInterval: 1.1)
    let isSame = try bytes("b") == first
    #expect(isSame && first != nil)
  }
}

@Test func wrongSchemasAreRefused() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    // A table, and no closures inside `#expect`: the optimiser confuses those with the ones beside
    // it.
    let none = trajloom_H5P_DEFAULT()
    let cases: [(change: (hid_t) -> Void, expected: [String])] = [
      ({ _ in }, ["accepted"]),
      ({ setText($0, "format", "other/1") }, ["'format'", "found 'other/1'"]),
      ({ H5Adelete($0, "version") }, ["'version' to be 1, found none"]),
      ({ H5Adelete($0, "stride") }, ["'stride'"]),
      ({ setText($0, "frames", "many") }, ["found 'many'"]),
      ({ H5Ldelete($0, "visibility", none) }, ["'visibility'", "no such dataset"]),
      (
        { file in
          let dataset = H5Dopen2(file, "tracks", none)
          H5Dset_extent(dataset, [1, 8, 2, 3, 2])
          H5Dclose(dataset)
        }, ["'tracks'", "2 rows of shape [8, 2, 3, 2]"]
      ),
      (
        { file in
          H5Ldelete(file, "tracks", none)
          let space = H5Screate_simple(5, [2, 8, 2, 3, 2], nil)
          let type = trajloom_H5T_IEEE_F64LE()
          H5Dclose(H5Dcreate2(file, "tracks", type, space, none, none, none))
          H5Sclose(space)
        }, ["elements of type f32"]
      ),
      (
        { file in
          H5Ldelete(file, "visibility", none)
          let space = H5Screate_simple(4, [2, 8, 2, 3], nil)
          let type = trajloom_H5T_STD_U8LE()
          H5Dclose(H5Dcreate2(file, "visibility", type, space, none, none, none))
          H5Sclose(space)
        }, ["Fletcher-32"]
      ),
    ]
    for (number, (change, expected)) in cases.enumerated() {
      let place = folder.appendingPathComponent("\(number)")
      let path = try tiny.write([tiny.clip(0), tiny.clip(1)], to: place)[0]
      edit(path, change)
      let message = dataErrorMessage { _ = try ShardSet(path: place.path) } ?? "accepted"
      for part in expected { #expect(message.contains(part)) }
    }
  }
}

@Test func forbiddenValuesAreFoundOnReading() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    let path = try tiny.write([tiny.clip(0), tiny.clip(1)], to: folder)[0]
    edit(path) { file in
      let (all, none) = (trajloom_H5S_ALL(), trajloom_H5P_DEFAULT())
      let tracks = H5Dopen2(file, "tracks", none)
      var values = [Float](repeating: 0, count: 2 * 96)
      values[96 + 13] = .infinity
      H5Dwrite(tracks, trajloom_H5T_NATIVE_FLOAT(), all, all, none, values)
      H5Dclose(tracks)
      let visibility = H5Dopen2(file, "visibility", none)
      var flags = [UInt8](repeating: 0, count: 2 * 48)
      flags[7] = 3
      H5Dwrite(visibility, trajloom_H5T_NATIVE_UINT8(), all, all, none, flags)
      H5Dclose(visibility)
    }
    let set = try ShardSet(path: folder.path)
    let first = try #require(dataErrorMessage { _ = try set.readClip(0) })
    #expect(first.contains("shard-00000.h5: clip 'clip-0', dataset 'visibility'"))
    #expect(first.contains("found 3 at [1, 0, 1]"))
    let second = try #require(dataErrorMessage { _ = try set.readClip(1) })
    #expect(second.contains("clip 'clip-1', dataset 'tracks': expected finite values, found inf"))
    #expect(second.contains("[1, 0, 0, 1]"))
  }
}

@Test func flippedBytesAreReportedOrHarmless() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    let clips = [tiny.clip(0), tiny.clip(1)]
    let path = try tiny.write(clips, to: folder)[0]
    let good = try Data(contentsOf: URL(fileURLWithPath: path))
    var reported = 0
    var step = 0
    for position in stride(from: 0, to: good.count, by: 7) {
      var bad = good
      bad[position] ^= UInt8(1 << (step % 8))
      step += 1
      try bad.write(to: URL(fileURLWithPath: path))
      do {
        let set = try ShardSet(path: path)
        #expect(set.geometry == tiny.geometry && set.frames == 8 && set.fps == 25)
        for index in clips.indices {
          let clip = try set.readClip(index)
          #expect(clip == clips[index], "byte \(position)")
        }
      } catch is DataError {
        reported += 1
      }
    }
    #expect(reported > 0)
  }
}

@Test func shardsThatDisagreeAreRefused() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    try tiny.write([tiny.clip(0)], to: folder)
    let other = try ShardWriter(
      directory: folder.appendingPathComponent("b").path, geometry: tiny.geometry, frames: 8,
      fps: 30, createdBy: "test")
    try other.append(tiny.clip(1))
    let odd = try other.finish()[0]
    let target = folder.appendingPathComponent("shard-00001.h5").path
    try FileManager.default.moveItem(atPath: odd, toPath: target)
    let fps = dataErrorMessage { _ = try ShardSet(path: folder.path) }
    #expect(try #require(fps).contains("fps 25"))
    try FileManager.default.removeItem(atPath: target)
    try FileManager.default.copyItem(
      atPath: folder.appendingPathComponent("shard-00000.h5").path, toPath: target)
    let twice = try #require(dataErrorMessage { _ = try ShardSet(path: folder.path) })
    #expect(twice.contains("'clip-0'") && twice.contains("every clip once"))
  }
}

@Test func latentsComeBackAsTheyWereWritten() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    let writer = try LatentShardWriter(
      directory: folder.path, geometry: tiny.geometry, frames: 8, fps: 25, createdBy: "test",
      vaeSHA256: "abc", dataHash: "def", clipsPerShard: 2)
    let clips = (0..<3).map { (number: Int) -> LatentClip in
      let history = (0..<36).map { Float($0 + number) }
      let future = (0..<36).map { Float($0 * number) }
      return LatentClip(
        id: "clip-\(number)", caption: "text \(number)", source: "s",
        zHistory: history, zFuture: future,
        latentShape: [2, 6, 3], historyVisibility: (0..<12).map { UInt8($0 % 2) },
        futureVisibility: [UInt8](repeating: 1, count: 12),
        video: [UInt8](repeating: UInt8(51 * number), count: 2 * 8 * 12 * 3),
        textEmbedding: [1, 2])
    }
    for clip in clips { try writer.append(clip) }
    try writer.finish()
    let set = try LatentSet(path: folder.path)
    #expect(set.vaeSHA256 == "abc" && set.dataHash == "def" && set.latentShape == [2, 6, 3])
    for index in clips.indices { #expect(try set.readClip(index) == clips[index]) }
    let batch = try LatentItems(set: set, clips: [0, 2]).batch(items: [1, 0, 1])
    #expect(batch.clips == ["clip-2", "clip-0", "clip-2"])
    #expect(batch.captions == ["text 2", "text 0", "text 2"])
    #expect(batch.zHistory.shape == [3, 2, 6, 3] && batch.futureVisibility.shape == [3, 2, 6])
    #expect(Array(batch.zFuture.scalars[0..<4]) == [0, 2, 4, 6])
    #expect(batch.video?.shape == [3, 2, 8, 12, 3] && batch.video?.scalars[0] == 0.4)
    #expect(batch.textEmbedding?.shape == [3, 2] && batch.videoLatents == nil)
    let asked = dataErrorMessage {
      _ = try LatentItems(set: set, clips: [0], conditions: [.videoLatents])
    }
    #expect(try #require(asked).contains("'video_latents'"))
    let kind = dataErrorMessage { _ = try ShardSet(path: folder.path) }
    #expect(try #require(kind).contains("'format'"))
  }
}

@Test func splitDependsOnTheSourcesAlone() throws {
  let names = (0..<30).map { "video_\($0)" }
  let (train, validation) = try splitBySource(names, validationFraction: 0.1, path: "p")
  #expect(validation.count == 3 && train.count == 27)
  let held = Set(validation.map { names[$0] })
  let doubled = (names + names + names.prefix(7)).reversed().map { $0 }
  let again = try splitBySource(doubled, validationFraction: 0.1, path: "p")
  #expect(Set(again.validation.map { doubled[$0] }) == held)
  #expect(held.isDisjoint(with: again.train.map { doubled[$0] }))
  #expect(again.train == again.train.sorted())
  #expect(try splitBySource(names, validationFraction: 0, path: "p").validation.isEmpty)
  #expect(try splitBySource(names, validationFraction: 0.01, path: "p").validation.count == 1)
  let one = dataErrorMessage {
    _ = try splitBySource(["a", "a"], validationFraction: 0.5, path: "p")
  }
  #expect(try #require(one).contains("source"))
  let all = dataErrorMessage { _ = try splitBySource(names, validationFraction: 1, path: "p") }
  #expect(all != nil)
}
