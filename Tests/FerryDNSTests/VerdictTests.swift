import FerryCore
import Foundation
import Testing

@testable import FerryDNS

/// Every verdict from arranged looks: what the rules make of what was observed.
struct VerdictTests {
  static let zone = DomainName(wire: "example.com.")
  static let name = DomainName(wire: "www.example.com.")
  static let source = DomainName(wire: "d111.cloudfront.net.")
  static let target = DomainName(wire: "d222.cloudfront.net.")

  static func cname(_ target: DomainName, ttl: Int = 60) -> [ProbedName.RRset] {
    [.init(name: name, type: .cname, ttl: ttl, data: [target.text])]
  }
  static func addresses(_ type: RRType, _ data: String...) -> ProbedName.RRset {
    .init(name: name, type: type, ttl: 60, data: data)
  }
  static func server(
    _ index: Int, _ answers: [ProbedName.RRset], _ verdict: ProbedName.Server.Verdict = .ok,
    address: String? = nil
  ) -> ProbedName.Server {
    .init(
      name: DomainName(wire: "ns\(index).example.com."),
      address: address ?? "192.0.2.\(index):53", authoritative: verdict == .ok,
      rcode: verdict == .timeout ? nil : .noError, answers: answers, verdict: verdict)
  }
  static func resolver(_ answers: [ProbedName.RRset], ttl: Int? = 17, _ verdict: String = "differs")
    -> ProbedName.Recursive
  {
    .init(
      address: "192.0.2.53:53", rcode: .noError, answers: answers, remainingTTL: ttl,
      verdict: verdict)
  }
  static func judge(
    _ servers: [ProbedName.Server], _ recursives: [ProbedName.Recursive] = [],
    dnssec: ProbedName.DNSSEC.State = .insecure, from source: DomainName? = source,
    chain: [ProbedName.Link] = []
  ) -> Judgement {
    let probed = ProbedName(
      name: name, zone: Self.zone, servers: servers, chain: chain,
      dnssec: .init(state: dnssec), recursives: recursives, verdict: "")
    return NameEvidence(probed, move: NameMove(name: name, target: target, source: source)).verdict
  }
  static func probe(
    _ servers: [ProbedName.Server], _ recursives: [ProbedName.Recursive] = [],
    dnssec: ProbedName.DNSSEC.State = .insecure
  ) -> Judgement {
    NameEvidence(
      ProbedName(
        name: name, zone: Self.zone, servers: servers, dnssec: .init(state: dnssec),
        recursives: recursives, verdict: "")
    ).verdict
  }

  let old = Self.cname(Self.source)
  let new = Self.cname(Self.target)
  let third = Self.cname(DomainName(wire: "elsewhere.example.net."))

