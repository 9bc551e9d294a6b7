import Autograd

/// Splits clips by source video: the sources are put in the order of a stable hash of their names,
/// and the first ceil(fraction · sources) go to validation. The outcome depends on the set of
/// sources alone, not on the order of the clips or on how many each source has.
/// - Returns: ascending indices into `sources`.
/// - Throws: `DataError` for a fraction outside [0, 1), or one that would leave no source to train
///   on.
func splitBySource(
  _ sources: [String], validationFraction: Double, path: String
) throws -> (train: [Int], validation: [Int]) {
  guard validationFraction >= 0, validationFraction < 1 else {
    throw DataError(
      "validation fraction: expected a number in [0, 1), found \(validationFraction)", kind: .usage)
  }
  let names = Set(sources)
  // The small excess takes back what binary fractions add: 0.1 · 30 is to give 3, not 4.
  let wanted = Int((validationFraction * Double(names.count) - 1e-9).rounded(.up))
  guard wanted > 0 else { return (Array(sources.indices), []) }
  guard wanted < names.count else {
    throw DataError(
      file: path, expected: "more source videos than validation takes (\(wanted))",
      found: "\(names.count)",
      advice: "use a smaller validation fraction, 0 for none, or add clips of other videos")
  }
  let order = names.map { (rank: mixed(fnv1a($0)), name: $0) }
    .sorted { ($0.rank, $0.name) < ($1.rank, $1.name) }
  let held = Set(order.prefix(wanted).map(\.name))
  return (
    sources.indices.filter { !held.contains(sources[$0]) },
    sources.indices.filter { held.contains(sources[$0]) }
  )
}

/// The finaliser of MurmurHash3: FNV-1a alone keeps names with a common prefix close together.
private func mixed(_ hash: UInt32) -> UInt32 {
  var h = hash
  h = (h ^ (h >> 16)) &* 0x85EB_CA6B
  h = (h ^ (h >> 13)) &* 0xC2B2_AE35
  return h ^ (h >> 16)
}
