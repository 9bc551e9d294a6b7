import Autograd
import Testing

@testable import DataPipeline

@Test func pointsOutsideTheFrameAreInvisible() throws {
  let tiny = try TinyData()
  var clip = tiny.clip(0)
  clip.visibility = clip.visibility.map { _ in 1 }
  clip.tracks[0] = -0.5
  clip.tracks[2] = 47
  clip.tracks[4] = 47.01
  clip.tracks[7] = 31.5
  let batch = TrackBatch(count: 1, frames: 4, geometry: tiny.geometry) { _ in
    SegmentView(clip, window: 0..<4, geometry: tiny.geometry)
  }
  let visibility = batch.visibility.scalars
  #expect(Array(visibility[0..<6]) == [0, 1, 0, 0, 1, 1])
}

@Test func mirrorMapsQueryPointsOntoQueryPoints() throws {
  let tiny = try TinyData()
  var clip = tiny.clip(0)  // on frame 0 every point is on its query point
  clip.visibility = clip.visibility.map { _ in 1 }
  clip.tracks[2] = 20  // row 0, column 1: 4 px right of its query point
  clip.visibility[0] = 0
  var view = SegmentView(clip, window: 0..<4, geometry: tiny.geometry)
  func written() -> (tracks: [Float], visibility: [Float]) {
    let batch = TrackBatch(count: 1, frames: 4, geometry: tiny.geometry) { _ in view }
    return (batch.tracks.scalars, batch.visibility.scalars)
  }
  let before = written()
  view.flipHorizontally()
  let segment = written()
  #expect(Array(segment.tracks[0..<6]) == [0, 0, 12, 0, 32, 0])  // now 4 px left of it
  #expect(Array(segment.visibility[0..<6]) == [1, 1, 0, 1, 1, 1])
  // On frame 3 all points have moved 3 px right: in the mirror 3 px left, the first column off the
  // frame.
  #expect(segment.tracks[2 * 18] == -3 && segment.visibility[18] == 0)
  view.flipHorizontally()
  let again = written()
  #expect(again.tracks == before.tracks && again.visibility == before.visibility)
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

/// The frames of the clip that each segment of a batch of `TinyData` without reversal or flip is
/// made of: x of its first point is the frame.
private func sourceFrames(_ batch: TrackBatch) -> [[Int]] {
  let x = batch.tracks.scalars
  let (frames, stride) = (batch.tracks.shape[1], 2 * batch.visibility.shape[2...].reduce(1, *))
  return batch.clips.indices.map { segment in
    (0..<frames).map { Int(x[(segment * frames + $0) * stride]) }
  }
}

@Test func stridesAreDrawnUniformlyAndFitTheClip() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    try tiny.write((0..<4).map { tiny.clip($0) }, to: folder)
    let set = try ShardSet(path: folder.path)
    func segments(_ maxStride: Int, seed: UInt64 = 1) throws -> TrackSegments {
      let augment = Augmentation(
        horizontalFlip: false, timeReversal: false, maxStride: maxStride)
      return try TrackSegments(
        set: set, clips: [0, 1, 2, 3], historyLength: 3, futureLength: 3, augment: augment,
        seed: seed)
    }
    var counts: [[[Int]: Int]] = [[:], [:]]
    for draw in 0..<75 {
      let frames = sourceFrames(try segments(3).batch(items: Array(0..<8), draw: draw))
      for (item, frames) in frames.enumerated() { counts[item % 2][frames, default: 0] += 1 }
    }
    let (history, future) = (Set(counts[0].keys), Set(counts[1].keys))
    #expect(history == [[0, 1, 2], [0, 2, 4], [0, 3, 6]])
    #expect(future == [[3, 4, 5], [3, 5, 7], [1, 4, 7]])  // the last one starts early to fit
    // 300 draws of probability 1/3 each: 100 with a standard deviation of 8.
    let isUniform = counts.allSatisfy { $0.values.allSatisfy { (70...130).contains($0) } }
    #expect(isUniform, "\(counts)")

    // The items have no influence; draw and seed have.
    func histories(_ items: [Int], draw: Int = 5, seed: UInt64 = 1) throws -> [[Int]] {
      sourceFrames(try segments(3, seed: seed).batch(items: items, draw: draw))
    }
    let own = try histories([0, 2, 4, 6, 0, 2, 4, 6])
    let others = try histories([6, 6, 0, 0, 2, 4, 2, 0])
    let (later, reseeded) = try (
      histories([0, 2, 4, 6, 0, 2, 4, 6], draw: 6), histories([0, 2, 4, 6, 0, 2, 4, 6], seed: 2)
    )
    #expect(own == others && own != later && own != reseeded)

    for tooLarge in [4, Int.max] {
      let message = try #require(dataErrorMessage { _ = try segments(tooLarge) })
      #expect(message.hasPrefix("data.augment.max_stride: expected at most 3"), "\(message)")
      #expect(message.contains("found \(tooLarge)") && message.contains("longer clips"))
    }
  }
}

