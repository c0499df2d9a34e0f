import FerryCore
import FerryTestSupport
import Testing

@testable import FerryReport

/// Every text of the corpus in every field of a plan that a reader does not refuse.
struct HostilePlanTests {
  private static func site() throws -> Site {
    Site(windows: try CutoverExample.windows(), resolvers: CutoverExample.resolvers)
  }
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
  @Test(arguments: HostileText.groups)
  func `a cutover's runbook has the same shape whatever its plan says`(_ text: String) throws {
    func book(_ text: String) throws -> String {
      Runbook.render(
        HostileText.cutover("p", text), path: "plans/p.plan.json",
        rollback: HostileText.cutover("r", text), site: try Self.site())
    }
    #expect(Self.shape(try book(text)) == Self.shape(try book("plain")))
    #expect(HostileText.intruder(in: try book(text)) == nil)
  }

  /// Everything of a document that is no text: its tags, with their attributes.
  private static func tags(_ document: String) -> [String] {
    document.utf8.split(separator: UInt8(ascii: "<")).dropFirst().compactMap {
      String($0.prefix { $0 != UInt8(ascii: ">") })
    }
  }
  @Test(arguments: HostileText.groups)
  func `a page and its pictures have the same tags and attributes whatever their plan says`(
    _ text: String
  ) throws {
    for make in [HostileText.cutover, HostileText.plan] {
      func page(_ text: String) throws -> String {
        PlanPage.render(
          make("p", text), path: "plans/p.plan.json", rollback: make("r", text),
          site: try Self.site())
      }
      #expect(Self.tags(try page(text)) == Self.tags(try page("plain")))
      #expect(HostileText.intruder(in: try page(text)) == nil)
      let picture = PlanPage.timeline(make("p", text), site: try Self.site())
      #expect(
        Self.tags(picture)
          == Self.tags(PlanPage.timeline(make("p", "plain"), site: try Self.site())))
      #expect(HostileText.intruder(in: picture) == nil)
    }
  }
  @Test(arguments: HostileText.groups)
  func `a state machine has the same states whatever its plan says`(_ text: String) throws {
    let machine = try JSONValue.read(
      Array(jsonSafe(StepFunctions.definition(HostileText.cutover("p", text), path: text)).utf8),
      what: "machine")
    let plain = try JSONValue.read(
      Array(StepFunctions.definition(HostileText.cutover("p", "plain"), path: "x").utf8),
      what: "machine")
    #expect(machine["States"]?["Decide"] == plain["States"]?["Decide"])
    #expect(machine["States"]?.object?.keys == plain["States"]?.object?.keys)
    #expect(
      machine["States"]?["Advance"]?["Parameters"]?["Payload"]?["arguments"]?.array?[1]
        == .string(text))
  }
}
