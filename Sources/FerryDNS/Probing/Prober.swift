import FerryCore
import FerryHTTP
import Foundation

/// Observes names: the servers of their zones one by one, the CNAME chain, DNSSEC, and the resolvers.
///
/// It writes nothing, and asks resolvers for no name that the zone's servers do not have: they would keep the denial.
public struct Prober: Sendable {
  /// Names under way at once; each is up to seven questions for each server.
  private static let namesAtOnce = 64
  /// One public address is many caches (facts 9.3).
  private static let readsOfPublicResolver = 8

  let asking: Asking
  let delegation: Delegation
  let resolvers: [DNSServer]
  private let now: @Sendable () -> Date
  /// What is the same for every name of a zone, and every name that leads to the same target.
  private let zoneKeys = Locked<[DomainName: Task<ZoneKeys, Never>]>([:])
  private let nextLinks = Locked<[DomainName: Task<Chain.Next, Never>]>([:])
  let addressesOfNames = Locked<[DomainName: Task<Set<String>, Never>]>([:])

  /// - Parameters:
  ///   - zones: those of the settings; their `nameservers` stand for the delegation.
  ///   - resolvers: the recursive vantage points.
  public init(
    _ transport: any DNSTransport, zones: [ZoneSettings], resolvers: [DNSServer],
    now: @escaping @Sendable () -> Date = { Date() }
  ) {
    asking = Asking(transport)
    delegation = Delegation(asking, zones: zones, resolvers: resolvers)
    self.resolvers = resolvers
    self.now = now
  }

  /// - Returns: one value for each name, in the order given; what could not be observed is in it as unknown.
  public func probe(_ names: [DomainName]) async -> [ProbedName] {
    await inParallel(names, atMost: Self.namesAtOnce) { await probe($0) }
  }

  func probe(_ name: DomainName) async -> ProbedName {
    let place: ZoneServers
    switch await delegation.place(of: name) {
    case .lost(let because):
      return ProbedName(name: name, zone: nil, verdict: "unknown", because: [because])
    case .found(let found): place = found
    }
    let reports = await steadied(self.reports(of: name, at: place), name)
    var it = ProbedName(name: name, zone: place.zone, verdict: "")
    it.servers = reports.map(\.entry)
    it.soa = reports.compactMap { $0.soa?.timers }.max { $0.refresh < $1.refresh }
    it.negativeTTL =
      (reports.compactMap(\.negativeTTL).max() ?? reports.compactMap(\.fallback).max()).map(
        Int.init)
    let answers = Self.distinct(reports)
    let exists = answers.contains { !$0.isEmpty }

    async let walked = chain(of: name, reports: reports, in: place.zone)
    async let looked = exists ? recursives(of: name, answers: answers) : []
    async let keys = self.keys(of: place.zone, reports: reports, asksParent: true)
    let chain = await walked
    let resolved = await looked
    let dnssec = await state(of: reports, zone: place.zone, keys: keys, resolved)
    it.chain = chain.links
    it.recursives = resolved.map(\.entry)
    it.dnssec = .init(state: dnssec.state, earliestExpiration: dnssec.earliestExpiration)

    var finding = NameEvidence(it).verdict
    if chain.isRefused, finding.verdict == .ok { finding.verdict = .unknown }
    it.verdict = finding.verdict.rawValue
    it.because =
      finding.because + reports.flatMap(\.findings) + Self.wildcard(name, reports)
      + chain.findings + dnssec.findings + resolved.flatMap(\.findings) + place.findings
    if !exists, !resolvers.isEmpty {
      it.because.append(
        "resolvers were not asked: no server has the name, and they would keep the denial")
    }
    it.because = it.because.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    return it
  }

  // MARK: Authoritative servers

  private func reports(of name: DomainName, at place: ZoneServers) async -> [ServerReport] {
    let above = name == place.zone ? place.zone : name.parent ?? place.zone
    let label = "edgeferry-" + String(UInt64.random(in: 0 ... .max), radix: 36)
    let sibling = DomainName(wire: above == .root ? label : "\(label).\(above)")
    let zone = place.zone
    return await inParallel(place.servers, atMost: 20) { server in
      guard let address = server.server else { return ServerReport(unreachable: server.name) }
      @Sendable func ask(_ name: DomainName, _ type: RRType) async -> DNSOutcome {
        var query = DNSQuery(name, type)
        query.dnssecOK = true
        return await asking.ask(query, of: address)
      }
      async let a = ask(name, .a)
      async let aaaa = ask(name, .aaaa)
      async let https = ask(name, .https)
      async let soa = ask(zone, .soa)
      async let beside = ask(sibling, .a)
      var outcomes = ServerReport.Outcomes(cname: await ask(name, .cname))
      outcomes.a = await a
      outcomes.aaaa = await aaaa
      outcomes.https = await https
      outcomes.soa = await soa
      outcomes.sibling = await beside
      let report = ServerReport(
        address, named: server.name, of: name, in: zone, sibling: sibling, outcomes)
      guard report.entry.verdict == .ok, report.negativeTTL == nil else { return report }
      outcomes.denial = await ask(zone, ServerReport.absentType)
      return ServerReport(
        address, named: server.name, of: name, in: zone, sibling: sibling, outcomes)
    }
  }

