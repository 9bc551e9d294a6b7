/// The cells of a CSV text (RFC 4180) as bytes: quotes around cells with commas, quotes or line
/// breaks, quotes doubled inside; either line ending; empty lines are skipped. Bytes and not text:
/// one cell that is not UTF-8 is to spoil its own row alone.
/// - Returns: the rows with the number of the line that each starts on, from 1.
/// - Throws: `DataError` for a quote that is out of place or never closed.
func parseCSV(_ bytes: [UInt8], path: String) throws -> [(line: Int, cells: [[UInt8]])] {
  let (quote, comma) = (UInt8(ascii: "\""), UInt8(ascii: ","))
  let (newline, carriageReturn) = (UInt8(ascii: "\n"), UInt8(ascii: "\r"))
  var rows: [(line: Int, cells: [[UInt8]])] = []
  var (row, cell): ([[UInt8]], [UInt8]) = ([], [])
  var (isQuoted, wasQuoted) = (false, false)
  var (line, firstLine) = (1, 1)
  func endCell() {
    row.append(cell)
    (cell, wasQuoted) = ([], false)
  }
  func endRow() {
    if !(row.isEmpty && cell.isEmpty && !wasQuoted) {
      endCell()
      rows.append((firstLine, row))
    }
    row = []
    firstLine = line
  }
  var index = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
  while index < bytes.count {
    let byte = bytes[index]
    index += 1
    let next = index < bytes.count ? bytes[index] : nil
    if byte == newline || (byte == carriageReturn && next != newline) { line += 1 }
    if isQuoted {
      if byte != quote {
        cell.append(byte)
      } else if next == quote {
        cell.append(quote)
        index += 1
      } else {
        isQuoted = false
      }
      continue
    }
    switch byte {
    case quote where cell.isEmpty && !wasQuoted: (isQuoted, wasQuoted) = (true, true)
    case comma: endCell()
    case carriageReturn where next == newline: break
    case newline, carriageReturn: endRow()
    default:
      guard byte != quote, !wasQuoted else {
        throw DataError(
          file: path, expected: "quotes around the whole cell, doubled inside",
          found: "quotes around a part of a cell on line \(line)", advice: "quote the cell")
      }
      cell.append(byte)
    }
  }
  guard !isQuoted else {
    throw DataError(
      file: path, expected: "a closing quote", found: "the end of the file",
      advice: "close the quote that opens on line \(firstLine) or after it")
  }
  endRow()
  return rows
}
