import Foundation

/// The numbers of several predictors side by side: the model, and below it the baselines that it
/// must beat.
///
/// Columns come in groups; the text prints one block per group, so that it fits a terminal of 80
/// columns. A block leaves out the rows that have no entry in any of its columns.
public struct MetricsTable: Codable, Sendable, Equatable {
  public var columns: [Column]
  public var rows: [Row]

  public struct Column: Codable, Sendable, Equatable {
    /// The name of the value in a row, and in JSON.
    public let key: String
    public let title: String
    public let group: String
    public let unit: Unit

    public init(key: String, title: String, group: String, unit: Unit) {
      self.key = key
      self.title = title
      self.group = group
      self.unit = unit
    }
  }

  /// What a value means, and so how it is printed.
  public enum Unit: String, Codable, Sendable {
    case pixels
    /// Pixels (per frame) where hundredths matter.
    case subpixels
    /// A share in [0, 1], printed in percent.
    case share
    /// A plain number.
    case score
    /// A plain number, in the hundreds or thousands.
    case distance
    /// A plain number whose size is not known beforehand, printed to three digits.
    case energy
  }

  public struct Row: Codable, Sendable, Equatable {
    public let name: String
    /// By column key; null where nothing could be counted, and no entry where the column says
    /// nothing about the row. Of a row over several seeds, the means.
    public let values: [String: Double?]
    /// [T], pixels, over all visible points; empty where it was not measured.
    public let errorByFrame: [Double?]
    /// Sample standard deviations over seeds, by column key; nil in a row that is not over seeds.
    public let deviations: [String: Double]?
    /// The seeds of the trainings that the row is over.
    public let seeds: [UInt64]?

    public init(
      name: String, values: [String: Double?], errorByFrame: [Double?] = [],
      deviations: [String: Double]? = nil, seeds: [UInt64]? = nil
    ) {
      self.name = name
      self.values = values
      self.errorByFrame = errorByFrame
      self.deviations = deviations
      self.seeds = seeds
    }
  }

  public init(columns: [Column], rows: [Row]) {
    self.columns = columns
    self.rows = rows
  }

  /// What `JSONEncoder.metrics` makes of it.
  public func json() throws -> Data {
    try JSONEncoder.metrics.encode(self)
  }

  /// Reads what `json()` wrote.
  public init(json: Data) throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    self = try decoder.decode(Self.self, from: json)
  }

  /// Aligned plain text, one block per group of columns, each line ended by a newline.
  public var text: String {
    var groups: [String] = []
    for column in columns where !groups.contains(column.group) { groups.append(column.group) }
    return groups.map(block).joined(separator: "\n")
  }

  private func block(_ group: String) -> String {
    let columns = columns.filter { $0.group == group }
    let rows = rows.filter { row in columns.contains { row.values[$0.key] != nil } }
    let names = [group] + rows.map { "  " + $0.name }
    let cells = columns.map { column in
      [column.title]
        + rows.map { row in
          column.unit.cell(for: row.values[column.key] ?? nil)
            + (row.deviations?[column.key].map { " ± " + column.unit.cell(for: $0) } ?? "")
        }
    }
    let width = names.map(\.count).max() ?? 0
    let widths = cells.map { $0.map(\.count).max() ?? 0 }
    var lines = ""
    for line in names.indices {
      lines += names[line].padding(toLength: width, withPad: " ", startingAt: 0)
      for (cells, width) in zip(cells, widths) {
        lines += "  " + String(repeating: " ", count: width - cells[line].count) + cells[line]
      }
      lines += "\n"
    }
    return lines
  }
}

extension JSONEncoder {
  /// Indented JSON with sorted keys in snake case. Numbers that JSON lacks are written as "nan" and
  /// "inf".
  public static var metrics: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return encoder
  }
}

extension MetricsTable.Unit {
  fileprivate func cell(for value: Double?) -> String {
    guard let value else { return "-" }
    guard value.isFinite else { return "\(value)" }
    return switch self {
    case .pixels: String(format: "%.2f", value)
    case .share: String(format: "%.1f%%", 100 * value)
    case .subpixels, .score: String(format: "%.3f", value)
    case .distance: String(format: "%.1f", value)
    case .energy: String(format: "%.3g", value)
    }
  }
}