  /// A CDN's addresses change from one answer to the next: servers that differ in them alone, and each with itself,
  /// agree. All that were seen then stand for each.
  private func steadied(_ reports: [ServerReport], _ name: DomainName) async -> [ServerReport] {
    let known = reports.indices.filter { reports[$0].entry.verdict == .ok }
    let answers = known.map { reports[$0].entry.answers }
    let areAddresses = answers.allSatisfy { sets in
      !sets.isEmpty && sets.allSatisfy { $0.type == .a || $0.type == .aaaa }
        && sets.map { [$0.type.rawValue, "\($0.ttl)"] }
          == answers[0].map { [$0.type.rawValue, "\($0.ttl)"] }
    }
    guard areAddresses, answers.contains(where: { $0 != answers[0] }) else { return reports }
    var seen = answers[0]
    for sets in answers { Self.add(sets, to: &seen) }
    let changes = await inParallel(known, atMost: 20) { index -> [ProbedName.RRset]? in
      guard let server = DNSServer(reports[index].entry.address) else { return nil }
      var own = reports[index].entry.answers
      let before = own
      for type in before.map(\.type) {
        for _ in 0..<3 {
          guard case .reply(let message, _) = await asking.ask(DNSQuery(name, type), of: server)
          else { continue }
          Self.add(RRsets(message.answer, at: name, types: [type]).sets, to: &own)
        }
      }
      return own == before ? nil : own
    }
    guard changes.contains(where: { $0 != nil }) else { return reports }
    for sets in changes { Self.add(sets ?? [], to: &seen) }
    var out = reports
    for index in known { out[index].entry.answers = seen }
    out[known[0]].findings.append(
      "the addresses change from one answer to the next, as a CDN's do; all that were seen are shown"
    )
    return out
  }
  private static func add(_ sets: [ProbedName.RRset], to seen: inout [ProbedName.RRset]) {
    for set in sets {
      guard let index = seen.firstIndex(where: { $0.type == set.type }) else { continue }
      seen[index].data = Set(seen[index].data + set.data).sorted()
    }
  }

  /// Each way of answering once.
  static func distinct(_ reports: [ServerReport]) -> [[ProbedName.RRset]] {
    reports.filter { $0.entry.verdict == .ok }.map(\.entry.answers).reduce(into: []) {
      if !$0.contains($1) { $0.append($1) }
    }
  }
  private static func wildcard(_ name: DomainName, _ reports: [ServerReport]) -> [String] {
    guard !name.isWildcard, let parent = name.parent, reports.contains(where: \.isWildcard) else {
      return []
    }
    return [
      "\(name) gets what any name beside it gets: the answer is that of the wildcard *.\(parent)"
    ]
  }

  // MARK: Chain

  func chain(of name: DomainName, reports: [ServerReport], in zone: DomainName) async
    -> Chain
  {
    await Chain.walk(from: name) { current in
      if current == name { return Self.next(reports.map(\.entry), in: zone) }
      return await next(at: current)
    }
  }
  private func next(at name: DomainName) async -> Chain.Next {
    let task = nextLinks.withLock { known in
      if let task = known[name] { return task }
      let task = Task { () -> Chain.Next in
        switch await delegation.place(of: name) {
        case .lost(let because): return .unknown(because: because)
        case .found(let place):
          let entries = await inParallel(place.servers.compactMap(\.server), atMost: 20) { server in
            ServerReport(
              server, named: nil, of: name, in: place.zone,
              .init(cname: await asking.ask(DNSQuery(name, .cname), of: server))
            ).entry
          }
          return Self.next(entries, in: place.zone)
        }
      }
      known[name] = task
      return task
    }
    return await task.value
  }
  /// The highest TTL of the CNAME over the servers; the target that most of them give.
  private static func next(_ entries: [ProbedName.Server], in zone: DomainName) -> Chain.Next {
    let known = entries.filter { $0.verdict == .ok }
    guard !known.isEmpty else {
      return .unknown(because: "no server of \(zone) gave an answer that counts")
    }
    let sets = known.compactMap { $0.answers[.cname] }
    let targets = Dictionary(grouping: sets.compactMap { $0.data.first }) { $0 }
    guard let most = targets.max(by: { ($0.value.count, $1.key) < ($1.value.count, $0.key) }) else {
      return .end
    }
    return .link(
      zone: zone, ttl: sets.map(\.ttl).max() ?? 0, target: DomainName(wire: most.key))
  }

