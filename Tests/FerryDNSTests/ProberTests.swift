import FerryCore
import FerryModel
import Foundation
import Testing

@testable import FerryDNS

/// The prober over servers that are values.
struct ProberTests {
  static let www = DomainName(wire: "www.example.com.")
  static let zone = FakeZone(
    "example.com.", "example.com. 3600 NS ns1.example.com.",
    "example.com. 3600 NS ns2.example.com.", "www.example.com. 300 CNAME edge.example.com.",
    "edge.example.com. 60 CNAME d111.cloudfront.net.", "api.example.com. 60 A 192.0.2.80",
    "api.example.com. 60 AAAA 2001:db8::80", "sub.example.com. 300 NS ns.sub.example.com.",
    "ns.sub.example.com. 300 A 192.0.2.77", "loop1.example.com. 60 CNAME loop2.example.com.",
    "loop2.example.com. 60 CNAME loop1.example.com.", "*.wild.example.com. 60 A 192.0.2.80",
    "mixed.example.com. 60 A 192.0.2.1", "mixed.example.com. 3600 A 192.0.2.2",
    "huge.example.com. 2147483648 A 192.0.2.1", "large.example.com. 2147483647 A 192.0.2.1",
    "zero.example.com. 0 A 192.0.2.1")

  static let one = "192.0.2.1:53"
  static let two = "192.0.2.2:53"
  static func settings(_ servers: [String], zone: String = "example.com.") -> ZoneSettings {
    ZoneSettings(
      name: DomainName(wire: zone), provider: .manual,
      nameservers: servers.compactMap { DNSServer($0) })
  }
  static func probe(
    _ name: DomainName, _ servers: [String: FakeDNS.Server], resolvers: [String] = [],
    zones: [ZoneSettings]? = nil
  ) async -> ProbedName {
    let fake = FakeDNS(servers: servers)
    let prober = Prober(
      fake, zones: zones ?? [settings(servers.keys.sorted().filter { !resolvers.contains($0) })],
      resolvers: resolvers.compactMap { DNSServer($0) }, clock: VirtualClock())
    return await prober.probe([name])[0]
  }

  @Test func `servers that agree give answers, serial, timers and the measured negative TTL`() async
  {
    let it = await Self.probe(
      DomainName(wire: "api.example.com."),
      [Self.one: .zone(Self.zone), Self.two: .zone(Self.zone)]
    )
    #expect(it.verdict == "ok")
    #expect(it.zone == DomainName(wire: "example.com."))
    #expect(it.servers.map(\.verdict) == [.ok, .ok])
    #expect(it.servers.map(\.soaSerial) == [7, 7])
    #expect(it.servers[0].rttMilliseconds == 1.5)
    #expect(it.servers[0].answers.map(\.type) == [.a, .aaaa])
    #expect(it.negativeTTL == 300)
    #expect(it.soa == .init(refresh: 3600, retry: 600, expire: 86400, minimum: 300))
    #expect(it.chain.isEmpty)
  }

  @Test func `the negative TTL is the largest that a server really sends, not what the SOA says`()
    async
  {
    var sloppy = Self.zone
    sloppy.negativeTTL = 86_400
    let it = await Self.probe(
      Self.www, [Self.one: .zone(Self.zone), Self.two: .zone(sloppy)])
    #expect(it.negativeTTL == 86_400)
  }

