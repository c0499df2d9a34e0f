import FerryReport
import FerryTestSupport
import Foundation
import Testing

@testable import FerryCommand
@testable import FerryCore
@testable import Sweeps

/// The example of a sweep that ships in plans/ and runbooks/, made anew and compared.
struct SweepExampleTests {
  /// The fixture's account, and the same under another number and other ids.
  private func accounts() throws -> [Inventory] {
    let fixture = Shared.package.appendingPathComponent("Tests/Fixtures/wiki-canary.inventory.json")
    let text = try String(contentsOf: fixture, encoding: .utf8)
    let other = text.replacing("111111111111", with: "222222222222").replacing(
      "SAMPLE", with: "SECOND"
    )
    .replacing("sample", with: "second")
    return try [text, other].map { try Inventory.read(Array($0.utf8), named: "fixture") }
  }

  @Test func `the golden example of a sweep is what two sweeps make of two accounts`() throws {
    let inventories = try accounts()
    let first = inventories[0].takenAt
    let later = first + 14 * 86_400
    var selected: [AccountID: [String]] = [:]
    for inventory in inventories {
      var ledger: AccountLedger?
      for now in [first, later] {
        ledger = try Judging(
          inventory: inventory, account: inventory.accounts[0],
          report: Discovery.discover(inventory), rules: SweepRules(), keeps: [], now: now,
          input: input(inventory, at: now)
        ).ledger(after: ledger)
      }
      selected[inventory.accounts[0].id] = ledger.map { Judging.selection($0).map(\.text) }
    }
    #expect(
      selected == [
        "111111111111": ["policy-stack-deleted:P07SAMPLEWIKI"],
        "222222222222": ["policy-stack-deleted:P07SECONDWIKI"],
      ])
    let both = Inventory(takenAt: later, gaps: [], accounts: inventories.flatMap(\.accounts))
    let pair = try #require(
      try SweepPlan.plan(
        both, selected: selected, idleAfterSeconds: 30 * 86_400, input: input(both, at: later)))
    expectGolden(FerryJSON.document(pair.plan), "../../plans/orphan-sweep.plan.json")
    expectGolden(FerryJSON.document(pair.rollback), "../../plans/orphan-sweep.rollback.plan.json")
    expectGolden(
      Runbook.render(pair.plan, path: "plans/orphan-sweep.plan.json", rollback: pair.rollback),
      "../../runbooks/orphan-sweep.md")
    let shipped = Shared.package.appendingPathComponent("plans/orphan-sweep.plan.json")
    #expect(try Plan.read(Array(Data(contentsOf: shipped)), named: "example") == pair.plan)
  }
  private func input(_ inventory: Inventory, at: Date) -> PlanningInput {
    PlanningInput(
      capability: "sweep", name: "orphan-sweep",
      accounts: Dictionary(inventory.accounts.map { ("a\($0.id)", $0.id) }) { first, _ in first },
      createdAt: at, start: at, tool: "edgeferry 0.1.0", endpoint: nil,
      inventoryDigest: Digest.tagged("example"), acceptedRisks: [])
  }

  @Test func `what healed since it was selected is not in the plan`() throws {
    let inventory = try accounts()[0]
    let none = try SweepPlan.plan(
      inventory, selected: ["111111111111": ["policy-unattached:P07SAMPLEWIKI"]],
      idleAfterSeconds: 0, input: input(inventory, at: inventory.takenAt))
    #expect(none == nil)
  }
}
