import FerryCore
import FerryModel
import Foundation
import Testing

@testable import FerryRun
@testable import Migration

/// Moves of names that are more than a CNAME, and of zones that a person writes.
struct MoveRecordTests {
  @Test func `alias records of all three kinds go to the copy together, and come back`()
    async throws
  {
    let types = ["A", "AAAA", "HTTPS"]
    let world = try await MoveWorld(
      inventory: MoveScene.inventory(
        [
          MoveScene.distribution(
            "EPRIMARY", "d1.cloudfront.net", MoveScene.config("p", aliases: ["www.example.com"]))
        ], records: MoveScene.alias("www.example.com.", "d1.cloudfront.net.", types)))
    #expect(world.pair.plan.methods?.map(\.chosen) == ["wildcard-bridge"])
    let flip = world.pair.plan.steps.first { $0.id == "flip-www" }
    let changed = (flip?.action.dns?.changes ?? []).map(\.rrtype.rawValue)
    #expect(Set(changed) == Set(types))
    let before = try await world.summary
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    let there = try await world.run(store)
    #expect(there.exit == .done, "\(String(describing: there.error))")
    let copy = try MoveRunTests.id("create-distribution-eprimary", store, world.pair.plan)
    #expect(Set(ModelEdge(world.model, world.clock).all("www.example.com").map(\.says)) == [copy])
    let back = try await world.run(store, world.pair.rollback)
    #expect(back.exit == .done, "\(String(describing: back.error))")
    #expect(try await world.summary == before)
  }

  @Test func `in a person's zone every change waits at a gate, the records of control too`()
    async throws
  {
    let world = try await MoveWorld(
      inventory: MoveScene.simple(),
      edit: { input in
        MoveMethodTests.outage(.disabledSource)(&input)
        for index in input.names.indices { input.names[index].zone.provider = .manual }
      })
    for plan in [world.pair.plan, world.pair.rollback] {
      let steps = plan.steps.filter { $0.action.dns != nil }
      let isOwned = steps.contains { $0.id.hasPrefix("own-") || $0.id.hasPrefix("unown-") }
      #expect(isOwned)
      let open = steps.filter { $0.gate == nil }
      #expect(open.isEmpty, "\(open.map { $0.id })")
    }
  }
}
