import Foundation
import Testing

@testable import Cutover
@testable import FerryCommand
@testable import FerryCore
@testable import FerryDNS

/// What `cutover verify` is asked, and what it makes of the verdicts.
struct VerifyTests {
  static let www = DomainName(wire: "www.example.com.")
  static let api = DomainName(wire: "api.example.com.")
  static let source = DomainName(wire: "d111.cloudfront.net.")
  static let target = DomainName(wire: "d222.cloudfront.net.")
  static let zone = DomainName(wire: "example.com.")

  static func cname(_ target: DomainName, ttl: Int) -> RecordValue {
    RecordValue(ttl: ttl, data: [target.text])
  }
  static func alias(_ target: DomainName) -> RecordValue {
    RecordValue(alias: .init(hostedZoneId: RecordValue.Alias.cloudFrontZone, dnsName: target))
  }
  static func plan(_ actions: [Action]) -> Plan {
    Plan(
      name: "p", capability: "cutover", createdAt: Date(timeIntervalSince1970: 0), tool: "t",
      accounts: [:], observed: .init(inventoryDigest: ""),
      steps: actions.enumerated().map {
        Step(id: "s\($0.offset)", title: "", account: nil, action: $0.element)
      },
      schedule: .init(
        start: Date(timeIntervalSince1970: 0), end: Date(timeIntervalSince1970: 0),
        criticalPathSeconds: 0, exposureSeconds: 0), permissions: [])
  }

