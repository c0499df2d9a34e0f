import FerryCore
import FerryTestSupport
import Foundation
import Testing

@testable import FerryReport

/// The reports of a DNS cutover, as a person holds them.
struct CutoverReportTests {
  static func site() throws -> Site {
    Site(
      windows: try CutoverExample.windows(), zones: CutoverExample.zones,
      resolvers: CutoverExample.resolvers)
  }
  static let path = "plans/www-example-com.plan.json"

  @Test func `the golden runbook of a cutover says when, what to type and how to undo`() throws {
    let book = Runbook.render(
      CutoverExample.plan, path: Self.path, rollback: CutoverExample.rollback,
      site: try Self.site())
    expectGolden(book, "golden/cutover.md")
  }
  @Test func `the golden runbook without settings gives the change for every provider, in UTC`() {
    expectGolden(
      Runbook.render(CutoverExample.plan, path: Self.path, rollback: nil),
      "golden/cutover-without-settings.md")
  }
  @Test func `the golden page of a cutover shows the timeline, the curves and every step`() throws {
    expectGolden(
      PlanPage.render(
        CutoverExample.plan, path: Self.path, rollback: CutoverExample.rollback,
        site: try Self.site()), "golden/cutover.html")
  }
  @Test func `the golden timeline of a cutover stands alone`() throws {
    expectGolden(
      PlanPage.timeline(CutoverExample.plan, site: try Self.site()), "golden/cutover.svg")
  }
}
