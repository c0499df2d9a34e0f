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
  private let clock: any FerryClock
  /// What is the same for every name of a zone, and every name that leads to the same target.
  private let zoneKeys = Locked<[DomainName: Task<ZoneKeys, Never>]>([:])
  private let nextLinks = Locked<[DomainName: Task<Chain.Next, Never>]>([:])
  let addressesOfNames = Locked<[DomainName: Task<Set<String>, Never>]>([:])

  /// - Parameters:
  ///   - zones: those of the settings; their `nameservers` stand for the delegation.
  ///   - resolvers: the recursive vantage points.
  public init(
    _ transport: any DNSTransport, zones: [ZoneSettings], resolvers: [DNSServer],
    clock: any FerryClock = SystemClock()
  ) {
    asking = Asking(transport)
    delegation = Delegation(asking, zones: zones, resolvers: resolvers)
    self.resolvers = resolvers
    self.clock = clock
  }

  /// - Returns: one value for each name, in the order given; what could not be observed is in it as unknown.
  public func probe(_ names: [DomainName]) async -> [ProbedName] {
    var looks = await inParallel(names, atMost: Self.namesAtOnce) { await look($0) }
    await readAgain(&looks)
    return looks.map(finished)
  }

  /// What was observed of one name, before it is judged.
  private struct Look: Sendable {
    var name: DomainName
    var place: ZoneServers
    /// Why the zone was not found.
    var lost: String?
    var reports: [ServerReport] = []
    /// Each way of answering once.
    var answers: [[ProbedName.RRset]] = []
    var chain = Chain()
    var keys = ZoneKeys()
    var resolved: [ResolverReport.Outcomes] = []
    var exists: Bool { answers.contains { !$0.isEmpty } }
  }

  private func look(_ name: DomainName) async -> Look {
    switch await delegation.place(of: name) {
    case .lost(let because):
      return Look(name: name, place: ZoneServers(zone: name, servers: []), lost: because)
    case .found(let place):
      var it = Look(name: name, place: place)
      it.reports = await steadied(self.reports(of: name, at: place), name)
      it.answers = Self.distinct(it.reports)
      let (reports, answers, exists) = (it.reports, it.answers, it.exists)
      async let walked = chain(of: name, reports: reports, in: place.zone)
      async let looked = exists ? recursives(of: name, answers: answers) : []
      async let keys = self.keys(of: place.zone, reports: reports, asksParent: true)
      it.chain = await walked
      it.resolved = await looked
      it.keys = await keys
      return it
    }
  }

  private func finished(_ it: Look) -> ProbedName {
    if let because = it.lost {
      return ProbedName(name: it.name, zone: nil, verdict: "unknown", because: [because])
    }
    let (name, reports) = (it.name, it.reports)
    var out = ProbedName(name: name, zone: it.place.zone, verdict: "")
    out.servers = reports.map(\.entry)
    out.soa = reports.compactMap { $0.soa?.timers }.max { $0.refresh < $1.refresh }
    out.negativeTTL =
      (reports.compactMap(\.negativeTTL).max() ?? reports.compactMap(\.fallback).max()).map(
        Int.init)
    let resolved = zip(resolvers, it.resolved).map {
      ResolverReport($0, of: name, authoritative: it.answers, $1)
    }
    let dnssec = state(of: reports, zone: it.place.zone, keys: it.keys, resolved)
    out.chain = it.chain.links
    out.chainUnknown = it.chain.unknown
    out.recursives = resolved.map(\.entry)
    out.dnssec = .init(state: dnssec.state, earliestExpiration: dnssec.earliestExpiration)

    var finding = NameEvidence(out).verdict
    if it.chain.isRefused, finding.verdict == .ok { finding.verdict = .unknown }
    out.verdict = finding.verdict.rawValue
    out.because =
      finding.because + reports.flatMap(\.findings) + Self.wildcard(name, reports)
      + it.chain.findings + dnssec.findings + resolved.flatMap(\.findings) + it.place.findings
    if !it.exists, !resolvers.isEmpty {
      out.because.append(
        "resolvers were not asked: no server has the name, and they would keep the denial")
    }
    out.because = out.because.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    return out
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

  private func recursives(of name: DomainName, answers: [[ProbedName.RRset]]) async
    -> [ResolverReport.Outcomes]
  {
    let types = Self.typesToRead(answers)
    return await inParallel(resolvers, atMost: 20) { resolver in
      var first = DNSQuery(name, types.first ?? .a)
      first.dnssecOK = true
      let before = await asking.ask(first, of: resolver)
      let began = clock.elapsed.seconds
      if case .silent = before { return .init(reads: [before], began: began, ended: began) }
      var outcomes = ResolverReport.Outcomes(
        before: before, reads: await read(name, types, at: resolver), began: began,
        ended: clock.elapsed.seconds)
      if outcomes.reads.contains(where: Self.isServFail) {
        first.recursionDesired = true
        first.checkingDisabled = true
        outcomes.unchecked = await asking.ask(first, of: resolver)
      }
      return outcomes
    }
  }
  private func read(_ name: DomainName, _ types: [RRType], at resolver: DNSServer) async
    -> [DNSOutcome]
  {
    let questions = types.flatMap { type in
      [DNSQuery](repeating: Self.reading(name, type), count: Self.reads(of: resolver))
    }
    return await inParallel(questions, atMost: 8) { await asking.ask($0, of: resolver) }
  }
  /// A second time, one pause for all names; none where no resolver has a copy that could tell anything by then.
  private func readAgain(_ looks: inout [Look]) async {
    var wanted: [(look: Int, resolver: Int)] = []
    for (index, look) in looks.enumerated().prefix(Self.fewNames) {
      for (place, outcomes) in look.resolved.enumerated()
      where outcomes.isTelling(of: look.name, authoritative: look.answers) {
        wanted.append((index, place))
      }
    }
    guard !wanted.isEmpty else { return }
    do { try await clock.sleep(seconds: CacheHabits.pauseSeconds) } catch { return }
    let known = looks
    let rounds = await inParallel(wanted, atMost: Self.namesAtOnce) { at in
      let it = known[at.look]
      let began = clock.elapsed.seconds
      let reads = await read(
        it.name, Self.typesToRead(it.answers), at: resolvers[at.resolver])
      return ResolverReport.Outcomes.Again(
        reads: reads, began: began, ended: clock.elapsed.seconds)
    }
    for (at, round) in zip(wanted, rounds) {
      looks[at.look].resolved[at.resolver].again = round
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
        isValidated: resolved.contains(where: \.isValidated), now: clock.now))
  }
}
