import Foundation
import TestSupport
import Testing

/// A public op without a row in a table of tests fails here, by name.
@Test func everyOperatorIsTested() throws {
  let operators = try publicOperators()
  // The scan finds what it is meant to find.
  #expect(operators.isSuperset(of: ["+", "prefix -", ".<", "softmax", "split", "zeros", "linear"]))

  let constant: Set = [".<", ".<=", ".>", ".>=", ".==", ".!="]  // results carry no gradient
  let created: Set = [  // no input to differentiate by, nor a backend to agree with on it
    "zeros", "ones", "full", "arange", "linspace", "identity", "oneHot",
  ]
  func missing(_ names: [String], but exempt: Set<String>) -> [String] {
    let tested = Set(names.map { String($0.prefix { $0 != "," }) })
    return operators.subtracting(exempt).subtracting(tested).sorted()
  }
  let withoutGradient = missing(
    gradientCases.map(\.description), but: constant.union(created))
  #expect(withoutGradient == [], "no row in GradientTests")
  let withoutAgreement = missing(agreementCases.map(\.description), but: created)
  #expect(withoutAgreement == [], "no row in BackendAgreementTests")
  let withoutValue = missing(valueCases.map(\.description), but: [])
  #expect(withoutValue == [], "no row in OperatorValueTests")
}

/// The guide's list of ops is complete.
@Test func guideNamesEveryOperator() throws {
  let guide = try String(
    contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../docs/autograd.md").standardized, encoding: .utf8)
  let missing = try publicOperators().subtracting(["prefix -"]).filter { name in
    !guide.contains("`\(name)`")
  }
  #expect(missing.sorted() == [])
}

/// The names of all public functions and operators in Sources/Autograd/Operators that return
/// tensors; `prefix -` for a prefix operator.
private func publicOperators() throws -> Set<String> {
  let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../Sources/Autograd/Operators").standardized
  let files = try FileManager.default.contentsOfDirectory(
    at: folder, includingPropertiesForKeys: nil)
  var names: Set<String> = []
  for file in files where file.pathExtension == "swift" {
    let source = try String(contentsOf: file, encoding: .utf8)
    for declaration in source.components(separatedBy: "public ").dropFirst() {
      let words = declaration.prefix { $0 != "{" }
      guard let function = words.range(of: "func "),
        words.components(separatedBy: "->").last!.contains("Tensor")
      else { continue }
      let isPrefix = words[..<function.lowerBound].contains("prefix")
      names.insert((isPrefix ? "prefix " : "") + operatorName(words[function.upperBound...]))
    }
  }
  return names
}

/// `sum(_ axes...` → `sum`, `.<= (a: ...` → `.<=`.
private func operatorName(_ text: Substring) -> String {
  let name = text.prefix { $0 != "(" }.trimmingCharacters(in: .whitespaces)
  guard name.first?.isLetter == true else { return name }
  return String(name.prefix { $0 != "<" })  // without generic parameters
}
