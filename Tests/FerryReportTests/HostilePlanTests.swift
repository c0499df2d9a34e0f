import FerryTestSupport
import Testing

@testable import FerryReport

/// Every text of the corpus in every field of a plan that a reader does not refuse.
struct HostilePlanTests {
  /// What Markdown makes of each line, its text left out: the mark that it begins with.
  private static func shape(_ document: String) -> [String] {
    document.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      line.hasPrefix("|")
        ? "\(cells(line)) cells" : String(line.prefix { $0 != " " }.prefix { "#-|`".contains($0) })
    }
  }
  /// The cells of a table's row, escaped bars not counted.
  private static func cells(_ line: Substring) -> Int {
    var count = 0
    var escaped = false
    for character in line {
      if character == "|", !escaped { count += 1 }
      escaped = character == "\\" && !escaped
    }
    return count
  }

  @Test(arguments: HostileText.all.map(\.text))
  func `a runbook has the same headings, lists, tables and fences whatever its plan says`(
    _ text: String
  ) {
    let book = Runbook.render(
      HostileText.plan("p", text), path: "plans/p.plan.json", rollback: HostileText.plan("r", text))
    let plain = Runbook.render(
      HostileText.plan("p", "plain"), path: "plans/p.plan.json",
      rollback: HostileText.plan("r", "plain"))
    #expect(Self.shape(book) == Self.shape(plain))
    #expect(HostileText.intruder(in: book) == nil)
  }
  @Test(arguments: HostileText.all.map(\.text))
  func `a plan shown has the same lines whatever it says`(_ text: String) {
    let shown = PlanText.render(HostileText.plan("p", text))
    let plain = PlanText.render(HostileText.plan("p", "plain"))
    #expect(shown.split(separator: "\n").count == plain.split(separator: "\n").count)
    #expect(HostileText.intruder(in: shown) == nil)
  }
}
