import FerryCloudFront
import FerryCommand
import FerryCore
import FerryZones
import Foundation
import Testing

@testable import FerryModel
@testable import FerryRun
@testable import Migration

/// Names as the reader sees them in the model: by Route 53's records, and by what its servers answer.
enum LeadScene {
  static let zones = [("example.com.", "Z1"), ("example.net.", "Z2")].map {
    ZoneSettings(name: DomainName(wire: $0.0), provider: .route53, zoneID: $0.1, account: "source")
  }
  static func lead(
    _ alias: String, _ it: Inventory.Distribution, _ model: SharedModel,
    _ transport: any ServiceTransport, _ now: Date
  ) async throws(FerryError) -> Lead? {
    @Sendable func look(_ name: DomainName) async throws(FerryError) -> CutoverObservation {
      let place = ZoneSettings.place(of: name, in: zones) ?? 0
      let zone = try await Route53Zone.find(
        zones[place].name, id: zones[place].zoneID, client: Route53Client(transport))
      let keys = CutoverMove.types.map { RecordKey(name, $0) }
      let current = try await zone?.read(keys) ?? [:]
      @Sendable func ask(_ name: DomainName, _ type: RRType) -> ProbedName.RRset? {
        let found = model.with {
          $0.answer(RecordKey(name, type), recursionDesired: false, server: 0, now: now).answer
        }.filter { $0.name == name && $0.type == type }
        guard let first = found.first else { return nil }
        return .init(name: name, type: type, ttl: Int(first.ttl), data: found.map(\.data))
      }
      var chain: [ProbedName.Link] = []
      var owner = name
      while chain.count < 8, let link = ask(owner, .cname), let text = link.data.first {
        let target = DomainName(wire: text)
        chain.append(
          .init(name: owner, zone: zones[place].name, type: .cname, ttl: link.ttl, target: target))
        owner = target
      }
      var probe = ProbedName(
        name: name, zone: zones[place].name,
        servers: [
          .init(
            name: nil, address: "192.0.2.1:53", authoritative: true, rcode: .noError,
            answers: CutoverMove.types.compactMap { ask(name, $0) }, soaSerial: 1, verdict: .ok)
        ], chain: chain, verdict: "ok")
      if owner.isWithin(DomainName(wire: "silent.example.")) {
        probe.chainUnknown = "no server of silent.example. gave an answer that counts"
      }
      return CutoverObservation(
        zone: zones[place], account: MoveWorld.source,
        current: Dictionary(uniqueKeysWithValues: current.map { ($0.key.rrtype, $0.value) }),
        probe: probe, target: DNSLegs.placeholder(it.id))
    }
    let reader = LeadReader(
      zones: zones,
      look: { names throws(FerryError) in
        var out: [CutoverObservation] = []
        for name in names { out.append(try await look(name)) }
        return out
      })
    return try await reader.lead(
      of: try await look(DomainName(wire: alias)), to: DomainName(wire: it.domainName))
  }

  /// One distribution and what its aliases' zones hold.
  static func inventory(
    _ aliases: [String], _ records: [JSONValue], elsewhere: [JSONValue] = []
  ) -> JSONValue {
    MoveScene.inventory(
      [
        MoveScene.distribution(
          "EPRIMARY", "d1.cloudfront.net", MoveScene.config("p", aliases: aliases)),
        MoveScene.distribution("EOTHER", "d9.cloudfront.net", MoveScene.config("o")),
      ], records: [], names: ["*.example.com", "*.wc.example.com"],
      [
        "hostedZones": [
          ["id": "Z1", "name": "example.com.", "records": .array(records)],
          ["id": "Z2", "name": "example.net.", "records": .array(elsewhere)],
        ]
      ])
  }
}

