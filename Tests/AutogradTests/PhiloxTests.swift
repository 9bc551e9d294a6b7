import Autograd
import Testing

/// The known answers that Random123 publishes for Philox4x32-10.
@Test func philoxMatchesKnownAnswers() {
  func block(_ counter: [UInt32], _ key: [UInt32]) -> [UInt32] {
    let words = Philox.block(
      counter: SIMD4(counter[0], counter[1], counter[2], counter[3]), key: SIMD2(key[0], key[1]))
    return (0..<4).map { words[$0] }
  }
  #expect(block([0, 0, 0, 0], [0, 0]) == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
  let ones = UInt32.max
  #expect(
    block([ones, ones, ones, ones], [ones, ones])
      == [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd])
  #expect(
    block([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0])
      == [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1])
}

@Test func drawsDependOnTheirCoordinatesAlone() {
  let a = Philox(seed: 1, stream: "noise")
  #expect(a.normal(10, step: 3, sample: 2) == Array(a.normal(100, step: 3, sample: 2).prefix(10)))
  #expect(a.normal(10, step: 3, sample: 2) != a.normal(10, step: 4, sample: 2))
  #expect(a.normal(10, step: 3, sample: 2) != a.normal(10, step: 3, sample: 3))
  #expect(a.normal(10) != Philox(seed: 2, stream: "noise").normal(10))
  #expect(a.normal(10) != Philox(seed: 1, stream: "time").normal(10))
  // A batch is its samples, however it is split.
  let batch = a.normal([3, 2, 5], step: 7).scalars
  #expect(batch == (0..<3).flatMap { a.normal([1, 2, 5], step: 7, firstSample: $0).scalars })
}

@Test func distributionsHaveTheirMoments() {
  let stream = Philox(seed: 11, stream: "moments")
  let normal = stream.normal(100_000).map(Double.init)
  let mean = normal.reduce(0, +) / 1e5
  let variance = normal.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 1e5
  let kurtosis = normal.reduce(0) { $0 + $1 * $1 * $1 * $1 } / 1e5
  #expect(abs(mean) < 0.015)
  #expect(abs(variance - 1) < 0.02)
  #expect(abs(kurtosis - 3) < 0.15)
  let uniform = stream.uniform(100_000)
  #expect(uniform.allSatisfy { (0..<1).contains($0) })
  let uniformMean = uniform.map(Double.init).reduce(0, +) / 1e5
  #expect(abs(uniformMean - 0.5) < 0.005)
  let order = stream.permutation(1000, step: 5)
  #expect(order.sorted() == Array(0..<1000) && order != Array(0..<1000))
  #expect(order == stream.permutation(1000, step: 5) && order != stream.permutation(1000, step: 6))
}
