import Autograd
import Foundation
import Testing

@testable import DataPipeline

@Test func orderIsAPermutationPerEpochAndDependsOnTheSeed() {
  let order = BatchOrder(seed: 7, items: 10, batchSize: 4)
  let stream = (0..<10).flatMap { order.items(batch: $0) }  // four epochs
  for epoch in 0..<4 { #expect(stream[10 * epoch..<10 * epoch + 10].sorted() == Array(0..<10)) }
  #expect(stream[0..<10] != stream[10..<20])
  #expect(BatchOrder(seed: 7, items: 10, batchSize: 1).items(batch: 23) == [stream[23]])
  #expect(BatchOrder(seed: 8, items: 10, batchSize: 10).items(batch: 0) != Array(stream[0..<10]))
  #expect(BatchOrder(seed: 7, items: 3, batchSize: 8).items(batch: 0).count == 8)
  // Processes that share a batch read it together, also where it reaches into the next epoch.
  for batch in 0..<6 {
    let shared = [0..<1, 1..<2, 2..<4].flatMap { order.items(batch: batch, slots: $0) }
    #expect(shared == order.items(batch: batch))
  }
}

@Test func prefetcherKeepsOrderAndStaysBounded() throws {
  final class Log: @unchecked Sendable {
    private let lock = NSLock()
    private var made = 0
    func add() { lock.withLock { made += 1 } }
    var count: Int { lock.withLock { made } }
  }
  let log = Log()
  let prefetcher = Prefetcher(depth: 3, startingAt: 5) { number in
    log.add()
    return number * number
  }
  Thread.sleep(forTimeInterval: 0.1)
  #expect(log.count <= 4)
  for number in 5..<40 { #expect(try prefetcher.next() == number * number) }
  prefetcher.stop()
  prefetcher.stop()
  #expect(throws: CancellationError.self) { try prefetcher.next() }
  let after = log.count
  Thread.sleep(forTimeInterval: 0.05)
  #expect(log.count == after)
}

@Test func prefetcherThrowsAtTheFaultyBatch() throws {
  let prefetcher = Prefetcher(depth: 2, startingAt: 0) { number in
    if number == 3 { throw DataError("batch 3") }
    Thread.sleep(forTimeInterval: 0.01)
    return number
  }
  for number in 0..<3 { #expect(try prefetcher.next() == number) }
  for _ in 0..<2 { #expect(throws: DataError("batch 3")) { try prefetcher.next() } }
  #expect(prefetcher.secondsWaited > 0)
}

@Test func segmentsAreTheTwoWindowsOfAClip() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    try tiny.write((0..<3).map { tiny.clip($0) }, to: folder)
    let set = try ShardSet(path: folder.path)
    let segments = try TrackSegments(set: set, clips: [0, 2], historyLength: 4, futureLength: 4)
    #expect(segments.count == 4)
    let batch = try segments.batch(items: [3, 0], draw: 0)
    #expect(batch.clips == ["clip-2", "clip-0"])
    #expect(batch.tracks.shape == [2, 4, 2, 3, 2] && batch.visibility.shape == [2, 4, 2, 3])
    #expect(Array(batch.tracks.scalars[0..<4]) == [4, 2, 20, 2])  // frame 4 of clip 2
    #expect(Array(batch.tracks.scalars[48..<52]) == [0, 0, 16, 0])  // frame 0 of clip 0
    let uneven = dataErrorMessage {
      _ = try TrackSegments(set: set, clips: [0], historyLength: 5, futureLength: 3)
    }
    #expect(try #require(uneven).contains("equal"))
    let long = dataErrorMessage {
      _ = try TrackSegments(set: set, clips: [0], historyLength: 5, futureLength: 5)
    }
    #expect(try #require(long).contains("at least 10 frames"))
  }
}

@Test func streamsContinueExactlyFromAnyBatch() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    try tiny.write((0..<3).map { tiny.clip($0) }, to: folder)
    let set = try ShardSet(path: folder.path)
    func stream(from first: Int, depth: Int, count: Int) throws -> [TrackBatch] {
      let segments = try TrackSegments(
        set: set, clips: [0, 1, 2], historyLength: 3, futureLength: 3,
        augment: Augmentation(horizontalFlip: true, timeReversal: true, maxStride: 3), seed: 9)
      let order = BatchOrder(seed: 9, items: segments.count, batchSize: 4)
      let prefetcher = Prefetcher(depth: depth, startingAt: first) { number in
        try segments.batch(items: order.items(batch: number), draw: number)
      }
      defer { prefetcher.stop() }
      return try (0..<count).map { _ in try prefetcher.next() }
    }
    // Six items in batches of four: an epoch ends in every other batch or right after it.
    let steady = try stream(from: 0, depth: 2, count: 24)
    for (first, depth) in [(1, 2), (2, 1), (3, 5), (7, 3), (20, 1)] {
      let continued = try stream(from: first, depth: depth, count: 4)
      for (offset, batch) in continued.enumerated() {
        let expected = steady[first + offset]
        let isSame =
          batch.clips == expected.clips && batch.tracks.scalars == expected.tracks.scalars
          && batch.visibility.scalars == expected.visibility.scalars
        #expect(isSame, "batch \(first + offset) of a stream started at \(first), depth \(depth)")
      }
    }
  }
}

