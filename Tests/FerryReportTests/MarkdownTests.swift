import FerryTestSupport
import Testing

@testable import FerryReport

struct MarkdownTests {
  @Test(arguments: HostileText.all.map(\.text))
  func `no markup begins in foreign text`(_ text: String) {
    let out = markdown(text)
    #expect(HostileText.intruder(in: out) == nil && !out.contains("\n"))
    // What a backslash escapes is text; no active character may be left.
    var rest = ""
    var escaped = false
    for character in out.replacing("&#32;", with: " ") {
      if escaped {
        escaped = false
      } else if character == "\\" {
        escaped = true
      } else {
        rest.append(character)
      }
    }
    #expect(!escaped)
    for character in "`*_[]<>|#!~&$" { #expect(!rest.contains(character), "\(out)") }
    #expect(out.firstMatch(of: /[A-Za-z]:\/\//) == nil && !out.contains("www."))
    #expect(out.first.map { !"-+= ".contains($0) } ?? true)
    #expect(out.prefixMatch(of: /[0-9]+[.)]/) == nil)
  }

  @Test(arguments: HostileText.all.map(\.text))
  func `nothing in a code span ends it`(_ text: String) {
    let out = code(text)
    let fence = out.prefix { $0 == "`" }.count
    var runs: [Int] = []
    var run = 0
    for character in out {
      if character == "`" {
        run += 1
      } else if run > 0 {
        runs.append(run)
        run = 0
      }
    }
    if run > 0 { runs.append(run) }
    #expect(runs.first == fence && runs.last == fence && runs.count >= 2)
    #expect(runs.dropFirst().dropLast().allSatisfy { $0 != fence })
    #expect(HostileText.intruder(in: out) == nil && !out.contains("\n"))
  }

  @Test func `plain sentences stay as they are`() {
    let text = "Detach policy P1 from E1 (usually 5 min); d1.cloudfront.net = \"a\" - 1. no list"
    #expect(markdown(text) == text)
    #expect(code("edgeferry status x") == "`edgeferry status x`")
  }
}
