import FerryCore
import FerryTestSupport
import Testing

@testable import FerryCode

struct HCLTests {
  @Test(
    arguments: [
      "", "plain", "a \"quoted\" \\ back\\slash", "${x} $${y} %{z} %%{w} $ % $$ %% ${", "$$${a}",
      "tab\tline\nreturn\r", "\u{202E}reversed", "\u{0}\u{1B}[31m", "ünïcode 😀 \u{E000}", "{$",
      "$%{",
    ])
  func `any text is one string that reads back as itself`(_ text: String) throws {
    let block = HCLBlock(
      "a", [text], [("k", .string(text)), ("m", .map([.init(key: text, value: .string(text))]))])
    let written = HCLBlock.text([block])
    #expect(try HCLReader.read(written, named: "t") == [block])
    #expect(!written.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
    #expect(!written.contains("\u{202E}"))
  }

  @Test func `signs of neighbouring lines stand under one another, and a long list is broken`() {
    let long = (0..<12).map { HCLValue.string("item number \($0)") }
    let block = HCLBlock(
      "resource", ["t", "n"],
      [
        ("a", .number("1")), ("longer", .bool(true)), ("list", .list(long)),
        ("after", .reference("x.y.z")), ("b", .list([])),
      ], blocks: [HCLBlock("inner", [], [("c", .file("f/a.js"))]), HCLBlock("empty")],
      comment: ["why"])
    let lines = HCLBlock.text([block]).split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[0] == "# why" && lines[1] == "resource \"t\" \"n\" {")
    #expect(lines[2] == "  a      = 1" && lines[3] == "  longer = true")
    #expect(lines[4] == "  list = [" && lines[5] == "    \"item number 0\",")
    #expect(lines.contains("  after = x.y.z") && lines.contains("  b     = []"))
    #expect(lines.contains("    c = file(\"${path.module}/f/a.js\")"))
    #expect(lines.contains("  empty {}"))
  }

  @Test(
    arguments: [
      "a {", "a { b = }", "a { b = \"${x}\" }", "a { b = 1 b = 2 }", "a { b = <<EOT\nx\nEOT\n }",
      "a = 1", "}", "a { b = \"x\n\" }", "a { b = file(\"x\") }",
    ])
  func `what was never written is refused with its line`(_ text: String) {
    let error = #expect(throws: FerryError.self) { try HCLReader.read(text, named: "t.tf") }
    #expect(error?.code == "unreadable-code")
  }

  @Test func `names are words of the text, each once`() {
    var names = UniqueNames()
    func name(_ text: String) -> String { names.name(from: text, in: "s", or: "site") }
    #expect(name("www.Example.com") == "www_example_com")
    #expect(name("www example com") == "www_example_com_2")
    #expect(name("***") == "site")
    #expect(name("Managed-CORS-AllViewer") == "managed_cors_all_viewer")
    #expect(name("1st") == "site_1st")
    #expect(name("Ümlaut; rm -rf") == "mlaut_rm_rf")
    #expect(name(String(repeating: "x", count: 300)).count == 60)
    #expect(names.name(from: "count", in: "var", or: "header") == "header_count")
  }
}