  @Test func `each link of a chain comes from its own zone, with that zone's name and TTL`() async {
    let cdn = FakeZone("cloudfront.net.", "d111.cloudfront.net. 60 A 192.0.2.80")
    let it = await Self.probe(
      Self.www, [Self.one: .zone(Self.zone), "192.0.2.3:53": .zone(cdn)],
      zones: [
        Self.settings([Self.one]), Self.settings(["192.0.2.3:53"], zone: "cloudfront.net."),
      ])
    #expect(it.verdict == "ok")
    #expect(
      it.chain == [
        .init(
          name: Self.www, zone: DomainName(wire: "example.com."), type: .cname, ttl: 300,
          target: DomainName(wire: "edge.example.com.")),
        .init(
          name: DomainName(wire: "edge.example.com."), zone: DomainName(wire: "example.com."),
          type: .cname, ttl: 60, target: DomainName(wire: "d111.cloudfront.net.")),
      ])
  }

  @Test func `a chain that loops is refused`() async {
    let it = await Self.probe(
      DomainName(wire: "loop1.example.com."), [Self.one: .zone(Self.zone)])
    #expect(it.verdict == "unknown")
    #expect(it.chain.count == 2)
    #expect(it.because.contains { $0.contains("loops") })
  }

  @Test(arguments: [(8, "ok"), (9, "unknown")])
  func `a chain of 8 links is taken, of 9 refused`(_ links: Int, _ verdict: String) async {
    var zone = FakeZone("example.com.", "c\(links).example.com. 60 A 192.0.2.1")
    for index in 0..<links {
      zone.records.append(
        FakeZone.record("c\(index).example.com. 60 CNAME c\(index + 1).example.com."))
    }
    let it = await Self.probe(DomainName(wire: "c0.example.com."), [Self.one: .zone(zone)])
    #expect(it.verdict == verdict)
    #expect(it.chain.count == links)
  }

  @Test(arguments: [
    ("silent", FakeDNS.Server.silent, "timeout", "unknown"),
    ("refuses", .refuses, "refused", "lame"),
    ("servfail", .servfail, "servfail", "unknown"), ("forges", .forges, "forged", "unknown"),
    ("lame", .lame, "lame", "lame"),
  ])
  func `a server that fails is named for what it does, and is never an answer`(
    _ kind: String, _ server: FakeDNS.Server, _ verdict: String, _ whole: String
  ) async {
    let it = await Self.probe(
      DomainName(wire: "api.example.com."), [Self.one: .zone(Self.zone), Self.two: server])
    #expect(it.servers.map(\.verdict.rawValue) == ["ok", verdict])
    #expect(it.servers[1].answers.isEmpty)
    #expect(!it.servers[1].authoritative)
    #expect(it.verdict == whole)
  }

  @Test func `a name that only the wildcard answers is told apart`() async {
    let it = await Self.probe(
      DomainName(wire: "shop.wild.example.com."), [Self.one: .zone(Self.zone)])
    #expect(it.verdict == "ok")
    #expect(it.because.contains { $0.contains("wildcard *.wild.example.com.") })
    // Beside it every name exists: the denial comes from the apex.
    #expect(it.negativeTTL == 300)
    let plain = await Self.probe(
      DomainName(wire: "api.example.com."), [Self.one: .zone(Self.zone)])
    #expect(!plain.because.contains { $0.contains("wildcard") })
  }

  @Test func `mixed TTLs count as the highest, and are said`() async {
    let it = await Self.probe(
      DomainName(wire: "mixed.example.com."), [Self.one: .zone(Self.zone)])
    #expect(it.servers[0].answers.map(\.ttl) == [3600])
    #expect(it.because.contains { $0.contains("different TTLs (60, 3600)") })
  }

  @Test(arguments: [("huge", "unknown"), ("large", "ok"), ("zero", "ok")])
  func `a TTL above 31 bits is an error, 2147483647 and 0 are not`(
    _ label: String, _ verdict: String
  )
    async
  {
    let it = await Self.probe(
      DomainName(wire: "\(label).example.com."), [Self.one: .zone(Self.zone)])
    #expect(it.verdict == verdict)
    #expect(it.because.contains { $0.contains("2147483648") } == (verdict == "unknown"))
  }

  @Test func `addresses that change with every answer are no disagreement, others are`() async {
    let one = FakeZone("example.com.", "cdn.example.com. 60 A 192.0.2.1")
    let two = FakeZone("example.com.", "cdn.example.com. 60 A 192.0.2.2")
    let name = DomainName(wire: "cdn.example.com.")
    let rotating = await Self.probe(
      name, [Self.one: .zones([two, one]), Self.two: .zones([one, two, two])])
    #expect(rotating.verdict == "ok")
    #expect(rotating.servers.allSatisfy { $0.answers[.a]?.data == ["192.0.2.1", "192.0.2.2"] })
    let fixed = await Self.probe(name, [Self.one: .zone(one), Self.two: .zone(two)])
    #expect(fixed.verdict == "disagree")
  }

  @Test func `a name below a cut is in the zone that the referral names`() async {
    let sub = FakeZone(
      "sub.example.com.", "sub.example.com. 300 NS ns.sub.example.com.",
      "ns.sub.example.com. 300 A 192.0.2.77", "a.sub.example.com. 60 A 192.0.2.5")
    let it = await Self.probe(
      DomainName(wire: "a.sub.example.com."),
      [Self.one: .zone(Self.zone), "192.0.2.77:53": .zone(sub)],
      zones: [Self.settings([Self.one])])
    #expect(it.zone == DomainName(wire: "sub.example.com."))
    #expect(it.servers.map(\.address) == ["192.0.2.77:53"])
    #expect(it.servers.map(\.name) == [DomainName(wire: "ns.sub.example.com.")])
    #expect(it.verdict == "ok")
  }

  // MARK: Delegation

  static let com = FakeZone(
    "com.", "com. 3600 NS a.gtld.com.", "a.gtld.com. 3600 A 192.0.2.10",
    "example.com. 3600 NS ns1.example.com.", "example.com. 3600 NS ns3.example.net.",
    "ns1.example.com. 3600 A 192.0.2.1", "ns1.example.com. 3600 AAAA 2001:db8::1")
  static let root = [
    "com. 3600 NS a.gtld.com.", "a.gtld.com. 3600 A 192.0.2.10",
    "ns2.example.com. 300 A 192.0.2.2", "ns1.example.com. 300 A 192.0.2.1",
  ]

  @Test
  func `the servers are the union of parent and zone, on every address, and a gap is unknown`()
    async
  {
    let fake = FakeDNS(servers: [
      "192.0.2.53:53": .resolver(Self.root), "192.0.2.10:53": .zone(Self.com),
      Self.one: .zone(Self.zone), Self.two: .zone(Self.zone), "[2001:db8::1]:53": .zone(Self.zone),
    ])
    let prober = Prober(fake, zones: [], resolvers: [DNSServer(address: "192.0.2.53")])
    let it = await prober.probe([DomainName(wire: "api.example.com.")])[0]
    #expect(it.zone == DomainName(wire: "example.com."))
    #expect(
      Set(it.servers.map(\.address)) == [Self.one, Self.two, "[2001:db8::1]:53", ""])
    #expect(it.servers.first { $0.address.isEmpty }?.verdict == .unknown)
    #expect(it.verdict == "unknown")
    #expect(it.because.contains { $0.contains("the parent names ns3.example.net.") })
    #expect(it.because.contains { $0.contains("example.com. names ns2.example.com.") })
  }

  @Test func `without any resolver that answers the zone is not known`() async {
    let fake = FakeDNS(servers: ["192.0.2.53:53": .silent])
    let prober = Prober(fake, zones: [], resolvers: [DNSServer(address: "192.0.2.53")])
    let it = await prober.probe([Self.www])[0]
    #expect(it.zone == nil)
    #expect(it.verdict == "unknown")
    #expect(it.because.first?.contains("192.0.2.53:53") == true)
  }

  @Test func `no resolver is asked for an absent name, nor for what is between it and its zone`()
    async
  {
    let fake = FakeDNS(servers: [
      "192.0.2.53:53": .resolver(Self.root), "192.0.2.10:53": .zone(Self.com),
      Self.one: .zone(Self.zone), Self.two: .zone(Self.zone), "[2001:db8::1]:53": .zone(Self.zone),
    ])
    let prober = Prober(fake, zones: [], resolvers: [DNSServer(address: "192.0.2.53")])
    let it = await prober.probe([DomainName(wire: "a.new.example.com.")])[0]
    #expect(it.recursives.isEmpty)
    #expect(it.because.contains { $0.contains("resolvers were not asked") })
    let names = Set(fake.asked.all("192.0.2.53:53").map(\.key.name.text))
    #expect(names.isDisjoint(with: ["a.new.example.com.", "new.example.com."]))
  }

  // MARK: Resolvers

  static let resolverAddress = "192.0.2.53:53"
  static func recursive(_ resolver: FakeDNS.Server, name: String = "www.example.com.") async
    -> (it: ProbedName, recursive: ProbedName.Recursive?)
  {
    let it = await probe(
      DomainName(wire: name), [one: .zone(zone), resolverAddress: resolver],
      resolvers: [resolverAddress])
    return (it, it.recursives.first)
  }
  @Test func `a resolver's remaining TTL is that of the name's own RRset`() async {
    let (it, found) = await Self.recursive(
      .resolver(["www.example.com. 17 CNAME edge.example.com."]))
    #expect(found?.verdict == "ok")
    #expect(found?.remainingTTL == 17)
    #expect(found?.clamp == nil)
    #expect(it.verdict == "ok")
  }
  @Test func `a TTL above the zone's own is a floor`() async {
    let (_, found) = await Self.recursive(
      .resolver(["www.example.com. 900 CNAME edge.example.com."]))
    #expect(found?.clamp == "floor 900")
  }
  @Test func `a TTL at a usual cap below the zone's own is a cap`() async {
    let (_, found) = await Self.recursive(
      .resolver(["large.example.com. 86400 A 192.0.2.1"]), name: "large.example.com.")
    #expect(found?.clamp == "cap 86400")
  }
  @Test func `a resolver that denies the name is negative-cached`() async {
    let (it, found) = await Self.recursive(.resolver([]))
    #expect(found?.verdict == "negative-cached")
    #expect(found?.remainingTTL == 123)
    #expect(it.verdict == "negative-cached")
  }
  @Test func `an answer marked as stale is told`() async {
    let (_, found) = await Self.recursive(
      .resolver(["www.example.com. 30 CNAME edge.example.com."], stale: true))
    #expect(found?.verdict == "stale")
  }
  @Test func `private addresses where the zone has public ones are a view`() async {
    let (it, found) = await Self.recursive(
      .resolver(["api.example.com. 60 A 10.0.0.1", "api.example.com. 60 AAAA fd00::1"]),
      name: "api.example.com.")
    #expect(found?.verdict == "overridden-by-view")
    #expect(it.verdict == "overridden-by-view")
  }
  @Test func `another answer at a resolver differs, and may be old`() async {
    let (it, found) = await Self.recursive(
      .resolver(["www.example.com. 30 CNAME old.example.net."]))
    #expect(found?.verdict == "differs")
    #expect(it.verdict == "ok")
  }
  @Test(arguments: [
    (FakeDNS.Server.silent, "timeout"), (.refuses, "refused"), (.servfail, "servfail"),
  ])
  func `a resolver that fails says nothing about the name`(
    _ resolver: FakeDNS.Server, _ verdict: String
  ) async {
    let (it, found) = await Self.recursive(resolver)
    #expect(found?.verdict == verdict)
    #expect(it.verdict == "ok")
  }

  @Test func `a dead server is not waited for ten thousand times`() async {
    let fake = FakeDNS(servers: [Self.one: .silent])
    let asking = Asking(fake)
    let server = DNSServer(address: "192.0.2.1")
    for _ in 0..<100 { _ = await asking.ask(DNSQuery(Self.www, .a), of: server) }
    #expect(fake.asked.all(Self.one).count == 6)
  }

  @Test func `resolv conf gives at most three servers, in either family`() {
    let text = """
      # nameserver 192.0.2.9
      search example.com
      nameserver 192.0.2.1
      nameserver\tfe80::1%eth0
      nameserver nonsense
      nameserver 2001:db8::53
      nameserver 192.0.2.4
      """
    #expect(
      SystemResolvers.read(text).map(\.description) == [
        "192.0.2.1:53", "[fe80::1]:53", "[2001:db8::53]:53",
      ])
  }
}
