import Autograd
import CHDF5
import Foundation
import Testing

@testable import DataPipeline

/// Six clips of different sizes of values, with every kind of dataset.
private func writeShard(_ folder: URL) throws -> (path: String, clips: [Clip]) {
  let tiny = try TinyData()
  var clips = (0..<6).map { tiny.clip($0) }
  for number in clips.indices {
    clips[number].video = (0..<3 * 8 * 12 * 3).map { UInt8(truncatingIfNeeded: $0 * number) }
    clips[number].textEmbedding = [0.5, -2, Float(number)]
    clips[number].objectID = (0..<6).map { Int32($0 * number) }
  }
  return (try tiny.write(clips, to: folder, clipsPerShard: 6)[0], clips)
}

@Test func truncatedShardsAreReported() throws {
  try withTemporaryFolder { folder in
    let path = try writeShard(folder).path
    let good = try Data(contentsOf: URL(fileURLWithPath: path))
    for part in 0..<16 {
      try good.prefix(good.count * part / 16 + part % 3).write(to: URL(fileURLWithPath: path))
      let message = dataErrorMessage { _ = try ShardSet(path: folder.path) }
      #expect(message?.contains("shard-00000.h5") == true, "\(part)/16")
      #expect(!verify(folder.path).isEmpty, "\(part)/16")
    }
  }
}

/// Every byte of a shard belongs to something that has a checksum or is compared with what it must
/// be: no single flipped bit goes unnoticed, wherever it is.
@Test func everyFlippedBitIsReported() throws {
  try withTemporaryFolder { folder in
    let path = try writeShard(folder).path
    let good = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
    let random = Philox(seed: 5, stream: "flips")
    var silent: [Int] = []
    for number in 0..<400 {
      let draws = random.uniform(2, sample: number)
      let position = min(good.count - 1, Int(draws[0] * Float(good.count)))
      var bad = good
      bad[position] ^= 1 << UInt8(draws[1] * 8)
      try Data(bad).write(to: URL(fileURLWithPath: path))
      let faults = verify(folder.path)
      if faults.isEmpty { silent.append(position) }
      let areNamed = faults.allSatisfy { $0.message.contains("shard-00000.h5") }
      #expect(areNamed)
    }
    #expect(silent == [])
  }
}

