/// HDF5's Fletcher-32: two running sums modulo 65535 over big-endian pairs of bytes, an odd last
/// byte being the first of a pair.
func fletcher32(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
  var (first, second): (UInt64, UInt64) = (0, 0)
  let lanes = 16
  let pairs = bytes.count / 2
  // 2^12 vectors keep the lanes' second sums, of at most 65535 · 2^12 · 2^12 / 2, within 64 bits
  // and the sums over lanes as well.
  let longest = 1 << 12
  var done = 0
  while pairs - done >= lanes {
    let count = min(longest, (pairs - done) / lanes)
    // Per lane: the sum, and the sum of the sums after each vector.
    var sums = SIMD16<UInt32>.zero
    var (low, high) = (SIMD8<UInt64>.zero, SIMD8<UInt64>.zero)
    for vector in 0..<count {
      let offset = 2 &* (done &+ vector &* lanes)
      let pair = bytes.loadUnaligned(fromByteOffset: offset, as: SIMD16<UInt16>.self)
      let words = (pair &<< 8) | (pair &>> 8)
      sums = sums &+ SIMD16<UInt32>(truncatingIfNeeded: words)
      low = low &+ SIMD8<UInt64>(truncatingIfNeeded: sums.lowHalf)
      high = high &+ SIMD8<UInt64>(truncatingIfNeeded: sums.highHalf)
    }
    // Pair j of lane l stands 16 (count - j) - l places before the block's end, itself included.
    second += first * UInt64(count * lanes)
    for lane in 0..<lanes {
      second += UInt64(lanes) * (lane < 8 ? low[lane] : high[lane - 8])
      second -= UInt64(lane) * UInt64(sums[lane])
      first += UInt64(sums[lane])
    }
    (first, second) = (folded(first), folded(second))
    done += count * lanes
  }
  for pair in done..<pairs {
    first += UInt64(bytes[2 * pair]) << 8 | UInt64(bytes[2 * pair + 1])
    second += first
  }
  if bytes.count % 2 == 1 {
    first += UInt64(bytes[bytes.count - 1]) << 8
    second += first
  }
  return UInt32(folded(second)) << 16 | UInt32(folded(first))
}

/// The sum modulo 65535 as end-around carries leave it: 65535 and not 0, unless all was zero.
private func folded(_ sum: UInt64) -> UInt64 { sum == 0 ? 0 : (sum - 1) % 65535 + 1 }