  @Test func `a plan is verified from what it first replaces to what it leaves`() throws {
    let key = RecordKey(Self.www, .cname)
    let (old, new) = (Self.source, Self.target)
    let plan = Self.plan([
      .replace(
        zone: Self.zone,
        RecordChange(key, from: Self.cname(old, ttl: 3600), to: Self.cname(old, ttl: 60))),
      .replace(
        zone: Self.zone,
        RecordChange(key, from: Self.cname(old, ttl: 60), to: Self.cname(new, ttl: 60))),
      .observe,
      .replace(
        zone: Self.zone,
        RecordChange(key, from: Self.cname(new, ttl: 60), to: Self.cname(new, ttl: 3600))),
    ])
    #expect(
      try VerifyCommand.moves(of: plan) == [NameMove(name: Self.www, target: new, source: old)])
  }
  @Test func `A and AAAA aliases of one name are one move, a changed TTL alone is none`() throws {
    let changes = [RRType.a, .aaaa].map {
      RecordChange(
        RecordKey(Self.api, $0), from: Self.alias(Self.source), to: Self.alias(Self.target))
    }
    let lowered = RecordChange(
      RecordKey(Self.www, .cname), from: Self.cname(Self.source, ttl: 3600),
      to: Self.cname(Self.source, ttl: 60))
    let plan = Self.plan([
      .batch(zone: Self.zone, changes: changes), .replace(zone: Self.zone, lowered),
    ])
    #expect(
      try VerifyCommand.moves(of: plan) == [
        NameMove(name: Self.api, target: Self.target, source: Self.source)
      ])
    let none = #expect(throws: FerryError.self) {
      try VerifyCommand.moves(of: Self.plan([.replace(zone: Self.zone, lowered)]))
    }
    #expect(none?.code == "bad-plan")
    #expect(none?.exit == .usage)
  }
  @Test func `a CNAME that becomes an alias is one move`() throws {
    let plan = Self.plan([
      .batch(
        zone: Self.zone,
        changes: [
          RecordChange(
            RecordKey(Self.www, .cname), from: Self.cname(Self.source, ttl: 60), to: nil),
          RecordChange(RecordKey(Self.www, .a), from: nil, to: Self.alias(Self.target)),
        ])
    ])
    #expect(
      try VerifyCommand.moves(of: plan) == [
        NameMove(name: Self.www, target: Self.target, source: Self.source)
      ])
  }
  @Test func `a name twice is verified once, with two targets refused`() throws {
    let same = [WantedMove(name: Self.www, target: Self.target)]
    #expect(try VerifyCommand.moves(same + same, from: nil).count == 1)
    let error = #expect(throws: FerryError.self) {
      try VerifyCommand.moves(
        same + [WantedMove(name: Self.www, target: Self.source)], from: nil)
    }
    #expect(error?.code == "bad-names")
  }

  @Test(arguments: [
    (Judgement.Verdict.changed, CutoverVerdict.DNS.changed), (.notYet, .notYet), (.absent, .notYet),
    (.disagree, .disagree), (.splitByFamily, .splitByFamily),
    (.overriddenByView, .overriddenByView), (.bogus, .bogus), (.negativeCached, .negativeCached),
    (.lame, .unknown), (.unknown, .unknown), (.ok, .unknown),
  ])
  func `nothing but changed becomes changed`(
    _ verdict: Judgement.Verdict, _ dns: CutoverVerdict.DNS
  ) {
    #expect(verdict.ofMove == dns)
  }

  @Test func `the verdicts are written as JSON as any other document is`() {
    let hostile = (0..<0x80).map { String(UnicodeScalar(UInt8($0))) }.joined() + "bücher/\u{2028}🚚"
    let names = [
      CutoverVerdict.Name(
        name: Self.www, dns: .changed, serving: .target, because: ["DNS: 1", "2"]),
      .init(name: Self.api, dns: .splitByFamily, serving: .unknown, because: []),
      .init(
        name: DomainName(wire: "a\\\"b.example."), dns: .notYet, serving: .mixed, because: [hostile]
      ),
    ]
    for count in 0...names.count {
      let some = Array(names.prefix(count))
      #expect(VerdictText.json(some) == FerryJSON.document(CutoverVerdict(names: some)))
    }
  }
  @Test func `a probe reads as a table, with what is foreign escaped`() {
    var it = ProbedName(
      name: DomainName(wire: "xn--bcher-kva.example."), zone: DomainName(wire: "example."),
      servers: [
        .init(
          name: DomainName(wire: "ns1.example."), address: "192.0.2.1:53", authoritative: true,
          rcode: .noError,
          answers: [
            .init(
              name: DomainName(wire: "xn--bcher-kva.example."), type: .cname, ttl: 300,
              data: ["evil\u{1B}[2J.example."])
          ], soaSerial: 7, rttMilliseconds: 1.25, verdict: .ok),
        .init(name: nil, address: "192.0.2.2:53", verdict: .timeout),
      ],
      chain: [
        .init(
          name: DomainName(wire: "xn--bcher-kva.example."), zone: DomainName(wire: "example."),
          type: .cname, ttl: 300, target: DomainName(wire: "d1.example."))
      ], negativeTTL: 900,
      recursives: [
        .init(address: "192.0.2.53:53", rcode: nil, verdict: "timeout"),
        .init(address: "192.0.2.54:53", rcode: .servFail, verdict: "servfail"),
      ],
      verdict: "unknown", because: ["1 of 2 servers answer"])
    it.recursives[1].habits = [.manyCaches, .raisesTTL]
    it.recursives[1].extendedErrors = [.init(6, text: "bad\u{1B}[2J\u{202E}sig"), .init(22)]
    it.soa = .init(refresh: 7200, retry: 900, expire: 1_209_600, minimum: 86_400)
    let probe = Probe(at: Date(timeIntervalSince1970: 0), names: [it])
    #expect(
      ProbeText.render(probe) == """
        xn--bcher-kva.example. (bücher.example.)  UNKNOWN
          1 of 2 servers answer
          zone example., denials are kept 15 min, secondaries ask every 2 h, again after 15 min, DNSSEC unknown
          xn--bcher-kva.example. (bücher.example.) -> d1.example.  TTL 300, zone example.
          SERVER        ADDRESS       STATE    AA   RCODE    SERIAL  MS   ANSWER
          ns1.example.  192.0.2.1:53  ok       yes  NOERROR  7       1.2  CNAME evil\\u{1b}[2J.example. (TTL 300)
          -             192.0.2.2:53  timeout  no   -        -       -    -
          RESOLVER       STATE     RCODE     LEFT  CLAMP  HABITS                   ANSWER
          192.0.2.53:53  timeout   -         -     -      -                        -
          192.0.2.54:53  servfail  SERVFAIL  -     -      many-caches, raises-ttl  -
          192.0.2.54:53 says: DNSSEC Bogus (6): bad\\u{1b}[2J\\u{202e}sig, No Reachable Authority (22)

        """)
    let markdown = ProbeText.markdownText(probe)
    #expect(!markdown.contains("\u{1B}") && !markdown.contains("\u{202E}"))
    #expect(markdown.contains("No Reachable Authority"))
  }
  @Test func `what was not observed is null in the JSON, never missing`() throws {
    let it = ProbedName(
      name: Self.www, zone: nil, servers: [.init(name: nil, address: "", verdict: .unknown)],
      recursives: [.init(address: "", verdict: "timeout")], verdict: "unknown")
    let json = JSONValue.of(it)
    #expect(json["zone"] == .null)
    #expect(json["negativeTTL"] == .null)
    #expect(json["dnssec"]?["earliestExpiration"] == .null)
    let server = json["servers"]?.array?.first
    for key in ["name", "rcode", "soaSerial", "rttMilliseconds"] { #expect(server?[key] == .null) }
    let resolver = json["recursives"]?.array?.first
    for key in ["rcode", "remainingTTL", "clamp"] { #expect(resolver?[key] == .null) }
    // What came later is left out: a plan of before keeps its digest.
    #expect(resolver?["habits"] == nil && resolver?["extendedErrors"] == nil)
    #expect(server?["extendedErrors"] == nil)
    #expect(try json.decoded(ProbedName.self, what: "probe") == it)
  }
}
