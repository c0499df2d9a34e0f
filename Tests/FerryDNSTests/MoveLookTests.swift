import FerryCore
import Foundation
import Testing

@testable import FerryDNS

/// Whether names have moved, asked of servers that are values.
struct MoveLookTests {
  static let source = DomainName(wire: "d111.cloudfront.net.")
  static let target = DomainName(wire: "d222.cloudfront.net.")
  static let cdn = FakeZone(
    "cloudfront.net.", "d111.cloudfront.net. 60 A 192.0.2.81",
    "d222.cloudfront.net. 60 A 192.0.2.82",
    "d222.cloudfront.net. 60 AAAA 2001:db8::82")
  static let zone = FakeZone(
    "example.com.", "www.example.com. 60 CNAME d222.cloudfront.net.",
    "old.example.com. 60 CNAME d111.cloudfront.net.",
    "far.example.com. 60 CNAME edge.example.com.",
    "edge.example.com. 60 CNAME d222.cloudfront.net.", "alias.example.com. 60 A 192.0.2.82",
    "alias.example.com. 60 AAAA 2001:db8::82", "behind.example.com. 60 A 192.0.2.81",
    "sub.example.com. 60 NS ns.sub.example.com.", "ns.sub.example.com. 60 A 192.0.2.77")

  static func look(
    _ labels: [String], _ servers: [String: FakeDNS.Server], resolvers: [String] = [],
    from source: DomainName? = source
  ) async -> (verdicts: [Judgement.Verdict], looked: [LookedMove], fake: FakeDNS) {
    let cdnAddress = "192.0.2.99:53"
    let fake = FakeDNS(servers: servers.merging([cdnAddress: .zone(cdn)]) { $1 })
    let own = servers.keys.sorted().filter { !resolvers.contains($0) && $0 != "192.0.2.77:53" }
    let prober = Prober(
      fake,
      zones: [
        ProberTests.settings(own), ProberTests.settings([cdnAddress], zone: "cloudfront.net."),
      ], resolvers: resolvers.compactMap { DNSServer($0) })
    let looked = await prober.look(
      labels.map {
        NameMove(name: DomainName(wire: "\($0).example.com."), target: target, source: source)
      })
    return (looked.map(\.judgement.verdict), looked, fake)
  }

  @Test func `a name that is a CNAME costs one question for each server`() async {
    let (verdicts, _, fake) = await Self.look(
      ["www", "old", "none"],
      [ProberTests.one: .zone(Self.zone), ProberTests.two: .zone(Self.zone)])
    #expect(verdicts == [.changed, .notYet, .notYet])
    let www = fake.asked.all(ProberTests.two).filter {
      $0.key.name == DomainName(wire: "www.example.com.")
    }
    #expect(www.map(\.key.rrtype) == [.cname])
  }
  @Test func `names that are answered alike are judged once, and as each would be alone`() async {
    let names = (0..<60).map { "n\($0)" }
    func zone(_ number: Int) -> FakeZone {
      var zone = FakeZone("example.com.")
      for (index, name) in names.enumerated() {
        // Moved, not moved, moved on one server alone, another TTL there, elsewhere, and not there at all.
        let target =
          switch index % 6 {
          case 0: "d222.cloudfront.net."
          case 1: "d111.cloudfront.net."
          case 2: number == 0 ? "d222.cloudfront.net." : "d111.cloudfront.net."
          case 3: "d222.cloudfront.net."
          case 4: "d999.cloudfront.net."
          default: ""
          }
        let ttl = index % 6 == 3 && number == 0 ? 2_147_483_648 : 60 + index % 4
        guard !target.isEmpty else { continue }
        zone.records.append(FakeZone.record("\(name).example.com. \(ttl) CNAME \(target)"))
      }
      return zone
    }
    let servers: [String: FakeDNS.Server] = [
      ProberTests.one: .zone(zone(0)), ProberTests.two: .zone(zone(1)),
    ]
    for source in [Self.source, nil] {
      let (verdicts, looked, _) = await Self.look(names, servers, from: source)
      #expect(
        Array(verdicts.prefix(6)) == [
          .changed, .notYet, .disagree, .unknown, .notYet, .notYet,
        ])
      #expect(looked.contains { $0.evidence == nil })
      for (index, name) in names.enumerated() {
        let alone = await Self.look([name], servers, from: source).looked[0]
        let together = looked[index]
        #expect(together.name == DomainName(wire: "\(name).example.com."))
        #expect(together.judgement == alone.judgement, "\(name)")
        #expect(together.notes == alone.notes, "\(name)")
        #expect(together.source == alone.source, "\(name)")
        #expect(together.isAbsent == alone.isAbsent, "\(name)")
        // The whole set of rules on the name's own evidence says the same.
        guard let evidence = alone.evidence ?? together.evidence else { continue }
        #expect(evidence.verdict == together.judgement, "\(name)")
      }
    }
  }
  @Test func `a name that leads to the target over another, or to its addresses, has moved`() async
  {
    let (verdicts, looked, _) = await Self.look(
      ["far", "alias", "behind"], [ProberTests.one: .zone(Self.zone)])
    #expect(verdicts == [.changed, .changed, .notYet], "\(looked.map(\.judgement))")
    #expect(looked[0].evidence?.probed.chain.map(\.target).last == Self.target)
    #expect(looked[1].evidence?.move?.targetAddresses == ["192.0.2.82", "2001:db8::82"])
  }
  @Test func `a name below a cut is looked for in the zone that holds it`() async {
    let below = FakeZone(
      "sub.example.com.", "sub.example.com. 60 NS ns.sub.example.com.",
      "ns.sub.example.com. 60 A 192.0.2.77", "a.sub.example.com. 60 CNAME d222.cloudfront.net.")
    let (verdicts, looked, _) = await Self.look(
      ["a.sub"], [ProberTests.one: .zone(Self.zone), "192.0.2.77:53": .zone(below)])
    #expect(looked[0].evidence?.probed.zone == DomainName(wire: "sub.example.com."))
    #expect(verdicts == [.changed])
  }
  @Test func `a server that is dead is left out after a few questions, and unknown for each name`()
    async
  {
    let names = (0..<200).map { "n\($0)" }
    var zone = FakeZone("example.com.")
    zone.records += names.map {
      FakeZone.record("\($0).example.com. 60 CNAME d222.cloudfront.net.")
    }
    let (verdicts, looked, fake) = await Self.look(
      names, [ProberTests.one: .zone(zone), ProberTests.two: .silent])
    #expect(Set(verdicts) == [.unknown])
    #expect(looked.allSatisfy { $0.evidence?.probed.servers.map(\.verdict) == [.ok, .timeout] })
    #expect(fake.asked.all(ProberTests.two).count == 6)
  }
  @Test func `resolvers are read for names that exist alone, and tell old copies and denials`()
    async
  {
    let resolver = "192.0.2.53:53"
    let (verdicts, _, fake) = await Self.look(
      ["www", "none"],
      [
        ProberTests.one: .zone(Self.zone),
        resolver: .resolver(["www.example.com. 40 CNAME d111.cloudfront.net."]),
      ], resolvers: [resolver])
    #expect(verdicts == [.notYet, .notYet])
    #expect(Set(fake.asked.all(resolver).map(\.key.name.text)) == ["www.example.com."])
    let denied = await Self.look(
      ["www"], [ProberTests.one: .zone(Self.zone), resolver: .resolver([])], resolvers: [resolver])
    #expect(denied.verdicts == [.negativeCached])
  }
}
