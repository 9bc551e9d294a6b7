import Foundation

/// Philox4x32-10, a counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1,
/// 2, 3", SC 2011): a draw is a pure function of (seed, stream, step, sample, index).
///
/// There is no state to save, and no draw depends on what was drawn before, on the thread count or
/// on how a batch was split. That is what makes resumed and data-parallel runs exact.
public struct Philox: Sendable, Equatable {
  public let seed: UInt64
  /// What the numbers are for ("noise", "time", ...), so that two uses never share draws.
  public let stream: UInt32

  public init(seed: UInt64, stream: String) {
    self.seed = seed
    self.stream = fnv1a(stream)
  }

  /// Four independent 32-bit words for one counter value.
  public static func block(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
    var counter = counter
    var key = key
    for _ in 0..<10 {
      let first = UInt64(counter.x) &* 0xD251_1F53
      let second = UInt64(counter.z) &* 0xCD9E_8D57
      counter = SIMD4(
        UInt32(truncatingIfNeeded: second >> 32) ^ counter.y ^ key.x,
        UInt32(truncatingIfNeeded: second),
        UInt32(truncatingIfNeeded: first >> 32) ^ counter.w ^ key.y,
        UInt32(truncatingIfNeeded: first))
      key = SIMD2(key.x &+ 0x9E37_79B9, key.y &+ 0xBB67_AE85)
    }
    return counter
  }

  /// The words at position `index` (counted in blocks of four) of (`step`, `sample`).
  public func words(step: Int, sample: Int, index: Int) -> SIMD4<UInt32> {
    Philox.block(
      counter: SIMD4(
        UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: sample),
        UInt32(truncatingIfNeeded: step), stream),
      key: SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
  }

  /// `count` independent draws, uniform in [0, 1).
  public func uniform(_ count: Int, step: Int = 0, sample: Int = 0) -> [Float] {
    draw(count, step: step, sample: sample) { words in
      SIMD4(
        unitInterval(words.x), unitInterval(words.y), unitInterval(words.z), unitInterval(words.w))
    }
  }

  /// `count` independent draws from N(0, 1), by Box-Muller on pairs.
  public func normal(_ count: Int, step: Int = 0, sample: Int = 0) -> [Float] {
    draw(count, step: step, sample: sample) { words in
      let first = boxMuller(words.x, words.y)
      let second = boxMuller(words.z, words.w)
      return SIMD4(first.0, first.1, second.0, second.1)
    }
  }

  /// A permutation of `0..<count` (Fisher-Yates), a function of (seed, stream, step) alone.
  public func permutation(_ count: Int, step: Int = 0) -> [Int] {
    var order = Array(0..<count)
    for i in stride(from: count - 1, to: 0, by: -1) {
      let words = words(step: step, sample: 0, index: i)
      let wide = UInt64(words.x) << 32 | UInt64(words.y)
      order.swapAt(i, Int(wide.multipliedFullWidth(by: UInt64(i + 1)).high))
    }
    return order
  }

  private func draw(
    _ count: Int, step: Int, sample: Int, _ transform: (SIMD4<UInt32>) -> SIMD4<Float>
  ) -> [Float] {
    [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      for block in 0..<(count + 3) / 4 {
        let values = transform(words(step: step, sample: sample, index: block))
        for lane in 0..<min(4, count - 4 * block) { buffer[4 * block + lane] = values[lane] }
      }
      initialized = count
    }
  }
}

/// The top 24 bits as a fraction: every value is exact in `Float`, and 1 is never reached.
private func unitInterval(_ word: UInt32) -> Float { Float(word >> 8) * 0x1p-24 }

private func boxMuller(_ a: UInt32, _ b: UInt32) -> (Float, Float) {
  // (0, 1]: the logarithm is finite.
  let radius = (-2 * log((Double(a) + 1) * 0x1p-32)).squareRoot()
  let angle = 2 * Double.pi * Double(b) * 0x1p-32
  return (Float(radius * cos(angle)), Float(radius * sin(angle)))
}

/// 32-bit FNV-1a of a name: the stable hash behind streams, clip seeds and hashed word features.
public func fnv1a(_ name: String) -> UInt32 {
  name.utf8.reduce(0x811C_9DC5) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
}
