import FerryCore
import FerryModel
import Testing

@testable import FerryDNS

/// What reads of a resolver some seconds apart show of its caches.
struct HabitTests {
  private typealias Habit = ProbedName.Recursive.Habit
  private static func round(_ ttls: [Int], at began: Double) -> CacheHabits.Round {
    .init(ttls: ttls, began: began, ended: began + 0.1)
  }

  @Test(
    arguments: [
      ("counts down", [200], [195], nil), ("counts down, cut by a second", [200], [194], nil),
      ("the same", [200], [200], .fixedTTL), ("the zone's own, always", [300], [300], .fixedTTL),
      ("rises", [200], [260], .manyCaches), ("falls too fast", [200], [120], .manyCaches),
      ("differs in one moment", [200, 80, 150], [195, 195, 195], .manyCaches),
      ("differs in the second", [200], [195, 90], .manyCaches),
      // Run out, or fetched anew in the last tenth: nothing is proven.
      ("run out between", [4], [300], nil), ("prefetched", [32], [300], nil),
      ("prefetched in one moment", [31, 300], [300, 299], nil), ("nothing left", [200], [], nil),
    ] as [(String, [Int], [Int], ProbedName.Recursive.Habit?)])
  func `two reads tell one cache from many, and one that counts down from one that does not`(
    _ story: String, _ first: [Int], _ again: [Int], _ habit: ProbedName.Recursive.Habit?
  ) {
    #expect(
      CacheHabits.judged(Self.round(first, at: 0), Self.round(again, at: 5.1), full: 300) == habit,
      "\(story)")
  }
  @Test func `reads that came too soon after each other show no fixed TTL`() {
    let soon = CacheHabits.judged(
      Self.round([200], at: 0), Self.round([200], at: 1), full: 300)
    #expect(soon == nil)
  }

  // MARK: Through the prober

  private static let resolver = "10.0.0.53:53"
  /// - Parameter ttl: by the seconds that went by and the number of the read, from 1; nil for what was just fetched.
  private static func probe(
    at address: String = resolver, data: String = "edge.example.com.",
    _ ttl: @escaping @Sendable (_ seconds: Double, _ read: Int) -> UInt32
  ) async throws -> (recursive: ProbedName.Recursive, name: ProbedName, seconds: Double, reads: Int)
  {
    let clock = VirtualClock()
    let fake = FakeDNS(servers: [
      ProberTests.one: .zone(ProberTests.zone),
      address: .cache(name: "www.example.com.", data: data) { read in
        ttl(clock.passedSeconds, read)
      },
    ])
    let prober = Prober(
      fake, zones: [ProberTests.settings([ProberTests.one])],
      resolvers: [DNSServer(address)].compactMap { $0 }, clock: clock)
    let it = await prober.probe([ProberTests.www])[0]
    let recursive = try #require(it.recursives.first)
    return (
      recursive, it, clock.passedSeconds,
      fake.asked.all(address).count {
        $0.recursionDesired && $0.key.name == ProberTests.www
      }
    )
  }

  @Test func `a cache that counts down has no habit, and is read twice 5 s apart`() async throws {
    let found = try await Self.probe { seconds, _ in 200 - UInt32(seconds) }
    #expect(found.recursive.habits == nil)
    #expect(found.recursive.remainingTTL == 200)
    #expect(found.seconds == 5)
    let text = FerryJSON.document(Probe(at: .distantPast, names: [found.name]))
    #expect(!text.contains("habits") && !text.contains("extendedErrors"))
  }
  @Test func `a resolver that does not count down is told`() async throws {
    let found = try await Self.probe { _, _ in 200 }
    #expect(found.recursive.habits == [.fixedTTL])
    #expect(found.name.because.contains { $0.contains("does not count TTLs down (200 s") })
    #expect(found.recursive.outlivesTTL)
  }
  @Test func `one address that is many caches is told, and the longest remaining TTL counts`()
    async throws
  {
    let found = try await Self.probe(at: "198.51.100.53:53") { _, read in
      [100, 250, 170][read % 3]
    }
    #expect(found.recursive.habits == [.manyCaches])
    #expect(found.recursive.remainingTTL == 250)
    #expect(found.reads == 16)
  }
  @Test func `the longest remaining TTL may show in the second read alone`() async throws {
    let found = try await Self.probe { seconds, _ in seconds < 5 ? 100 : 280 }
    #expect(found.recursive.habits == [.manyCaches])
    #expect(found.recursive.remainingTTL == 280)
  }
  @Test func `a TTL that is raised or cut is a habit`() async throws {
    let raised = try await Self.probe { seconds, _ in 900 - UInt32(seconds) }
    #expect(raised.recursive.clamp == "floor 900")
    #expect(raised.recursive.habits == [.raisesTTL])
  }
  @Test(arguments: [1, 30] as [UInt32])
  func `without a copy that can tell anything nobody is asked again`(_ ttl: UInt32) async throws {
    let found = try await Self.probe { _, _ in ttl }
    #expect(found.recursive.habits == nil)
    #expect(found.seconds == 0)
    #expect(found.reads == 1)
  }
  @Test func `hundreds of names wait for one pause together`() async {
    let clock = VirtualClock()
    var zone = FakeZone("example.com.")
    let names = (0..<150).map { DomainName(wire: "n\($0).example.com.") }
    zone.records += names.map { DNSRecord($0, .a, ttl: 300, "192.0.2.9") }
    let fake = FakeDNS(servers: [
      ProberTests.one: .zone(zone),
      Self.resolver: .resolver(names.map { "\($0) 300 A 192.0.2.9" }),
    ])
    let prober = Prober(
      fake, zones: [ProberTests.settings([ProberTests.one])],
      resolvers: [DNSServer(Self.resolver)].compactMap { $0 }, clock: clock)
    let found = await prober.probe(names)
    #expect(clock.passedSeconds == 5)
    #expect(found.count { $0.recursives.first?.habits == [.fixedTTL] } == Prober.fewNames)
  }
}