@Test func latentBatchesHoldTheirClipsInOrder() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    let writer = try LatentShardWriter(
      directory: folder.path, geometry: tiny.geometry, frames: 8, fps: 25, createdBy: "test",
      vaeSHA256: "abc", dataHash: "def", clipsPerShard: 2)
    for number in 0..<3 {
      try writer.append(
        LatentClip(
          id: "clip-\(number)", caption: "", source: "s",
          zHistory: (0..<36).map { Float($0) * 0.1 - Float(number) },
          zFuture: (0..<36).map { Float($0 * number) + 0.25 }, latentShape: [2, 6, 3],
          historyVisibility: (0..<12).map { UInt8(($0 + number) % 2) },
          futureVisibility: (0..<12).map { UInt8(($0 + number) % 3 == 0 ? 1 : 0) },
          video: (0..<2 * 8 * 12 * 3).map { UInt8(($0 * 7 + number) % 256) },
          videoLatents: (0..<24).map { Float($0 + 100 * number) }, videoLatentShape: [2, 6, 2],
          textEmbedding: (0..<5).map { Float($0 - number) }))
    }
    try writer.finish()
    let set = try LatentSet(path: folder.path)
    let batch = try LatentItems(set: set, clips: [0, 2, 1]).batch(items: [1, 0, 2, 1])
    let clips = try [2, 0, 1, 2].map { try set.readClip($0) }
    #expect(batch.clips == clips.map(\.id))
    let bytes = clips.flatMap { $0.video ?? [] }
    let expected: [(String, NDArray?, [Float], shape: [Int])] = [
      ("zHistory", batch.zHistory, clips.flatMap(\.zHistory), [4, 2, 6, 3]),
      ("zFuture", batch.zFuture, clips.flatMap(\.zFuture), [4, 2, 6, 3]),
      (
        "historyVisibility", batch.historyVisibility,
        clips.flatMap { $0.historyVisibility.map(Float.init) }, [4, 2, 6]
      ),
      (
        "futureVisibility", batch.futureVisibility,
        clips.flatMap { $0.futureVisibility.map(Float.init) }, [4, 2, 6]
      ),
      ("video", batch.video, bytes.map { Float($0) / 255 }, [4, 2, 8, 12, 3]),
      ("videoLatents", batch.videoLatents, clips.flatMap { $0.videoLatents ?? [] }, [4, 2, 6, 2]),
      ("textEmbedding", batch.textEmbedding, clips.flatMap { $0.textEmbedding ?? [] }, [4, 5]),
    ]
    for (name, array, scalars, shape) in expected {
      let isSame = array?.scalars == scalars && array?.shape == shape
      #expect(isSame, "\(name)")
    }
  }
}
