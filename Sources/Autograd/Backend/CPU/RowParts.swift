/// Some rows of one group.
struct RowBlock {
  let group: Int
  let rows: Range<Int>
}

/// How the rows of a layer are divided, by their number and the number of groups alone: into blocks
/// that no group's border crosses, and the blocks into parts.
struct RowParts {
  /// Fewer rows are not divided.
  static let smallest = 256
  /// A block's rows: enough that BLAS, which rearranges the other operand in every call, does not
  /// mind.
  private static let mostRows = 1024
  private static let mostParts = 16

  let allBlocks: [RowBlock]
  let count: Int
  let longestBlock: Int

  init(rows: Int, groups: Int) {
    let perGroup = rows / groups
    // An even number of equal blocks, at least eight when there is enough to do.
    let wanted = max((perGroup + Self.mostRows - 1) / Self.mostRows, (8 + groups - 1) / groups)
    let length = max(64, (perGroup + (wanted + 1) / 2 * 2 - 1) / ((wanted + 1) / 2 * 2))
    let blocks = (0..<groups).flatMap { group in
      stride(from: 0, to: perGroup, by: length).map { start in
        RowBlock(
          group: group,
          rows: group * perGroup + start..<group * perGroup + min(perGroup, start + length))
      }
    }
    allBlocks = blocks.isEmpty ? [RowBlock(group: 0, rows: 0..<0)] : blocks  // an empty batch
    count = min(Self.mostParts, allBlocks.count)
    longestBlock = min(length, perGroup)
  }

  func blocks(_ part: Int) -> ArraySlice<RowBlock> {
    allBlocks[part * allBlocks.count / count..<(part + 1) * allBlocks.count / count]
  }
}
