import Foundation

/// A captions CSV: `videoid,video_path,text` and, if it has one, `source`.
struct CaptionTable: Sendable {
  struct Row: Sendable, Equatable {
    let id: String
    let videoPath: String
    let text: String
    let source: String?
  }

  /// By `videoid`; a row counts under the stem of its `video_path` as well.
  private let rows: [String: Row]
  let ids: [String]

  init(path: String) throws {
    let text = String(decoding: try readWholeFile(path), as: UTF8.self)
    let table = try parseCSV(text, path: path)
    let header = table.first ?? []
    func column(_ name: String) -> Int? { header.firstIndex(of: name) }
    guard let id = column("videoid"), let text = column("text") else {
      throw DataError(
        file: path, expected: "a first line 'videoid,video_path,text'",
        found: header.joined(separator: ","), advice: "name the columns")
    }
    let (video, source) = (column("video_path"), column("source"))
    var rows: [String: Row] = [:]
    var ids: [String] = []
    for (number, cells) in table.enumerated().dropFirst() {
      guard cells.count == header.count else {
        throw DataError(
          file: path, expected: "\(header.count) cells in row \(number + 1)",
          found: "\(cells.count)", advice: "put texts with commas or quotes into double quotes")
      }
      let row = Row(
        id: cells[id], videoPath: video.map { cells[$0] } ?? "", text: cells[text],
        source: source.map { cells[$0] }.flatMap { $0.isEmpty ? nil : $0 })
      guard rows.updateValue(row, forKey: row.id) == nil else {
        throw DataError(
          file: path, clip: row.id, expected: "one row", found: "two",
          advice: "remove one of them")
      }
      ids.append(row.id)
    }
    for row in ids.compactMap({ rows[$0] }) {
      let stem = URL(fileURLWithPath: row.videoPath).deletingPathExtension().lastPathComponent
      if !row.videoPath.isEmpty, rows[stem] == nil { rows[stem] = row }
    }
    self.rows = rows
    self.ids = ids
  }

  /// The row of a clip, by the stem of its file.
  func row(stem: String) -> Row? { rows[stem] }
}

/// The cells of a CSV text (RFC 4180): quotes around cells with commas, quotes or line breaks,
/// quotes doubled inside; either line ending; empty lines are skipped.
func parseCSV(_ text: String, path: String) throws -> [[String]] {
  var rows: [[String]] = []
  var row: [String] = []
  var cell = ""
  var (isQuoted, wasQuoted) = (false, false)
  var scalars = Substring(text.hasPrefix("\u{FEFF}") ? String(text.dropFirst()) : text)
    .makeIterator()
  var pending = scalars.next()
  func endCell() {
    row.append(cell)
    (cell, wasQuoted) = ("", false)
  }
  func endRow() {
    if !(row.isEmpty && cell.isEmpty && !wasQuoted) {
      endCell()
      rows.append(row)
    }
    row = []
  }
  while let character = pending {
    pending = scalars.next()
    if isQuoted {
      if character != "\"" {
        cell.append(character)
      } else if pending == "\"" {
        cell.append("\"")
        pending = scalars.next()
      } else {
        isQuoted = false
      }
      continue
    }
    switch character {
    case "\"" where cell.isEmpty && !wasQuoted: (isQuoted, wasQuoted) = (true, true)
    case "\"":
      throw DataError(
        file: path, expected: "quotes around the whole cell, doubled inside",
        found: "a quote in the middle of row \(rows.count + 1)", advice: "quote the cell")
    case ",": endCell()
    // Swift reads a carriage return and line feed as one character.
    case "\n", "\r\n", "\r": endRow()
    default: cell.append(character)
    }
  }
  guard !isQuoted else {
    throw DataError(
      file: path, expected: "a closing quote", found: "the end of the file",
      advice: "close the quote in row \(rows.count + 1)")
  }
  endRow()
  return rows
}
