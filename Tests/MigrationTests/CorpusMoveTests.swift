import FerryCloudFront
import FerryCore
import FerryTestSupport
import Foundation
import Testing

@testable import FerryModel
@testable import FerryRun
@testable import Migration

/// Whole moves of every distribution of the corpus: planned, run, read back, compared and taken back.
struct CorpusMoveTests {
  /// Those that are not moved without more ado, by the code of the refusal; docs/commands/migrate.md has the reasons.
  static let refusals: [String: FerryError.Code] = [
    // Its tenants' DNS would have to change too.
    "doc-connection-mode-direct": "multi-tenant", "doc-tenant-acm": "multi-tenant",
    "doc-tenant-default-cert": "multi-tenant",
    // It has no viewers but its primary's.
    "conv-acc-cd-staging": "staging-alone", "conv-pike-staging": "staging-alone",
    "conv-staging-cd-policy": "staging-alone",
    // No way is free of an outage: an apex, a wildcard.
    "conv-secure-static-site": "no-method", "fix-geo-acm-apex-www": "no-method",
    "conv-refarch-wordpress": "no-method",
    // The names of a certificate in IAM are not read.
    "fix-iam-cert-signers": "no-method",
    // Aliases of a distribution without a certificate, from before these were asked for.
    "conv-oai-two-aliases-geo": "no-certificate", "conv-shield-fle-logs-vip": "no-certificate",
    "get-old-custom-alias": "no-certificate",
    // As published, CloudFront would not make them.
    "ecc-478-vip-acm": "not-creatable", "rec-minimal-waf-scope": "not-creatable",
  ]

  static func world(_ scene: CorpusScene, isOutageAccepted: Bool = false) async throws -> (
    MoveWorld, MoveGrantTests.Policies
  ) {
    let policies = scene.neighbours
    let world = try await MoveWorld(
      [scene.id], inventory: scene.inventory, map: scene.map,
      edit: { if isOutageAccepted { $0.planning.acceptedRisks = ["outage"] } },
      answer: { policies.answer($0) ?? CorpusScene.answer($0) })
    return (world, policies)
  }

  /// What `migrate verify` would say of a move that was run.
  static func unexpected(_ world: MoveWorld, _ store: any StateStore, map: MigrationMap? = nil)
    async throws -> [String]
  {
    let plan = world.pair.plan
    var images = plan.observed.images
    for case .createPolicy(let digest, _) in plan.steps.map(\.action) where images[digest] == nil {
      images[digest] = try await store.image(digest)
    }
    var scope = try VerifyScope(plan, RunState(await store.records(plan: plan.digest))) {
      digest throws(FerryError) in
      try images[digest].map { (text: String) throws(FerryError) in try XMLReader.read(text) }
    }
    if let map { scope.intent.map = map }
    var sides: [Comparison.Side] = []
    var gaps: [Inventory.Gap] = []
    for (account, ids) in [
      (MoveWorld.source, scope.pairs.map(\.source)), (MoveWorld.target, scope.pairs.map(\.target)),
    ] {
      let closure = try await ClosureReader(
        transport: world.transport(account), account: account
      ).read(ids)
      #expect(closure.missing == [])
      gaps += closure.gaps
      sides.append(.init(account: closure.account, managed: Set(closure.managed.map(\.id))))
    }
    let found =
      MigrateCommand.Verify.unread(gaps)
      + Comparison.differences(
        of: scope.pairs, source: sides[0], target: sides[1], intent: scope.intent)
    #expect(found.contains { $0.expected })
    return found.filter { !$0.expected }.map {
      "\($0.path): \($0.source ?? "-") -> \($0.target ?? "-") (\($0.reason ?? ""))"
    }
  }

  /// There, compared, and back, with everything as it was.
  static func roundTrip(_ name: String, _ world: MoveWorld, _ policies: MoveGrantTests.Policies)
    async throws
  {
    func state() async throws -> [String] {
      world.facts(MoveWorld.source) + world.facts(MoveWorld.target) + world.zoneRecords
        + policies.all
    }
    let before = try await state()
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    let there = try await world.run(store, polling: 120)
    #expect(there.exit == .done, "\(name): \(String(describing: there.error))")
    guard there.exit == .done else { return }
    #expect(try await unexpected(world, store) == [], "\(name)")
    let back = try await world.run(store, world.pair.rollback, polling: 120)
    #expect(back.exit == .done, "\(name): \(String(describing: back.error))")
    let after = try await state()
    #expect(after == before, "\(name): \(Set(after).symmetricDifference(before).sorted())")
  }

  @Test
  func `every distribution of the corpus moves and compares equal, or is refused as documented`()
    async throws
  {
    guard let scenes = try CorpusScene.all() else { return }
    #expect(scenes.count > 70)
    var counts: [String: Int] = [:]
    for scene in scenes + scenes.filter({ $0.name.contains("staging") }).map(\.asTwin) {
      let code = Self.refusals[scene.name]
      do {
        let (world, policies) = try await Self.world(scene)
        #expect(code == nil, "\(scene.name) was not refused")
        counts["moved", default: 0] += 1
        try await Self.roundTrip(scene.name, world, policies)
      } catch let error as FerryError {
        #expect(
          error.code == code && error.exit == .blocked && !error.next.isEmpty,
          "\(scene.name): \(error)")
        counts[error.code.rawValue, default: 0] += 1
      }
      guard code == "no-method", scene.name != "fix-iam-cert-signers" else { continue }
      let (world, policies) = try await Self.world(scene, isOutageAccepted: true)
      counts["with an outage", default: 0] += 1
      try await Self.roundTrip(scene.name, world, policies)
    }
    print("corpus: \(counts.sorted { $0.key < $1.key })")
  }
}
