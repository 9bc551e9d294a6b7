import Autograd
import Foundation

/// A page that shows how a run went: facts, charts and pictures, in one HTML file that needs
/// nothing beside it.
public struct RunReport: Sendable {
  /// What is known under one heading, such as "Data" or "Model".
  public struct Facts: Sendable {
    public let name: String
    public let entries: [(key: String, value: String)]

    public init(name: String, entries: [(key: String, value: String)]) {
      self.name = name
      self.entries = entries
    }
  }

  public struct Chart: Sendable {
    public let title: String
    public let caption: String
    public let chart: LineChart

    public init(title: String, caption: String = "", chart: LineChart) {
      self.title = title
      self.caption = caption
      self.chart = chart
    }
  }

  public struct Preview: Sendable {
    public let title: String
    public let caption: String
    /// nil if there is no picture yet.
    public let png: Data?

    public init(title: String, caption: String = "", png: Data?) {
      self.title = title
      self.caption = caption
      self.png = png
    }
  }

  let title: String
  let status: String
  let notices: [String]
  let facts: [Facts]
  let charts: [Chart]
  let previews: [Preview]
  let configuration: String?

  /// All text is plain: it appears as it is, whatever it contains. What is empty is left out.
  /// - Parameters:
  ///   - status: how far the run is, in one line.
  ///   - notices: what the reader must not miss; above everything else.
  ///   - configuration: the whole configuration file, folded away.
  public init(
    title: String, status: String, notices: [String] = [], facts: [Facts] = [],
    charts: [Chart] = [], previews: [Preview] = [], configuration: String? = nil
  ) {
    self.title = title
    self.status = status
    self.notices = notices
    self.facts = facts
    self.charts = charts
    self.previews = previews
    self.configuration = configuration
  }

  /// The whole page: HTML that is well-formed XML too.
  public var html: String { page.source }

  /// Writes the page to `path`, where it appears complete or not at all.
  /// - Throws: `FileError`.
  public func write(to path: String) throws {
    try AtomicFile.write(Data(html.utf8), to: path)
  }
}