/// Names that lead to their distribution by other records than their own.
struct LeadTests {
  private static let old = "d1.cloudfront.net."
  private static let chain = LeadScene.inventory(
    ["chain.example.com"],
    [
      MoveScene.cname("chain.example.com.", "end.example.com."),
      MoveScene.cname("end.example.com.", old, ttl: 60),
    ])
  private static let wildcard = LeadScene.inventory(
    ["shop.wc.example.com"], [MoveScene.cname("*.wc.example.com.", old)])

  private static func refused(
    _ inventory: JSONValue, _ account: AccountID = MoveWorld.target, accepting: Set<String> = []
  ) async -> FerryError? {
    await #expect(throws: FerryError.self) {
      try await MoveWorld(
        inventory: inventory, account: account,
        edit: {
          $0.deletesSource = true
          $0.planning.acceptedRisks = accepting
        })
    }
  }

  @Test(arguments: [MoveWorld.source, MoveWorld.target])
  func `a name that leads to the source over another name is no name that DNS leaves alone`(
    _ account: AccountID
  ) async {
    let error = await Self.refused(Self.chain, account, accepting: ["outage"])
    #expect(error?.code == "dns-through-chain" && error?.exit == .blocked)
    #expect(
      error?.why.hasPrefix(
        "chain.example.com. leads to d1.cloudfront.net. through end.example.com.,") == true)
    #expect(error?.next.contains("--accept-risk dns-through-chain") == true)
    #expect(error?.next.contains("cutover plan 'end.example.com'") == true)
  }

  @Test(arguments: [MoveWorld.source, MoveWorld.target])
  func `a name that a wildcard's record answers for is no name that DNS leaves alone`(
    _ account: AccountID
  ) async {
    let error = await Self.refused(Self.wildcard, account, accepting: ["dns-through-chain"])
    #expect(error?.code == "dns-through-wildcard" && error?.exit == .blocked)
    #expect(error?.why.contains("through *.wc.example.com.,") == true, "\(error?.why ?? "")")
  }

  static let ways: [([JSONValue], [JSONValue], String)] = [
    // Into another zone, with more links than one.
    (
      [MoveScene.cname("a.example.com.", "b.example.net.")],
      [
        MoveScene.cname("b.example.net.", "c.example.net."),
        MoveScene.cname("c.example.net.", old),
      ], "b.example.net. and c.example.net."
    ),
    // To an alias record, which no server tells of.
    (
      [MoveScene.cname("a.example.com.", "b.example.net.")],
      MoveScene.alias("b.example.net.", old, ["A", "AAAA"]), "b.example.net."
    ),
    // By a wildcard's record, then by a chain.
    (
      [
        MoveScene.cname("*.example.com.", "b.example.com."), MoveScene.cname("b.example.com.", old),
      ],
      [], "*.example.com. and b.example.com."
    ),
    // To what a wildcard of alias records answers for.
    (
      [MoveScene.cname("a.example.com.", "b.c.example.net.")],
      MoveScene.alias("*.example.net.", old, ["A"]), "b.c.example.net. and *.example.net."
    ),
  ]
  @Test(arguments: ways)
  func `a way is followed over zones, alias records and wildcards`(
    _ records: [JSONValue], _ elsewhere: [JSONValue], _ way: String
  ) async {
    let error = await Self.refused(
      LeadScene.inventory(["a.example.com"], records, elsewhere: elsewhere))
    #expect(error?.code == "dns-through-chain")
    #expect(
      error?.why.hasPrefix("a.example.com. leads to d1.cloudfront.net. through \(way),") == true,
      "\(error?.why ?? "")")
  }

  @Test func `a wildcard of alias records is found by its zone's records`() async {
    let error = await Self.refused(
      LeadScene.inventory(
        ["a.example.com"], MoveScene.alias("*.example.com.", Self.old, ["A", "AAAA"])))
    #expect(error?.code == "dns-through-wildcard")
  }

  private static let silent = LeadScene.inventory(
    ["a.example.com"],
    [
      MoveScene.cname("a.example.com.", "b.example.com."),
      MoveScene.cname("b.example.com.", "cdn.silent.example."),
    ])
  @Test func `where a name leads is not known while the servers on the way do not answer`() async {
    let error = await Self.refused(Self.silent, accepting: ["dns-through-chain", "outage"])
    #expect(error?.code == "dns-chain-unknown" && error?.exit == .blocked)
    #expect(
      error?.why.hasPrefix(
        "a.example.com. leads through b.example.com. and cdn.silent.example., and where that leads is not known: no server of silent.example."
      ) == true, "\(error?.why ?? "")")
    #expect(error?.next.contains("--accept-risk dns-chain-unknown") == true)
  }
  @Test func `what is not known of a name is a person's to find out once it was accepted`()
    async throws
  {
    let world = try await MoveWorld(
      inventory: Self.silent, account: MoveWorld.source,
      edit: {
        $0.deletesSource = true
        $0.planning.acceptedRisks = ["dns-chain-unknown"]
      })
    #expect(world.pair.plan.risks.contains { $0.code == "dns-chain-unknown" && $0.accepted })
    let gate = try #require(world.pair.plan.steps.first { $0.id == "repoint-a-example-com" })
    #expect(gate.gate?.reason.contains("if it leads to d1.cloudfront.net") == true)
    let undo = try #require(world.pair.rollback.steps.first { $0.undoes == gate.id })
    #expect(undo.gate?.reason.contains("if it was pointed at the copy") == true)
  }

  static let strays: [[JSONValue]] = [
    [], [MoveScene.cname("a.example.com.", "d9.cloudfront.net.")],
    [
      MoveScene.cname("a.example.com.", "b.example.com."),
      MoveScene.cname("b.example.com.", "d9.cloudfront.net."),
    ],
    [MoveScene.cname("*.example.com.", "d9.cloudfront.net.")],
    // Into a zone of somebody else, where the chain ends.
    [MoveScene.cname("a.example.com.", "cdn.vendor.example.")],
    // The name's own record hides the wildcard's.
    [
      MoveScene.cname("a.example.com.", "d9.cloudfront.net."),
      MoveScene.cname("*.example.com.", old),
    ],
    // Two that lead to each other.
    [
      MoveScene.cname("a.example.com.", "b.example.com."),
      MoveScene.cname("b.example.com.", "a.example.com."),
    ],
  ]
  @Test(arguments: strays)
  func `a name that leads elsewhere or nowhere is left alone in DNS`(_ records: [JSONValue])
    async throws
  {
    let world = try await MoveWorld(
      inventory: LeadScene.inventory(["a.example.com"], records), account: MoveWorld.source)
    #expect(
      world.pair.plan.notes.contains(
        "a.example.com. has no record that leads to EPRIMARY, so DNS is left alone"))
    #expect(!world.pair.plan.steps.contains { $0.id.hasPrefix("repoint-") })
  }

  @Test(arguments: [MoveWorld.source, MoveWorld.target])
  func `an accepted one waits at a gate before the source lets go of anything, there and back`(
    _ account: AccountID
  ) async throws {
    let aliases = ["shop.wc.example.com", "more.wc.example.com"]
    let world = try await MoveWorld(
      inventory: LeadScene.inventory(aliases, [MoveScene.cname("*.wc.example.com.", Self.old)]),
      account: account,
      edit: {
        $0.deletesSource = true
        $0.planning.acceptedRisks = ["dns-through-wildcard"]
      })
    let plan = world.pair.plan
    #expect(
      plan.risks.filter { $0.code == "dns-through-wildcard" }.map(\.accepted) == [true, true])
    #expect(!plan.notes.contains { $0.contains("left alone") })
    let ids = plan.steps.map(\.id)
    let gates = plan.steps.filter { $0.id.hasPrefix("repoint-") }
    let gate = try #require(gates.first)
    #expect(gates.count == 1 && gate.gate?.reason.contains("*.wc.example.com.") == true)
    let place = try #require(ids.firstIndex(of: gate.id))
    for later in ["leave-source", "delete-source-eprimary"] {
      #expect(ids.firstIndex(of: later).map { $0 > place } != false, "\(ids)")
    }
    #expect(ids.contains("delete-source-eprimary"))
    let back = world.pair.rollback.steps
    let undo = try #require(back.firstIndex { $0.undoes == gate.id })
    #expect(back[undo].gate != nil)
    #expect(back.firstIndex { $0.undoes == "leave-source" }.map { $0 > undo } != false)
  }

  @Test func `once the record was changed by hand and the gate passed, the move ends done`()
    async throws
  {
    let world = try await MoveWorld(
      inventory: Self.chain, account: MoveWorld.source,
      edit: {
        $0.deletesSource = true
        $0.planning.acceptedRisks = ["dns-through-chain"]
      })
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    let blocked = try await world.run(store)
    #expect(blocked.exit == .blocked && blocked.error?.code == "gate")
    #expect(world.counts(MoveWorld.source)["distribution"] == 3)
    _ = try store.append(
      RecordDraft(
        .gate, plan: world.pair.plan.digest, step: "repoint-chain-example-com",
        at: world.clock.now), under: nil)
    let done = try await world.run(store)
    #expect(done.exit == .done, "\(String(describing: done.error))")
    #expect(world.counts(MoveWorld.source)["distribution"] == 2)
  }

  @Test
  func `across accounts an accepted one is claimed once its record was changed, and comes back`()
    async throws
  {
    let world = try await MoveWorld(
      inventory: Self.chain, edit: { $0.planning.acceptedRisks = ["dns-through-chain"] })
    let before = world.facts(MoveWorld.source) + world.facts(MoveWorld.target) + world.zoneRecords
    let zone = Route53Zone(
      world.hostedZone, client: Route53Client(world.transport(MoveWorld.source)))
    func point(_ from: String, _ to: String) async throws {
      let key = RecordKey(DomainName(wire: "end.example.com."), .cname)
      _ = try await zone.write(
        [
          RecordChange(
            key, from: RecordValue(ttl: 60, data: [from]), to: RecordValue(ttl: 60, data: [to]))
        ], comment: "by hand")
      world.clock.base.advance(seconds: 300)
    }
    func pass(_ plan: Plan, _ step: String, _ store: SQLiteState) throws {
      _ = try store.append(
        RecordDraft(.gate, plan: plan.digest, step: step, at: world.clock.now), under: nil)
    }
    let path = MoveWorld.temporary()
    defer { MoveWorld.remove(path) }
    let store = try world.store(path)
    let blocked = try await world.run(store)
    #expect(blocked.exit == .blocked && blocked.error?.code == "gate")
    let id = try MoveRunTests.id("create-distribution-eprimary", store, world.pair.plan)
    let copy = try await world.world().client(MoveWorld.target).distribution(id).domainName + "."
    try await point(Self.old, copy)
    try pass(world.pair.plan, "repoint-chain-example-com", store)
    let done = try await world.run(store)
    #expect(done.exit == .done, "\(String(describing: done.error))")
    #expect(Set(ModelEdge(world.model, world.clock).all("chain.example.com").map(\.says)) == [id])
    let halfway = try await world.run(store, world.pair.rollback)
    #expect(halfway.exit == .blocked && halfway.error?.code == "gate")
    try await point(copy, Self.old)
    try pass(world.pair.rollback, "unrepoint-chain-example-com", store)
    let back = try await world.run(store, world.pair.rollback)
    #expect(back.exit == .done, "\(String(describing: back.error))")
    let after = world.facts(MoveWorld.source) + world.facts(MoveWorld.target) + world.zoneRecords
    #expect(after == before, "\(Set(after).symmetricDifference(before).sorted())")
  }
}
