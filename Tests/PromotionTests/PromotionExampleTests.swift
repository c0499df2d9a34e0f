import FerryReport
import FerryTestSupport
import Foundation
import Testing

@testable import FerryCore
@testable import Promotion

/// The example of a blue/green deploy that ships in plans/ and runbooks/, made anew and compared.
struct PromotionExampleTests {
  @Test func `the golden example of a blue-green deploy is what the planner makes`() throws {
    var scene = Scene()
    scene.staging = Scene.distribution("staging", comment: "shop", path: "/releases/41")
    scene.primary = Scene.distribution("primary", comment: "shop", path: "/releases/41")
    scene.policy = Scene.policy(enabled: false)
    scene.traffic.staging = .init()
    var input = scene.input()
    input = PlanningInput(
      capability: "promote", name: "blue-green", accounts: input.accounts,
      createdAt: input.createdAt, start: input.start, tool: "edgeferry 0.1.0", endpoint: nil,
      inventoryDigest: Digest.tagged("example"), acceptedRisks: [])
    let pair = try #require(
      try PromotionPlanner.plan(scene.pair, side: .path("/releases/42"), input: input))
    expectGolden(FerryJSON.document(pair.plan), "../../plans/blue-green.plan.json")
    expectGolden(FerryJSON.document(pair.rollback), "../../plans/blue-green.rollback.plan.json")
    expectGolden(
      Runbook.render(pair.plan, path: "plans/blue-green.plan.json", rollback: pair.rollback),
      "../../runbooks/blue-green.md")
    let shipped = Shared.package.appendingPathComponent("plans/blue-green.plan.json")
    #expect(try Plan.read(Array(Data(contentsOf: shipped)), named: "example") == pair.plan)
  }
}