  // MARK: Resolvers

  func recursives(of name: DomainName, answers: [[ProbedName.RRset]]) async
    -> [ResolverReport]
  {
    let types = Self.typesToRead(answers)
    return await inParallel(resolvers, atMost: 20) { resolver in
      @Sendable func ask(_ query: DNSQuery) async -> DNSOutcome {
        await asking.ask(query, of: resolver)
      }
      var first = DNSQuery(name, types.first ?? .a)
      first.dnssecOK = true
      let before = await ask(first)
      if case .silent = before {
        return ResolverReport(resolver, of: name, authoritative: answers, .init(reads: [before]))
      }
      let questions = types.flatMap { type in
        [DNSQuery](
          repeating: Self.reading(name, type), count: Self.reads(of: resolver))
      }
      var outcomes = ResolverReport.Outcomes(
        before: before, reads: await inParallel(questions, atMost: 8) { await ask($0) })
      if outcomes.reads.contains(where: Self.isServFail) {
        first.recursionDesired = true
        first.checkingDisabled = true
        outcomes.unchecked = await ask(first)
      }
      return ResolverReport(resolver, of: name, authoritative: answers, outcomes)
    }
  }
  static func reading(_ name: DomainName, _ type: RRType) -> DNSQuery {
    var query = DNSQuery(name, type, recursionDesired: true)
    query.dnssecOK = true
    return query
  }
  static func reads(of resolver: DNSServer) -> Int {
    resolver.transport == .https || !isPrivateAddress(resolver.address)
      ? readsOfPublicResolver : 1
  }
  /// The types that the zone has, so that a resolver learns no denial through us; of a CNAME any one shows it.
  static func typesToRead(_ answers: [[ProbedName.RRset]]) -> [RRType] {
    let types = Set(answers.joined().map(\.type))
    return types.contains(.cname) ? [.cname] : ServerReport.types.filter(types.contains)
  }
  static func isServFail(_ outcome: DNSOutcome) -> Bool {
    guard case .reply(let message, _) = outcome else { return false }
    return message.rcode == .servFail
  }

  // MARK: DNSSEC

  struct ZoneKeys: Sendable {
    var keys: [DNSRecord]?
    var delegation: [DNSRecord]?
  }
  /// - Parameter asksParent: for a DS even where the zone has no key; with keys the parent is always asked.
  func keys(of zone: DomainName, reports: [ServerReport], asksParent: Bool) async -> ZoneKeys {
    let servers = reports.filter { $0.entry.verdict == .ok }.compactMap {
      DNSServer($0.entry.address)
    }
    guard !servers.isEmpty else { return ZoneKeys() }
    let task = zoneKeys.withLock { known in
      if let task = known[zone] { return task }
      let task = Task {
        var out = ZoneKeys()
        for server in servers.prefix(4) {
          var query = DNSQuery(zone, .dnskey)
          query.dnssecOK = true
          let reading = Reading.of(
            await asking.ask(query, of: server), about: zone, in: zone)
          guard case .answer(let message, _) = reading else { continue }
          out.keys = message.answer
          break
        }
        guard asksParent || !(out.keys ?? []).isEmpty else { return out }
        if let message = await asking.resolve(zone, .ds, by: resolvers, tries: 1) {
          out.delegation = message.answer.filter { $0.type == .ds && $0.name == zone }
        }
        return out
      }
      known[zone] = task
      return task
    }
    return await task.value
  }
  func state(
    of reports: [ServerReport], zone: DomainName, keys: ZoneKeys, _ resolved: [ResolverReport]
  ) -> DNSSECState {
    DNSSECState(
      .init(
        zone: zone, servers: reports.filter { $0.entry.verdict == .ok }.map(\.records),
        keys: keys.keys, delegation: keys.delegation,
        isValidated: resolved.contains(where: \.isValidated), now: now()))
  }
}