/// What servers say of their own answers (RFC 8914).
struct ExtendedErrorTests {
  private static let name = DomainName(wire: "www.example.com.")
  private static func decoded(_ option: [UInt8]) throws -> [ExtendedDNSError] {
    // A question and one OPT record.
    var octets: [UInt8] = [0, 1, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 1]
    octets += [3] + Array("www".utf8) + [7] + Array("example".utf8) + [3] + Array("com".utf8) + [0]
    octets += [0, 1, 0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0]
    octets += [UInt8(option.count >> 8), UInt8(option.count & 255)] + option
    return try DNSWire.decode(octets).edns?.extendedErrors ?? []
  }
  private static func option(_ code: UInt8, _ text: [UInt8]) -> [UInt8] {
    let count = text.count + 2
    return [0, 15, UInt8(count >> 8), UInt8(count & 255), 0, code] + text
  }

  @Test func `code and text are read, and a text may end in NUL, be no UTF-8 or be long`() throws {
    #expect(
      try Self.decoded(Self.option(6, Array("expired é".utf8)))
        == [.init(6, text: "expired é")])
    #expect(try Self.decoded(Self.option(22, [])) == [.init(22)])
    #expect(
      try Self.decoded(Self.option(3, Array("old".utf8) + [0, 0])) == [.init(3, text: "old")])
    #expect(try Self.decoded(Self.option(0, [0xFF, 0x41]))[0].text == "\u{FFFD}A")
    #expect(
      try Self.decoded(Self.option(0, [UInt8](repeating: 0x41, count: 4000)))[0].text.utf8.count
        == 256)
    // Too short for a code, and one that reaches past the record's end.
    #expect(try Self.decoded([0, 15, 0, 1, 6]) == [])
    #expect(try Self.decoded([0, 15, 0, 9, 0, 6]) == [])
  }
  @Test func `no server makes us keep more than a few`() throws {
    let many = (0..<100).flatMap { Self.option(UInt8($0), [0x41]) }
    #expect(try Self.decoded(many).count == ExtendedDNSError.countMax)
  }
  @Test func `a code has its registered name, an unknown one its number`() throws {
    #expect(ExtendedDNSError(7).name == "Signature Expired")
    #expect(ExtendedDNSError(24).name == "Invalid Data")
    #expect(ExtendedDNSError(49_152).name == "EDE 49152")
    let json = JSONValue.of([ExtendedDNSError(3, text: "x")]).canonical
    #expect(json == #"[{"code":3,"name":"Stale Answer","text":"x"}]"#)
    #expect(
      try JSONValue.read(Array(json.utf8), what: "x").decoded([ExtendedDNSError].self, what: "x")
        == [.init(3, text: "x")])
  }

  private static func probe(
    _ resolver: FakeDNS.Server, _ errors: [String: [ExtendedDNSError]],
    second: FakeDNS.Server? = nil
  ) async -> ProbedName {
    var servers: [String: FakeDNS.Server] = [
      ProberTests.one: .zone(ProberTests.zone), ProberTests.resolverAddress: resolver,
    ]
    servers[ProberTests.two] = second
    var fake = FakeDNS(servers: servers)
    fake.errors = errors
    let zone = ProberTests.settings([ProberTests.one] + (second == nil ? [] : [ProberTests.two]))
    let prober = Prober(
      fake, zones: [zone], resolvers: [DNSServer(ProberTests.resolverAddress)].compactMap { $0 },
      clock: VirtualClock())
    return await prober.probe([name])[0]
  }
  @Test func `a resolver that refuses a bogus answer says why, and the verdict repeats it`() async {
    let errors = [
      ExtendedDNSError(6), ExtendedDNSError(7, text: "RRSIG of www.example.com. is over"),
    ]
    let it = await Self.probe(
      .validator(["www.example.com. 20 CNAME edge.example.com."]),
      [ProberTests.resolverAddress: errors])
    #expect(it.verdict == "bogus")
    #expect(it.recursives.first?.extendedErrors == errors)
    #expect(
      it.because.first?.hasSuffix(
        "it says DNSSEC Bogus (6), Signature Expired (7): RRSIG of www.example.com. is over")
        == true, "\(it.because)")
  }
  @Test func `a server that refuses says why`() async {
    let it = await Self.probe(
      .resolver(["www.example.com. 20 CNAME edge.example.com."]),
      [ProberTests.two: [.init(20, text: "moved away")]], second: .refuses)
    #expect(it.verdict == "lame")
    #expect(it.servers[0].extendedErrors == nil)
    #expect(it.servers[1].extendedErrors == [.init(20, text: "moved away")])
    #expect(
      it.because.contains { $0.contains("refused; it says Not Authoritative (20): moved away") },
      "\(it.because)")
  }
  @Test func `an extended error alone decides nothing`() async {
    let it = await Self.probe(
      .resolver(["www.example.com. 20 CNAME edge.example.com."]),
      [ProberTests.one: [.init(6)], ProberTests.resolverAddress: [.init(6)]])
    #expect(it.verdict == "ok")
  }
}

