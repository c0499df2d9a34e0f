import FerryCore
import Foundation
import Testing

@testable import FerryRun
@testable import Migration

/// What is refused before anything is planned, and how an apex and a wildcard are moved all the same.
struct RefusalTests {
  private func refusal(_ inventory: JSONValue, _ ids: [String] = ["EPRIMARY"]) async -> FerryError?
  {
    await #expect(throws: FerryError.self) { _ = try await MoveWorld(ids, inventory: inventory) }
  }
  private func behaviour(_ members: [String: JSONValue]) -> JSONValue {
    var out: [String: JSONValue] = ["TargetOriginId": "o", "ViewerProtocolPolicy": "https-only"]
    out.merge(members) { $1 }
    return MoveScene.simple(["DefaultCacheBehavior": .object(out)])
  }

  @Test func `a staging distribution is not carried without its primary`() async {
    let error = await refusal(MoveScene.trio, ["ESTAGING"])
    #expect(error?.code == "staging-alone" && error?.exit == .blocked)
    #expect(error?.next.hasPrefix("plan the primary") == true)
  }

  @Test func `what CloudFront would not make is refused with the behaviour that is wrong`() async {
    let unknown = await refusal(
      behaviour(["TargetOriginId": "gone", "CachePolicyId": "custom-cache"]))
    #expect(unknown?.code == "not-creatable" && unknown?.exit == .blocked)
    #expect(unknown?.why.contains("goes to gone, and it has no origin of that id") == true)
    let bare = await refusal(behaviour([:]))
    #expect(bare?.code == "not-creatable")
    #expect(bare?.why.contains("neither a cache policy nor forwarded values") == true)
  }

  @Test func `aliases without a certificate are refused, since no copy could get them`() async {
    let error = await refusal(
      MoveScene.simple(["ViewerCertificate": ["CloudFrontDefaultCertificate": true]]))
    #expect(error?.code == "no-certificate" && error?.exit == .blocked)
    #expect(error?.why.contains("www.example.com without a certificate") == true)
  }

  @Test(arguments: ["_www.example.com.", "_.example.com."])
  func `the record that shows control of a name lies in the name's own zone`(_ wanted: String) {
    let zone = DomainName(wire: "example.com.")
    let aliases = wanted.hasPrefix("_w") ? ["www.example.com"] : ["example.com", "*.example.com"]
    for alias in aliases {
      let name = MigrationPlanner.ownershipName(alias, zone: zone)
      #expect(name.text == wanted && name.isWithin(zone))
    }
    #expect(
      MigrationPlanner.ownershipName("*.a.example.com", zone: zone).text == "_a.example.com.")
  }

  @Test
  func `an apex with the wildcard over its names moves by one record of control, and comes back`()
    async throws
  {
    let aliases = ["w.a.example.com", "example.com", "*.example.com"]
    let records =
      MoveScene.alias("example.com.", "d1.cloudfront.net.", ["A", "AAAA"])
      + ["*.example.com.", "w.a.example.com."].map { MoveScene.cname($0, "d1.cloudfront.net.") }
    let world = try await MoveWorld(
      inventory: MoveScene.inventory(
        [
          MoveScene.distribution(
            "EPRIMARY", "d1.cloudfront.net", MoveScene.config("p", aliases: aliases))
        ], records: records, names: ["*.example.com", "*.a.example.com"]),
      edit: MoveMethodTests.outage(nil))
    #expect(
      world.pair.plan.methods?.map(\.chosen)
        == ["wildcard-bridge", "disabled-source", "disabled-source"])
    let owned = world.pair.plan.steps.filter { $0.id.hasPrefix("own-") }
    #expect(
      owned.count == 1 && owned.first?.action.dns?.changes.first?.name.text == "_.example.com.")
    #expect(world.pair.plan.notes.contains { $0.contains("is _.example.com.") })
    let before = world.facts(MoveWorld.source) + world.facts(MoveWorld.target) + world.zoneRecords
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    let there = try await world.run(store)
    #expect(there.exit == .done, "\(String(describing: there.error))")
    let copy = try MoveRunTests.id("create-distribution-eprimary", store, world.pair.plan)
    for host in ["example.com", "any.example.com", "w.a.example.com"] {
      #expect(Set(ModelEdge(world.model, world.clock).all(host).map(\.says)) == [copy])
    }
    #expect(try await CorpusMoveTests.unexpected(world, store) == [])
    let back = try await world.run(store, world.pair.rollback)
    #expect(back.exit == .done, "\(String(describing: back.error))")
    let after = world.facts(MoveWorld.source) + world.facts(MoveWorld.target) + world.zoneRecords
    #expect(after == before, "\(Set(after).symmetricDifference(before).sorted())")
  }
}
