import FerryReport
import FerryTestSupport
import Foundation
import Testing

@testable import FerryCore
@testable import Orphans

/// The examples that ship in plans/ and runbooks/, made anew and compared.
struct ExampleTests {
  @Test func `the golden example of a removal is what the planner makes today`() throws {
    let fixture = Shared.package.appendingPathComponent("Tests/Fixtures/wiki-canary.inventory.json")
    let inventory = try Inventory.read(Array(Data(contentsOf: fixture)), named: "fixture")
    let report = Discovery.discover(inventory)
    #expect(
      report.findings.map { "\($0.code):\($0.resource.id)" } == [
        "policy-stack-deleted:P07SAMPLEWIKI"
      ])
    let pair = try #require(
      try RemovalPlanner.plan(
        inventory, report, selection: [], keepStaging: false,
        input: PlanningInput(
          capability: "orphans",
          name: "remove-orphaned-policy", accounts: ["default": "111111111111"],
          createdAt: inventory.takenAt, start: inventory.takenAt, tool: "edgeferry 0.1.0",
          endpoint: nil,
          inventoryDigest: Digest.tagged("example"), acceptedRisks: [])))
    expectGolden(FerryJSON.document(pair.plan), "../../plans/remove-orphaned-policy.plan.json")
    expectGolden(
      FerryJSON.document(pair.rollback), "../../plans/remove-orphaned-policy.rollback.plan.json")
    expectGolden(
      Runbook.render(
        pair.plan, path: "plans/remove-orphaned-policy.plan.json", rollback: pair.rollback),
      "../../runbooks/remove-orphaned-policy.md")
    expectGolden(PlanText.render(pair.plan), "golden/plan.txt")
    expectGolden(FindingsText.render(report), "golden/findings.txt")
    // The files that ship are plans that edgeferry takes.
    let shipped = Shared.package.appendingPathComponent("plans/remove-orphaned-policy.plan.json")
    #expect(try Plan.read(Array(Data(contentsOf: shipped)), named: "example") == pair.plan)
  }
}
