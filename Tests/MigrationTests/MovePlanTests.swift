import FerryCore
import Testing

@testable import Migration

/// The plan itself: what comes before what, there and back.
struct MovePlanTests {
  static func places(_ plan: Plan) -> [String: Int] {
    Dictionary(uniqueKeysWithValues: plan.steps.enumerated().map { ($1.id, $0) })
  }
  static func expect(
    _ order: [String], in plan: Plan, location: SourceLocation = #_sourceLocation
  ) {
    let places = places(plan)
    for (one, other) in zip(order, order.dropFirst()) {
      #expect(
        (places[one] ?? .max) < (places[other] ?? -1), "\(one) before \(other)",
        sourceLocation: location)
    }
  }

  @Test func `phases come in the order that keeps viewers served, and go back the same way`()
    async throws
  {
    let pair = try await MoveWorld().pair
    Self.expect(
      [
        "create-public-key-key", "create-key-group-group", "create-distribution-eprimary",
        "prove-eprimary", "disable-policy-cdp-1", "detach-policy-EPRIMARY", "bridge",
        "prove-bridge", "lower-ttl-www", "flip-www", "leave-source", "claim", "prove-alias",
        "bake-www", "restore-ttl-www", "remove-bridge", "create-policy-eprimary",
        "attach-policy-eprimary", "await-idle-eprimary", "disable-source-eprimary",
      ], in: pair.plan)
    Self.expect(
      [
        "create-key-value-store-redirects", "create-function-rewrite",
        "create-distribution-estaging",
      ],
      in: pair.plan)
    // The copy lets the name go, DNS returns while the bridge still answers, then the source has the name again.
    Self.expect(
      [
        "enable-source-eprimary", "detach-policy-eprimary", "delete-policy-eprimary",
        "unremove-bridge", "unclaim", "undo-flip-www", "return-to-source", "undo-lower-ttl-www",
        "unbridge", "attach-policy-EPRIMARY", "enable-policy-cdp-1", "disable-copy-of-eprimary",
        "delete-copy-of-eprimary", "delete-copy-of-estaging", "delete-cache-policy-cache",
        "delete-function-rewrite", "delete-key-value-store-redirects", "delete-key-group-group",
        "delete-public-key-key",
      ], in: pair.rollback)
    #expect(pair.rollback.rollbackOf == pair.plan.digest)
  }

  @Test func `every write has its way back, and every reference is to an earlier step`()
    async throws
  {
    for ids in [["EPRIMARY"], ["EPAIR1", "EPAIR2"]] {
      let pair = try await MoveWorld(
        ids, inventory: ids.count > 1 ? MoveScene.pair : MoveScene.trio
      ).pair
      let undone = Set(pair.rollback.steps.compactMap(\.undoes))
      #expect(undone.isSubset(of: pair.plan.steps.map(\.id)))
      var known: Set<String> = []
      for step in pair.plan.steps {
        if step.action != .observe {
          #expect(undone.contains(step.id) && step.inverse != nil, "\(step.id)")
        }
        known.insert(step.id)
        let text = JSONValue.of(step).canonical
        for found in text.matches(of: /\$\{([a-z0-9-]+)\./) {
          #expect(known.contains(String(found.1)), "\(step.id): \(found.1)")
        }
      }
      #expect(pair.plan.pointOfNoReturn == nil)
    }
  }

  @Test func `the same input makes the same plan, and what a create is known by comes from it`()
    async throws
  {
    let (one, other) = (try await MoveWorld().pair, try await MoveWorld().pair)
    #expect(one.plan.digest == other.plan.digest && one.rollback.digest == other.rollback.digest)
    let references = one.plan.steps.compactMap { step -> String? in
      if case .createDistribution(_, _, let reference, _) = step.action { reference } else { nil }
    }
    #expect(Set(references).count == 2 && references.allSatisfy { $0.hasPrefix("edgeferry-") })
  }

  @Test func `a move of part of the aliases leaves the source in use`() async throws {
    let world = try await MoveWorld(
      inventory: MoveScene.simple(aliases: ["www.example.com", "api.example.com"]),
      edit: {
        $0.aliases = ["www.example.com"]
        $0.scenes.removeAll { $0.alias != "www.example.com" }
      })
    #expect(!world.pair.plan.steps.contains { $0.id.hasPrefix("disable-source") })
    #expect(world.pair.plan.notes.contains { $0.contains("keeps other aliases") })
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let outcome = try await world.run(world.store(path))
    #expect(outcome.exit == .done, "\(String(describing: outcome.error))")
    #expect(
      Set(ModelEdge(world.model, world.clock).all("api.example.com").map(\.says)) == ["EPRIMARY"])
  }
}