/// The state of what is signed, over one zone of ECDSA signatures that hold from 2026 to 2036.
struct WildcardTests {
  private static let signed = """
    example.com. 900 SOA ns1.example.com. admin.example.com. 7 3600 600 86400 300
    example.com. 900 RRSIG SOA 13 2 900 20360101000000 20260101000000 53721 example.com. ppYHIhsxgWLsP0WOUun/LaFpaV9H6as88ddS8jUxSjNpFkkDpUoVbuw9uT91ZzUS0BUdfqBrZ0J4LJDc+ScwvA==
    *.wild.example.com. 60 A 192.0.2.80
    *.wild.example.com. 60 RRSIG A 13 3 60 20360101000000 20260101000000 53721 example.com. oIiTIyfM3T6mBeYQsaNaeR9/IuJ8hoFcMYYZ7Wgau15beMlOL9ob/bRGV33dM6XJYuH76b+nLPlgQFrPtghqVQ==
    www.example.com. 300 A 192.0.2.1
    www.example.com. 300 RRSIG A 13 3 300 20360101000000 20260101000000 53721 example.com. YknDaaRon+5jB3wMszGJtBuwdCiYKUGjYWe32PSAEGvG0wjAenvWmg/Vcln2IhT09eb1046sCLNEYW5zwxng6w==
    """
  private static let keys = """
    example.com. 900 DNSKEY 256 3 13 tJYcLSlCbVAr/XNygD0LCuNaM7SFNVoHfp7ZMB58y3Z9IYQCgxGFhOabnT9N4PLluaNqT2yOvII417KxCNDz9w==
    example.com. 900 RRSIG DNSKEY 13 2 900 20360101000000 20260101000000 53721 example.com. jNs7SyMqxPf4+Uc+YHr6+ByuLYmAGZ+1NXSkMCa33QpwVSXbhtg3+GLNTRGcDuockSoXi8uxFNYs8YA0KAhRxw==
    """
  private static func records(_ text: String) -> [DNSRecord] {
    text.split(separator: "\n").map { FakeZone.record(String($0)) }
  }
  /// - Parameter owner: of the zone's records; `asked` is the name that they are answered at.
  private static func state(_ owner: String, asked: String, data: String? = nil) -> DNSSECState {
    let all = records(signed)
    let answer = all.filter { $0.name.text == owner }.map {
      DNSRecord(
        DomainName(wire: asked), $0.type, ttl: $0.ttl,
        $0.type == .a ? data ?? $0.data : $0.data)
    }
    return DNSSECState(
      .init(
        zone: DomainName(wire: "example.com."),
        servers: [answer + all.filter { $0.name.text == "example.com." }], keys: records(keys),
        delegation: nil, isValidated: false, now: Timestamp.read("2026-12-01T00:00:00Z")!))
  }

  @Test func `what is signed for its own name is signed`() {
    #expect(Self.state("www.example.com.", asked: "www.example.com.").state == .signed)
    // The wildcard itself is a name like any other.
    #expect(Self.state("*.wild.example.com.", asked: "*.wild.example.com.").state == .signed)
  }
  @Test
  func
    `an answer made from a wildcard is unknown, since nobody checked that the name is not there`()
  {
    let it = Self.state("*.wild.example.com.", asked: "shop.wild.example.com.")
    #expect(it.state == .unknown)
    #expect(it.findings.contains { $0.contains("signed as a wildcard's") }, "\(it.findings)")
    #expect(it.earliestExpiration != nil)
    #expect(Self.state("*.wild.example.com.", asked: "a.shop.wild.example.com.").state == .unknown)
  }
  @Test func `a wildcard's answer whose signature does not hold is bogus`() {
    let it = Self.state("*.wild.example.com.", asked: "shop.wild.example.com.", data: "192.0.2.81")
    #expect(it.state == .bogus)
  }
}
