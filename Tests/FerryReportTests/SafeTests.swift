import FerryTestSupport
import Testing

@testable import FerryReport

struct SafeTests {
  @Test(arguments: HostileText.all.map(\.text))
  func `nothing that steers a terminal or reorders text comes through`(_ text: String) {
    for out in [safe(text), printable(text), jsonSafe(text), shellWord(text)] {
      #expect(HostileText.intruder(in: out) == nil, "\(out)")
    }
    #expect(!safe(text).contains("\n") && !shellWord(text).contains("\n"))
    if HostileText.intruder(in: text) != nil { #expect(safe(text).contains("\\u{")) }
    #expect(safe(text).count <= 513 * 10)
  }
  @Test func `the corpus is large and most of it would steer a terminal`() {
    #expect(
      HostileText.all.count >= 60 && Set(HostileText.all.map(\.name)).count == HostileText.all.count
    )
    #expect(HostileText.all.count { HostileText.intruder(in: $0.text) != nil } >= 60)
  }
  @Test(arguments: HostileText.all.map(\.text))
  func `a shell reads a quoted word as that one word`(_ text: String) {
    let word = shellWord(text)
    guard word.hasPrefix("'") else {
      #expect(
        word == text && word.allSatisfy { $0.isASCII && !" $`\\\"'#;&|<>()*?[]{}!~".contains($0) })
      return
    }
    // Between the quotes nothing is special but the quote itself, which stands outside as \'.
    let inner = word.dropFirst().dropLast().replacing("'\\''", with: "")
    #expect(!inner.contains("'") && word.hasSuffix("'"))
  }
  @Test func `plain text of any script stays as it is`() {
    #expect(safe("Überführung 渡し船 🚢 a-b_c") == "Überführung 渡し船 🚢 a-b_c")
  }
  @Test func `JSON keeps its meaning and shows nothing that steers a terminal`() {
    #expect(
      jsonSafe("{\n\"a\":\"x\u{202E}\u{9B}\u{E0041}y\u{e9}\"}")
        == "{\n\"a\":\"x\\u202e\\u009b\\udb40\\udc41y\u{e9}\"}")
  }
  @Test func `a long text is cut`() {
    #expect(safe(String(repeating: "x", count: 1000)).count == 513)
  }
  @Test func `Markdown's own characters are escaped`() {
    #expect(markdown("<img src=x> [a](b) `c` |") == "\\<img src=x\\> \\[a\\](b) \\`c\\` \\|")
  }
  @Test(arguments: [
    (0, "0 s"), (119, "119 s"), (300, "5 min"), (330, "5 min 30 s"), (7200, "2 h"),
    (5400, "90 min"), (9000, "2 h 30 min"),
  ])
  func `spans read as a person says them`(_ seconds: Int, _ text: String) {
    #expect(span(seconds) == text)
  }
  @Test func `columns line up`() {
    #expect(table([["a", "bb"], ["ccc", "d"]]) == "a    bb\nccc  d\n")
  }
}
