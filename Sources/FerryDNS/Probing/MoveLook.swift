import FerryCore

/// Looking whether names have moved: one question to each server for a name that is a CNAME, so that ten thousand
/// names on four servers are forty thousand questions, asked all at once.
extension Prober {
  /// Names looked at one by one, where the first question did not settle it.
  private static let namesAtOnce = 64
  /// Above this many names each resolver is read once, whatever it is.
  public static let fewNames = 100

  /// What is known of one name while it is looked at.
  private struct Looked: Sendable {
    var move: NameMove
    var place: ZoneServers
    var reports: [ServerReport] = []
    var chain: [ProbedName.Link] = []
    var resolved: [ResolverReport] = []
    /// Each way of answering once.
    var answers: [[ProbedName.RRset]] = []
  }

  /// - Parameter asksResolvers: whether resolvers are read too; they are evidence, the servers decide.
  /// - Returns: the evidence for each move, in the order given; `verdict` judges it.
  public func look(_ moves: [NameMove], asksResolvers: Bool = true) async -> [NameEvidence] {
    // In pieces, so that one is judged while the answers to the next come in.
    let pieces = stride(from: 0, to: moves.count, by: Self.piece).map {
      Array(moves[$0..<min($0 + Self.piece, moves.count)])
    }
    return await inParallel(pieces, atMost: Self.piecesAtOnce) {
      await lookAtOnce($0, isMany: moves.count > Self.fewNames, asksResolvers: asksResolvers)
    }.flatMap { $0 }
  }
  private static let piece = 1000
  private static let piecesAtOnce = 3

  private func lookAtOnce(_ moves: [NameMove], isMany: Bool, asksResolvers: Bool) async
    -> [NameEvidence]
  {
    let places = await inParallel(moves, atMost: Self.namesAtOnce) { move in
      // The settings' servers without a question whether a cut lies below: the answer will tell.
      if let given = delegation.given(for: move.name) { return Delegation.Place.found(given) }
      return await delegation.place(of: move.name)
    }
    var looked = zip(moves, places).map { move, place in
      if case .found(let found) = place { return Looked(move: move, place: found) }
      return Looked(move: move, place: ZoneServers(zone: move.name, servers: []))
    }
    await askServers(&looked)
    let open = looked.indices.filter { Self.isOpen(looked[$0]) }
    let more = await inParallel(open.map { looked[$0] }, atMost: Self.namesAtOnce) {
      await followed($0)
    }
    for (index, it) in zip(open, more) { looked[index] = it }
    if asksResolvers { await askResolvers(&looked, isMany: isMany) }
    // The keys of a zone are asked for once; most zones have none, and then there is nothing to wait for.
    var keys: [DomainName: ZoneKeys] = [:]
    for it in looked
    where keys[it.place.zone] == nil && it.reports.contains(where: { $0.entry.verdict == .ok }) {
      keys[it.place.zone] = await self.keys(
        of: it.place.zone, reports: it.reports, asksParent: false)
    }
    return looked.indices.map { index in
      if case .lost(let because) = places[index] {
        return NameEvidence(
          ProbedName(name: moves[index].name, zone: nil, verdict: "", because: [because]),
          move: moves[index])
      }
      return evidence(looked[index], keys[looked[index].place.zone] ?? ZoneKeys())
    }
  }

  /// Whether more has to be asked than the one question for each server.
  private static func isOpen(_ it: Looked) -> Bool {
    it.reports.contains { $0.refersTo != nil }
      || it.answers.contains {
        $0.target.map { $0 != it.move.target && $0 != it.move.source } ?? true
      }
  }

  private static func question(_ name: DomainName, _ type: RRType) -> DNSQuery {
    var query = DNSQuery(name, type)
    query.dnssecOK = true
    query.answersAlone = true
    return query
  }

  private func askServers(_ looked: inout [Looked]) async {
    var asks: [(query: DNSQuery, server: DNSServer)] = []
    for it in looked {
      for server in it.place.servers.compactMap(\.server) {
        asks.append((Self.question(it.move.name, .cname), server))
      }
    }
    var outcomes = await asking.askAll(asks)[...]
    for index in looked.indices {
      let it = looked[index]
      looked[index].reports = it.place.servers.map { server in
        guard let address = server.server, let outcome = outcomes.popFirst() else {
          return ServerReport(unreachable: server.name)
        }
        return ServerReport(
          address, named: server.name, of: it.move.name, in: it.place.zone, .init(cname: outcome))
      }
      looked[index].answers = Self.distinct(looked[index].reports)
    }
  }