  @Test func `the target on every server is changed`() {
    let finding = Self.judge([Self.server(1, new), Self.server(2, new)])
    #expect(finding == Judgement(.changed, "2 of 2 servers answer the target"))
  }
  @Test func `the target with another TTL is still the target`() {
    let finding = Self.judge([
      Self.server(1, new), Self.server(2, Self.cname(Self.target, ttl: 3600)),
    ])
    #expect(finding.verdict == .changed)
  }
  @Test func `the source on every server is not yet`() {
    let finding = Self.judge([Self.server(1, old), Self.server(2, old)])
    #expect(finding == Judgement(.notYet, "2 of 2 servers still answer d111.cloudfront.net."))
  }
  @Test func `not one server with the target is not yet, however many are silent`() {
    #expect(Self.judge([Self.server(1, old), Self.server(2, [], .timeout)]).verdict == .notYet)
  }
  @Test func `a third value everywhere is not yet, and said to be somebody else's`() {
    let finding = Self.judge([Self.server(1, third)])
    #expect(finding.verdict == .notYet)
    #expect(finding.because.first?.contains("neither source nor target") == true)
  }
  @Test func `a name that does not exist has not moved`() {
    let finding = Self.judge([Self.server(1, []), Self.server(2, [])])
    #expect(
      finding == Judgement(.notYet, "2 of 2 servers say that www.example.com. does not exist"))
  }
  @Test(arguments: [true, false])
  func `one server of three with something else is disagree, 2 of 3`(_ isThird: Bool) {
    let finding = Self.judge([
      Self.server(1, new), Self.server(2, new), Self.server(3, isThird ? third : old),
    ])
    #expect(finding.verdict == .disagree)
    #expect(finding.because.first == "2 of 3 servers answer the target")
    #expect(finding.because.last?.hasPrefix("ns3.example.com. (192.0.2.3:53) still") == true)
  }
  @Test func `disagree is certain even beside a silent server`() {
    let finding = Self.judge([
      Self.server(1, new), Self.server(2, old), Self.server(3, [], .timeout),
    ])
    #expect(finding.verdict == .disagree)
  }
  @Test(arguments: [ProbedName.Server.Verdict.timeout, .servfail, .forged, .unknown])
  func `a server that was not heard makes it unknown, never changed`(
    _ verdict: ProbedName.Server.Verdict
  ) {
    let finding = Self.judge([Self.server(1, new), Self.server(2, [], verdict)])
    #expect(finding.verdict == .unknown)
    #expect(finding.because.last == "ns2.example.com. (192.0.2.2:53): \(verdict.rawValue)")
  }
  @Test func `no server heard at all is unknown`() {
    #expect(
      Self.judge([Self.server(1, [], .timeout), Self.server(2, [], .lame)]).verdict == .unknown)
    #expect(Self.judge([]).verdict == .unknown)
  }
  @Test(arguments: [ProbedName.Server.Verdict.lame, .refused])
  func `a server that does not serve the zone is lame`(_ verdict: ProbedName.Server.Verdict) {
    #expect(Self.judge([Self.server(1, new), Self.server(2, [], verdict)]).verdict == .lame)
    #expect(Self.judge([Self.server(1, [], verdict)]).verdict == .lame)
  }
  @Test func `IPv4 servers against IPv6 servers is split by family`() {
    let finding = Self.judge([
      Self.server(1, new), Self.server(2, new),
      Self.server(3, old, address: "[2001:db8::3]:53"),
      Self.server(4, old, address: "[2001:db8::4]:53"),
    ])
    #expect(finding.verdict == .splitByFamily)
  }
  @Test func `one of two IPv6 servers with the old answer is disagree, not a split`() {
    let finding = Self.judge([
      Self.server(1, new), Self.server(3, old, address: "[2001:db8::3]:53"),
      Self.server(4, new, address: "[2001:db8::4]:53"),
    ])
    #expect(finding.verdict == .disagree)
  }
  @Test func `signatures that do not hold are bogus before anything else`() {
    #expect(Self.judge([Self.server(1, new)], dnssec: .bogus).verdict == .bogus)
    #expect(
      Self.judge([Self.server(1, new)], [Self.resolver([], ttl: nil, "bogus")]).verdict == .bogus)
  }

  // MARK: Resolvers

  @Test func `a resolver with the old copy is not yet, with the time it has left`() {
    let finding = Self.judge([Self.server(1, new)], [Self.resolver(old)])
    #expect(finding.verdict == .notYet)
    #expect(finding.because.first?.hasSuffix("for at most 18 s") == true)
  }
  @Test func `a resolver with neither source nor target is overridden by a view`() {
    #expect(
      Self.judge([Self.server(1, new)], [Self.resolver(third)]).verdict == .overriddenByView)
  }
  @Test func `without the source a third value may be the old one, so it is not yet`() {
    #expect(
      Self.judge([Self.server(1, new)], [Self.resolver(third)], from: nil).verdict == .notYet)
  }
  @Test func `a resolver that denies what the servers have is negative-cached`() {
    let finding = Self.judge(
      [Self.server(1, new)], [Self.resolver([], ttl: 250, "negative-cached")])
    #expect(finding.verdict == .negativeCached)
    #expect(finding.because.first?.hasSuffix("for at most 251 s more") == true)
  }
  @Test func `a silent resolver proves nothing, and is named`() {
    let finding = Self.judge([Self.server(1, new)], [Self.resolver([], ttl: nil, "timeout")])
    #expect(finding.verdict == .changed)
    #expect(finding.because.last?.contains("192.0.2.53:53") == true)
  }
  @Test func `a resolver with the target is no obstacle`() {
    #expect(
      Self.judge([Self.server(1, new)], [Self.resolver(new, ttl: 9, "ok")]).verdict == .changed)
  }

  // MARK: Chains and addresses

  @Test func `a name that leads to the target over another name has moved`() {
    let between = DomainName(wire: "edge.example.com.")
    let chain = [
      ProbedName.Link(
        name: Self.name, zone: Self.zone, type: .cname, ttl: 60, target: between),
      ProbedName.Link(
        name: between, zone: Self.zone, type: .cname, ttl: 60, target: Self.target),
    ]
    #expect(Self.judge([Self.server(1, Self.cname(between))], chain: chain).verdict == .changed)
    #expect(Self.judge([Self.server(1, third)], chain: chain).verdict == .notYet)
  }

  static func judgeAddresses(
    _ sets: [ProbedName.RRset], target: Set<String>, source: Set<String>
  ) -> Judgement {
    var move = NameMove(name: name, target: Self.target, source: Self.source)
    move.targetAddresses = target
    move.sourceAddresses = source
    return NameEvidence(
      ProbedName(
        name: name, zone: Self.zone, servers: [server(1, sets)],
        dnssec: .init(state: .insecure), verdict: ""), move: move
    ).verdict
  }
  @Test func `an alias record is told by the addresses of its target`() {
    let sets = [Self.addresses(.a, "192.0.2.80"), Self.addresses(.aaaa, "2001:db8::80")]
    let own: Set = ["192.0.2.80", "192.0.2.81", "2001:db8::80"]
    #expect(Self.judgeAddresses(sets, target: own, source: ["192.0.2.9"]).verdict == .changed)
    #expect(Self.judgeAddresses(sets, target: ["192.0.2.9"], source: own).verdict == .notYet)
    #expect(Self.judgeAddresses(sets, target: own, source: own).verdict == .unknown)
    #expect(Self.judgeAddresses(sets, target: [], source: own).verdict == .unknown)
  }
  @Test func `A moved and AAAA not is split by family`() {
    let finding = Self.judgeAddresses(
      [Self.addresses(.a, "192.0.2.80"), Self.addresses(.aaaa, "2001:db8::9")],
      target: ["192.0.2.80", "2001:db8::80"], source: ["192.0.2.9", "2001:db8::9"])
    #expect(finding.verdict == .splitByFamily)
  }
  @Test func `an HTTPS record that still points to the source has not moved`() {
    let finding = Self.judgeAddresses(
      [Self.addresses(.a, "192.0.2.80"), Self.addresses(.https, "0 d111.cloudfront.net.")],
      target: ["192.0.2.80"], source: ["192.0.2.9"])
    #expect(finding.verdict == .notYet)
  }

  // MARK: Probe

  @Test func `a probe of servers that agree is ok, of absent names absent`() {
    #expect(Self.probe([Self.server(1, old), Self.server(2, old)]).verdict == .ok)
    #expect(Self.probe([Self.server(1, []), Self.server(2, [])]).verdict == .absent)
  }
  @Test func `servers that differ in the TTL alone disagree`() {
    let finding = Self.probe([
      Self.server(1, old), Self.server(2, Self.cname(Self.source, ttl: 3600)), Self.server(3, old),
    ])
    #expect(finding.verdict == .disagree)
    #expect(finding.because.first?.hasPrefix("2 of 3 servers") == true)
    #expect(finding.because.last?.contains("TTL 3600") == true)
  }
  @Test func `a probe beside a silent server is unknown, beside a lame one lame`() {
    #expect(Self.probe([Self.server(1, old), Self.server(2, [], .timeout)]).verdict == .unknown)
    #expect(Self.probe([Self.server(1, old), Self.server(2, [], .lame)]).verdict == .lame)
  }
  @Test func `a probe names a view and a denial that a resolver keeps`() {
    #expect(
      Self.probe([Self.server(1, old)], [Self.resolver(third, ttl: 9, "overridden-by-view")])
        .verdict
        == .overriddenByView)
    #expect(
      Self.probe([Self.server(1, old)], [Self.resolver([], ttl: 9, "negative-cached")]).verdict
        == .negativeCached)
    #expect(Self.probe([Self.server(1, old)], [Self.resolver(third)]).verdict == .ok)
  }
}
