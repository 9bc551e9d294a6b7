import Foundation

extension Module {
  /// A table to print: path, shape, number of elements, and whether it is trained, of every array;
  /// below it the totals and their size in MiB of `Float`.
  public func summary() -> String {
    let rows = walk(self, []).map { path, leaf in
      let array = (leaf as? Parameter)?.wrappedValue.array ?? (leaf as! Buffer).wrappedValue
      return (
        path: path.joined(separator: "."), shape: "\(array.shape)", count: array.count,
        kind: leaf is Parameter ? "trained" : "buffer"
      )
    }
    let trained = rows.filter { $0.kind == "trained" }.reduce(0) { $0 + $1.count }
    let total = rows.reduce(0) { $0 + $1.count }
    let mebibytes = Double(total * MemoryLayout<Float>.stride) / 1_048_576
    let cells =
      [["path", "shape", "elements", "kind"]]
      + rows.map { [$0.path, $0.shape, "\($0.count)", $0.kind] }
    let widths = (0..<4).map { column in cells.map { $0[column].count }.max()! }
    let lines = cells.map { row in
      [
        row[0].padded(to: widths[0]), row[1].padded(to: widths[1]),
        String(repeating: " ", count: widths[2] - row[2].count) + row[2], row[3],
      ].joined(separator: "  ")
    }
    let totals =
      "\(trained) trained, \(total - trained) in buffers, \(total) in total, "
      + String(format: "%.2f MiB", mebibytes)
    return (lines + [totals]).joined(separator: "\n")
  }
}

extension String {
  fileprivate func padded(to width: Int) -> String {
    self + String(repeating: " ", count: width - count)
  }
}
