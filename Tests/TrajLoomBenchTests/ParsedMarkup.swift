import Foundation
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// A parsed document or a part of it.
final class Element {
  let name: String
  let attributes: [String: String]
  private(set) var children: [Element] = []
  /// Of this element and all in it, as the reader sees it.
  private(set) var text = ""

  init(name: String, attributes: [String: String]) {
    self.name = name
    self.attributes = attributes
  }

  fileprivate func add(_ child: Element) {
    children.append(child)
    text += child.text
  }

  fileprivate func add(_ text: String) { self.text += text }

  /// This one and all in it, in the document's order.
  var all: [Element] { [self] + children.flatMap(\.all) }

  func named(_ name: String) -> [Element] { all.filter { $0.name == name } }

  func ofClass(_ name: String) -> [Element] {
    all.filter { ($0.attributes["class"] ?? "").split(separator: " ").contains { $0 == name } }
  }

  func number(_ attribute: String) throws -> Double {
    try #require(attributes[attribute].flatMap(Double.init), "\(name) \(attribute)")
  }
}

/// - Throws: what the parser finds wrong.
func parsed(_ document: String) throws -> Element {
  let builder = TreeBuilder()
  let parser = XMLParser(data: Data(document.utf8))
  parser.delegate = builder
  guard parser.parse() else { throw try #require(parser.parserError) }
  return try #require(builder.root)
}

private final class TreeBuilder: NSObject, XMLParserDelegate {
  private var open: [Element] = []
  private(set) var root: Element?

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
    qualifiedName: String?, attributes: [String: String]
  ) {
    open.append(Element(name: name, attributes: attributes))
  }

  func parser(_ parser: XMLParser, foundCharacters text: String) { open.last?.add(text) }

  func parser(
    _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
  ) {
    let element = open.removeLast()
    if let parent = open.last { parent.add(element) } else { root = element }
  }
}