  /// What one CNAME question did not settle: a zone further down, addresses, a chain of more links.
  private func followed(_ start: Looked) async -> Looked {
    var it = start
    let name = it.move.name
    if it.reports.contains(where: { $0.refersTo != nil }),
      case .found(let below) = await delegation.place(of: name), below.zone != it.place.zone
    {
      it.place = below
      var one = [it]
      await askServers(&one)
      it = one[0]
    }
    if it.answers.contains(where: \.isEmpty) {
      it.reports = await withAddresses(it)
      it.answers = Self.distinct(it.reports)
    }
    if it.answers.contains(where: { $0.target == nil && !$0.isEmpty }) {
      it.move.targetAddresses = await addresses(of: it.move.target)
      if let source = it.move.source { it.move.sourceAddresses = await addresses(of: source) }
    }
    let isElsewhere = it.answers.contains {
      $0.target.map { $0 != it.move.target && $0 != it.move.source } ?? false
    }
    if isElsewhere {
      it.chain = await chain(of: name, reports: it.reports, in: it.place.zone).links
    }
    return it
  }
  private func withAddresses(_ it: Looked) async -> [ServerReport] {
    await inParallel(Array(zip(it.place.servers, it.reports)), atMost: 20) { server, report in
      guard let address = server.server, report.entry.verdict == .ok else { return report }
      @Sendable func ask(_ type: RRType) async -> DNSOutcome {
        await asking.ask(Self.question(it.move.name, type), of: address)
      }
      async let a = ask(.a)
      async let aaaa = ask(.aaaa)
      async let https = ask(.https)
      var outcomes = ServerReport.Outcomes(cname: await ask(.cname))
      outcomes.a = await a
      outcomes.aaaa = await aaaa
      outcomes.https = await https
      return ServerReport(
        address, named: server.name, of: it.move.name, in: it.place.zone, outcomes)
    }
  }

  /// Only names that a server has; each resolver as often as it is many caches.
  private func askResolvers(_ looked: inout [Looked], isMany: Bool) async {
    var asks: [(query: DNSQuery, server: DNSServer)] = []
    var counts: [[Int]] = []
    for it in looked {
      let types = it.answers.contains { !$0.isEmpty } ? Self.typesToRead(it.answers) : []
      counts.append(
        resolvers.map { resolver in
          let questions = types.flatMap { type in
            [(Self.reading(it.move.name, type), resolver)].repeated(
              isMany ? 1 : Self.reads(of: resolver))
          }
          asks += questions
          return questions.count
        })
    }
    var outcomes = await asking.askAll(asks)[...]
    for index in looked.indices {
      let it = looked[index]
      for (resolver, count) in zip(resolvers, counts[index]) where count > 0 {
        var found = ResolverReport.Outcomes(reads: Array(outcomes.prefix(count)))
        outcomes = outcomes.dropFirst(count)
        if found.reads.contains(where: Self.isServFail) {
          var query = Self.reading(it.move.name, Self.typesToRead(it.answers).first ?? .a)
          query.checkingDisabled = true
          found.unchecked = await asking.ask(query, of: resolver)
        }
        looked[index].resolved.append(
          ResolverReport(resolver, of: it.move.name, authoritative: it.answers, found))
      }
    }
  }

  private func evidence(_ it: Looked, _ keys: ZoneKeys) -> NameEvidence {
    let zone = it.place.zone
    let dnssec = state(of: it.reports, zone: zone, keys: keys, it.resolved)
    var probed = ProbedName(
      name: it.move.name, zone: zone, servers: it.reports.map(\.entry), chain: it.chain,
      dnssec: .init(state: dnssec.state, earliestExpiration: dnssec.earliestExpiration),
      recursives: it.resolved.map(\.entry), verdict: "")
    probed.because =
      it.reports.flatMap(\.findings) + dnssec.findings + it.resolved.flatMap(\.findings)
    return NameEvidence(probed, move: it.move)
  }

  /// What a name that exists resolves to: at its zone's own servers where the settings give them, else by resolvers.
  private func addresses(of name: DomainName) async -> Set<String> {
    let task = addressesOfNames.withLock { known in
      if let task = known[name] { return task }
      let task = Task { () -> Set<String> in
        var out: Set<String> = []
        let servers = delegation.given(for: name)?.servers.compactMap(\.server) ?? []
        for type in [RRType.a, .aaaa] {
          for server in servers {
            guard case .reply(let message, _) = await asking.ask(DNSQuery(name, type), of: server)
            else { continue }
            out.formUnion(message.answer.filter { $0.type == type }.map(\.data))
          }
          guard servers.isEmpty, let message = await asking.resolve(name, type, by: resolvers)
          else { continue }
          out.formUnion(message.answer.filter { $0.type == type }.map(\.data))
        }
        return out
      }
      known[name] = task
      return task
    }
    return await task.value
  }
}

extension Array {
  fileprivate func repeated(_ count: Int) -> [Element] {
    (0..<count).flatMap { _ in self }
  }
}
