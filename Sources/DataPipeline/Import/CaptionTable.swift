import Foundation

/// A captions CSV: `videoid,video_path,text` and, if it has one, `source`.
struct CaptionTable: Sendable {
  struct Row: Sendable, Equatable {
    let id: String
    let videoPath: String
    let text: String
    let source: String?
  }

  /// By `videoid`; a row counts under the stem of its `video_path` as well. A row that cannot be used
  /// is a fault of its clip.
  private let rows: [String: Result<Row, DataError>]
  /// The usable rows, in the order of the file.
  let ids: [String]

  /// The longest text, in bytes of UTF-8.
  private static let longestText = RowPacker.longestText

  /// - Throws: `DataError` for a file without the columns, or one that is no CSV.
  init(path: String) throws {
    let table = try parseCSV(try readWholeFile(path), path: path)
    let header = (table.first?.cells ?? []).map { String(decoding: $0, as: UTF8.self) }
    func column(_ name: String) -> Int? { header.firstIndex(of: name) }
    guard let id = column("videoid"), let text = column("text") else {
      throw DataError(
        file: path, expected: "a first line 'videoid,video_path,text'",
        found: "'\(header.joined(separator: ",").prefix(80))'", advice: "name the columns")
    }
    let (video, source) = (column("video_path"), column("source"))
    var rows: [String: Result<Row, DataError>] = [:]
    var ids: [String] = []
    for (line, cells) in table.dropFirst() {
      let name = id < cells.count ? String(decoding: cells[id], as: UTF8.self) : ""
      let row = Result<Row, DataError> { () throws(DataError) in
        func fault(_ expected: String, _ found: String, _ advice: String) -> DataError {
          DataError(
            file: path, clip: name, expected: expected, found: "\(found) on line \(line)",
            advice: advice)
        }
        guard cells.count == header.count else {
          throw fault(
            "\(header.count) cells", "\(cells.count)",
            "put texts with commas or quotes into double quotes")
        }
        guard cells[text].count <= CaptionTable.longestText else {
          throw fault(
            "a text of at most \(CaptionTable.longestText) bytes", "\(cells[text].count)",
            "shorten it")
        }
        let texts = cells.map { String(validating: $0, as: UTF8.self) }
        guard let badCell = texts.firstIndex(of: nil) else {
          return Row(
            id: name, videoPath: video.flatMap { texts[$0] } ?? "", text: texts[text] ?? "",
            source: source.flatMap { texts[$0] }.flatMap { $0.isEmpty ? nil : $0 })
        }
        throw fault(
          "UTF-8", "other bytes in the column '\(header[badCell])'", "convert the file to UTF-8")
      }
      guard rows[name] == nil else {
        rows[name] = .failure(
          DataError(
            file: path, clip: name, expected: "one row", found: "another on line \(line)",
            advice: "remove one of them"))
        continue
      }
      rows[name] = row
      if case .success = row { ids.append(name) }
    }
    for case .success(let row) in ids.compactMap({ rows[$0] }) {
      let stem = URL(fileURLWithPath: row.videoPath).deletingPathExtension().lastPathComponent
      guard !row.videoPath.isEmpty, stem != row.id else { continue }
      guard let other = rows[stem] else {
        rows[stem] = .success(row)
        continue
      }
      // A row of the clip's own name goes before one of its video's.
      if case .success(let first) = other, first.id != stem, first.id != row.id {
        rows[stem] = .failure(
          DataError(
            file: path, clip: stem, expected: "one row", found: "'\(first.id)' and '\(row.id)'",
            advice: "name the right one like the clip"))
      }
    }
    self.rows = rows
    self.ids = ids
  }

  /// The caption of one track file.
  /// - Throws: `DataError` for one that is too long.
  init(text: String, ofFile file: String) throws {
    let stem = URL(fileURLWithPath: file).deletingPathExtension().lastPathComponent
    guard text.utf8.count <= CaptionTable.longestText else {
      throw DataError(
        file: file, clip: stem,
        expected: "a caption of at most \(CaptionTable.longestText) bytes",
        found: "\(text.utf8.count)", advice: "shorten it")
    }
    rows = [stem: .success(Row(id: stem, videoPath: "", text: text, source: nil))]
    ids = [stem]
  }

  /// The ids of the usable rows that belong to none of these clips.
  func ids(without stems: [String]) -> [String] {
    let used = Set(stems.compactMap { try? rows[$0]?.get().id })
    return ids.filter { !used.contains($0) }
  }

  func has(_ stem: String) -> Bool { rows[stem] != nil }

  /// The row of a clip, by the stem of its file; nil when there is none.
  /// - Throws: `DataError` for a row that cannot be used.
  func row(stem: String) throws -> Row? { try rows[stem]?.get() }
}