@Test func foreignStructuresAreRefused() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    let none = trajloom_H5P_DEFAULT()
    let other = folder.appendingPathComponent("other.h5").path
    let outside = try tiny.write(
      [tiny.clip(0), tiny.clip(1)], to: folder.appendingPathComponent("outside"))[0]
    /// Replaces `visibility` by a dataset of the same shape and type, with other properties.
    func replace(_ file: hid_t, _ change: (hid_t) -> Void) {
      H5Ldelete(file, "visibility", none)
      let space = H5Screate_simple(4, [2, 8, 2, 3], nil)
      let properties = H5Pcreate(trajloom_H5P_DATASET_CREATE())
      change(properties)
      let type = trajloom_H5T_STD_U8LE()
      let dataset = H5Dcreate2(file, "visibility", type, space, none, properties, none)
      H5Dwrite(
        dataset, type, trajloom_H5S_ALL(), trajloom_H5S_ALL(), none,
        [UInt8](repeating: 1, count: 96))
      H5Dclose(dataset)
      H5Pclose(properties)
      H5Sclose(space)
    }
    func chunked(_ properties: hid_t) { H5Pset_chunk(properties, 4, [1, 8, 2, 3]) }
    let cases: [(change: (hid_t) -> Void, expected: [String])] = [
      (
        {
          replace($0) {
            chunked($0)
            H5Pset_shuffle($0)
            H5Pset_deflate($0, 4)
            H5Pset_fletcher32($0)
          }
        },
        ["accepted"]
      ),
      (
        // A filter that no library has, marked as one that may be skipped.
        {
          replace($0) { properties in
            chunked(properties)
            H5Pset_filter(properties, 32768, UInt32(H5Z_FLAG_OPTIONAL), 0, nil)
            H5Pset_fletcher32(properties)
          }
        }, ["'visibility'", "filters [32768, 3]"]
      ),
      (
        {
          replace($0) {
            chunked($0)
            H5Pset_fletcher32($0)
          }
        }, ["filters [3]"]
      ),
      ({ replace($0) { _ in } }, ["one block without filters"]),
      (
        { file in
          H5Ldelete(file, "visibility", none)
          H5Lcreate_external(outside, "visibility", file, "visibility", none, none)
        }, ["'visibility'", "a link (external)"]
      ),
      (
        { file in
          H5Ldelete(file, "tracks", none)
          H5Lcreate_soft("/loop", file, "tracks", none, none)
          H5Lcreate_soft("/tracks", file, "loop", none, none)
        }, ["'tracks'", "a link (soft)"]
      ),
      (
        { file in
          H5Ldelete(file, "caption", none)
          H5Lcreate_soft("/id", file, "caption", none, none)
        }, ["'caption'", "a link (soft)"]
      ),
      (
        // 2^45 texts that were never written.
        { file in
          H5Ldelete(file, "id", none)
          let space = H5Screate_simple(1, [1 << 45], nil)
          let properties = H5Pcreate(trajloom_H5P_DATASET_CREATE())
          H5Pset_chunk(properties, 1, [16])
          let type = H5Tcopy(trajloom_H5T_C_S1())
          H5Tset_size(type, trajloom_H5T_VARIABLE())
          H5Dclose(H5Dcreate2(file, "id", type, space, none, properties, none))
          H5Pclose(properties)
          H5Sclose(space)
        }, ["'id'", "[35184372088832]"]
      ),
      (
        { file in
          H5Ldelete(file, "caption", none)
          let space = H5Screate_simple(1, [2], nil)
          let properties = H5Pcreate(trajloom_H5P_DATASET_CREATE())
          H5Pset_virtual(properties, space, outside, "caption", space)
          let type = H5Tcopy(trajloom_H5T_C_S1())
          H5Dclose(H5Dcreate2(file, "caption", type, space, none, properties, none))
          H5Pclose(properties)
          H5Sclose(space)
        }, ["'caption'", "strings in this file", "a view of other datasets"]
      ),
      (
        { file in
          replace(file) { properties in
            let space = H5Screate_simple(4, [2, 8, 2, 3], nil)
            H5Pset_virtual(properties, space, outside, "visibility", space)
            H5Sclose(space)
          }
        }, ["'visibility'", "a view of other datasets"]
      ),
      (
        { file in replace(file) { H5Pset_external($0, other, 0, 96) } },
        ["'visibility'", "another file"]
      ),
    ]
    for (number, (change, expected)) in cases.enumerated() {
      let place = folder.appendingPathComponent("\(number)")
      let path = try tiny.write([tiny.clip(0), tiny.clip(1)], to: place)[0]
      HDF5.serialized {
        let file = H5Fopen(path, trajloom_H5F_ACC_RDWR(), none)
        change(file)
        H5Fclose(file)
      }
      let message = dataErrorMessage { _ = try ShardSet(path: place.path) } ?? "accepted"
      for part in expected { #expect(message.contains(part), "\(number): \(message)") }
    }
  }
}

/// A shard that its writer has not completed, under its final name.
@Test func shardsBeingWrittenAreRefused() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    let writer = try tiny.writer(folder, clipsPerShard: 10)
    for number in 0..<4 { try writer.append(tiny.clip(number)) }
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(names.count == 1 && names[0] == ".shard-00000.h5.partial")
    let none = dataErrorMessage { _ = try ShardSet(path: folder.path) }
    #expect(try #require(none).contains("expected *.h5 shards"))
    let copy = folder.appendingPathComponent("copy")
    try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      at: folder.appendingPathComponent(names[0]), to: copy.appendingPathComponent("shard-00000.h5")
    )
    let partial = dataErrorMessage { _ = try ShardSet(path: copy.path) }
    #expect(try #require(partial).contains("shard-00000.h5"))
    try writer.finish()
    #expect(try ShardSet(path: folder.path).clips.count == 4)
  }
}

@Test func shardsThatChangeWhileInUseAreNoticed() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    let path = try tiny.write([tiny.clip(0), tiny.clip(1)], to: folder)[0]
    let set = try ShardSet(path: folder.path)
    try FileManager.default.removeItem(atPath: path)
    try tiny.write([tiny.clip(2), tiny.clip(3)], to: folder)
    let message = dataErrorMessage { _ = try set.readClip(0, fields: [.tracks]) }
    #expect(try #require(message).contains("leave the shards alone while they are in use"))
  }
}