/// A batch made step by step from whole clips, in arrays of arrays; and which changes were made in
/// it, as (item is a future, flipped, reversed, stride).
private func reference(
  _ set: ShardSet, frames: Int, items: [Int], draw: Int, augment: Augmentation, seed: UInt64
) throws -> (tracks: [Float], visibility: [Float], changes: Set<[Int]>) {
  let geometry = set.geometry
  let random = Philox(seed: seed, stream: "augment")
  var (tracks, visibility): ([Float], [Float]) = ([], [])
  var changes: Set<[Int]> = []
  for (position, item) in items.enumerated() {
    let clip = try set.readClip(item / 2)
    let coins = random.uniform(2, step: draw, sample: position)
    let third = random.uniform(3, step: draw, sample: position)[2]
    let isFuture = item % 2 == 1
    let step = Int(third * Float(augment.maxStride)) + 1
    let flips = augment.horizontalFlip && coins[0] < 0.5
    let reverses = augment.timeReversal && isFuture && coins[1] < 0.5
    changes.insert([isFuture ? 1 : 0, flips ? 1 : 0, reverses ? 1 : 0, step])

    let start = isFuture ? min(frames, set.frames - 1 - (frames - 1) * step) : 0
    var window: [[(x: Float, y: Float, visible: Float)]] = []
    for t in 0..<frames {
      window.append(
        (0..<geometry.count).map { point in
          let p = (start + step * t) * geometry.count + point
          let (x, y) = (clip.tracks[2 * p], clip.tracks[2 * p + 1])
          return (x, y, geometry.contains(x: x, y: y) ? Float(clip.visibility[p]) : 0)
        })
    }
    if flips {
      window = window.map { frame in
        (0..<geometry.count).map { point in
          let (row, column) = point.quotientAndRemainder(dividingBy: geometry.columns)
          let own = frame[row * geometry.columns + geometry.columns - 1 - column]
          let x = Float(geometry.width - geometry.stride) - own.x
          return (x, own.y, geometry.contains(x: x, y: own.y) ? own.visible : 0)
        }
      }
    }
    if reverses { window.reverse() }
    for frame in window {
      tracks += frame.flatMap { [$0.x, $0.y] }
      visibility += frame.map(\.visible)
    }
  }
  return (tracks, visibility, changes)
}

@Test func batchesEqualAReferenceForAllChanges() throws {
  let tiny = try TinyData()
  try withTemporaryFolder { folder in
    let clips = (0..<4).map { number in
      var clip = tiny.clip(number)  // scattered, so that some points are off the frame
      for i in clip.tracks.indices { clip.tracks[i] += Float((7 * i + number) % 23) * 0.75 - 9 }
      return clip
    }
    try tiny.write(clips, to: folder)
    let set = try ShardSet(path: folder.path)
    for (flip, reversal) in [(false, false), (true, false), (false, true), (true, true)] {
      for maxStride in 1...3 {
        let augment = Augmentation(
          horizontalFlip: flip, timeReversal: reversal, maxStride: maxStride)
        let segments = try TrackSegments(
          set: set, clips: [0, 1, 2, 3], historyLength: 3, futureLength: 3, augment: augment,
          seed: 4)
        var changes: Set<[Int]> = []
        for draw in 0..<20 {
          let items = [5, 2, 7, 0, 1, 6, 3, 4]
          let batch = try segments.batch(items: items, draw: draw)
          let expected = try reference(
            set, frames: 3, items: items, draw: draw, augment: augment, seed: 4)
          let isSame =
            batch.tracks.scalars == expected.tracks
            && batch.visibility.scalars == expected.visibility
          #expect(isSame, "flip \(flip), reversal \(reversal), stride \(maxStride), draw \(draw)")
          changes.formUnion(expected.changes)
        }
        // Every combination came up: histories are not reversed.
        let combinations = (flip ? 2 : 1) * (1 + (reversal ? 2 : 1)) * maxStride
        #expect(changes.count == combinations)
      }
    }
  }
}
