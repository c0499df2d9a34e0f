import FerryCore
import FerryReport
import FerryTestSupport
import Foundation
import Testing

@testable import Migration

/// The example of an account move that ships in plans/ and runbooks/, made anew and compared.
struct MigrationExampleTests {
  private static func example() async throws -> PlanPair {
    try await MoveWorld { input in
      input.planning.name = "account-migration"
      input.planning.tool = "edgeferry 0.1.0"
      input.cutover.policy = CutoverPolicy()
      input.keepSourceSeconds = 86_400
      input.health = HealthPolicy(url: "https://{name}/healthz")
    }.pair
  }

  @Test func `the golden example of an account move is what the planner makes today`() async throws
  {
    let made = try await Self.example()
    expectGolden(FerryJSON.document(made.plan), "../../plans/account-migration.plan.json")
    expectGolden(
      FerryJSON.document(made.rollback), "../../plans/account-migration.rollback.plan.json")
    expectGolden(
      Runbook.render(
        made.plan, path: "plans/account-migration.plan.json", rollback: made.rollback,
        site: Site(
          windows: [:],
          zones: [
            ZoneSettings(
              name: MoveWorld.zone, provider: .route53, zoneID: "Z1", account: "source")
          ])), "../../runbooks/account-migration.md")
    let shipped = Shared.package.appendingPathComponent("plans/account-migration.plan.json")
    #expect(try Plan.read(Array(Data(contentsOf: shipped)), named: "example") == made.plan)
  }

  @Test func `nothing secret is in the example`() async throws {
    let made = try await Self.example()
    for plan in [made.plan, made.rollback] {
      #expect(!FerryJSON.document(plan).contains("canary"))
    }
    #expect(made.images.values.contains { $0.contains("canary") })
  }
}
