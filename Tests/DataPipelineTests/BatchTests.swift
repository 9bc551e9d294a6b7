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

@Test func pointsOutsideTheFrameAreInvisible() throws {
  let tiny = try TinyData()
  var clip = tiny.clip(0)
  clip.visibility = clip.visibility.map { _ in 1 }
  clip.tracks[0] = -0.5
  clip.tracks[2] = 47
  clip.tracks[4] = 47.01
  clip.tracks[7] = 31.5
  let segment = Segment(clip, window: 0..<4, geometry: tiny.geometry)
  #expect(Array(segment.visibility[0..<6]) == [0, 1, 0, 0, 1, 1])
}

@Test func mirrorMapsQueryPointsOntoQueryPoints() throws {
  let tiny = try TinyData()
  var clip = tiny.clip(0)  // on frame 0 every point is on its query point
  clip.visibility = clip.visibility.map { _ in 1 }
  clip.tracks[2] = 20  // row 0, column 1: 4 px right of its query point
  clip.visibility[0] = 0
  var segment = Segment(clip, window: 0..<4, geometry: tiny.geometry)
  let before = segment
  segment.flipHorizontally()
  #expect(Array(segment.tracks[0..<6]) == [0, 0, 12, 0, 32, 0])  // now 4 px left of it
  #expect(Array(segment.visibility[0..<6]) == [1, 1, 0, 1, 1, 1])
  // On frame 3 all points have moved 3 px right: in the mirror 3 px left, the first column off the
  // frame.
  #expect(segment.tracks[2 * 18] == -3 && segment.visibility[18] == 0)
  segment.flipHorizontally()
  #expect(segment.tracks == before.tracks)
}

@Test func augmentationsDependOnSeedAndPositionAlone() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    try tiny.write((0..<4).map { tiny.clip($0) }, to: folder)
    let set = try ShardSet(path: folder.path)
    let all = Augmentation(horizontalFlip: true, timeReversal: true)
    func batch(seed: UInt64, draw: Int, _ augment: Augmentation) throws -> [Float] {
      try TrackSegments(
        set: set, clips: [0, 1, 2, 3], historyLength: 4, futureLength: 4, augment: augment,
        seed: seed
      ).batch(items: Array(0..<8), draw: draw).tracks.scalars
    }
    #expect(try batch(seed: 1, draw: 5, all) == batch(seed: 1, draw: 5, all))
    #expect(try batch(seed: 1, draw: 5, all) != batch(seed: 1, draw: 6, all))
    #expect(try batch(seed: 1, draw: 5, all) != batch(seed: 2, draw: 5, all))
    // Reversal alone: history windows keep their order, some future window does not.
    let plain = try batch(seed: 1, draw: 5, .none)
    let reversed = try batch(
      seed: 1, draw: 5, Augmentation(horizontalFlip: false, timeReversal: true))
    var changed: Set<Int> = []
    for item in 0..<8
    where plain[48 * item..<48 * item + 48] != reversed[48 * item..<48 * item + 48] {
      changed.insert(item)
      #expect(
        Array(reversed[48 * item..<48 * item + 12]) == Array(plain[48 * item + 36..<48 * item + 48])
      )
    }
    #expect(!changed.isEmpty && changed.allSatisfy { $0 % 2 == 1 })
  }
}
