import Testing

@testable import FerryReport

struct SafeTests {
  @Test(
    arguments: [
      "\u{1B}[2J", "\u{1B}]8;;http://x\u{7}", "\u{1B}]52;c;aGk=\u{7}", "\u{9B}31m", "a\rb", "a\nb",
      "\u{7F}", "\u{202E}txt.exe",
      "\u{200B}", "\u{FEFF}", "\u{2066}x\u{2069}", "\u{85}", "\0", "\u{E0041}", "\u{1B}P+q\u{1B}\\",
    ])
  func `nothing that steers a terminal or reorders text comes through`(_ text: String) {
    for scalar in safe(text).unicodeScalars {
      #expect(scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value))
      #expect(
        !(0x200B...0x200F).contains(scalar.value) && !(0x202A...0x202E).contains(scalar.value))
      #expect(!(0x2066...0x2069).contains(scalar.value) && scalar.value < 0xE0000)
    }
    #expect(safe(text).contains("\\u{"))
  }
  @Test func `plain text of any script stays as it is`() {
    #expect(safe("Überführung 渡し船 🚢 a-b_c") == "Überführung 渡し船 🚢 a-b_c")
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
