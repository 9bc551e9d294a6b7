import Testing

@testable import TrajLoomBench

@Suite struct BitmapFontTests {
  @Test func everyPrintableCharacterHasItsOwnShape() {
    let shapes = (32...126).map { BitmapFont.glyph(Character(UnicodeScalar(UInt8($0)))).columns }
    #expect(Set(shapes).count == 95)
    #expect(shapes.allSatisfy { $0.allSatisfy { $0.count == BitmapFont.height } })
    #expect(!shapes.contains(BitmapFont.glyph("ß").columns))
  }

  @Test func textIsCutWithDots() {
    let text = "a long caption"
    #expect(BitmapFont.fitted(text, into: 200) == text)
    let cut = BitmapFont.fitted(text, into: 50)
    #expect(cut.hasSuffix("...") && text.hasPrefix(cut.dropLast(3)))
    #expect(BitmapFont.width(of: cut) <= 50)
    #expect(BitmapFont.fitted(text, into: 2) == "")
  }
}
