import FerryCore

/// Looking whether names have moved: one question to each server for a name that is a CNAME, so that ten thousand
/// names on four servers are forty thousand questions, asked all at once. Most are answered alike and judged once.
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
    var chain = Chain()
    var resolved: [ResolverReport] = []
    /// Each way of answering once.
    var answers: [[ProbedName.RRset]] = []
  }

  /// - Parameter asksResolvers: whether resolvers are read too; they are evidence, the servers decide.
  /// - Returns: what became of each move, in the order given.
  public func look(_ moves: [NameMove], asksResolvers: Bool = true) async -> [LookedMove] {
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
    -> [LookedMove]
  {
    let places = await self.places(of: moves)
    var answers = await askServers(moves, places)
    let asksResolvers = asksResolvers && !resolvers.isEmpty
    // Names that all servers answer in the same usual way are judged once for all of them.
    var shapes: [Shape: Int] = [:]
    var models: [Looked] = []
    var modelOf: [Int?] = []
    modelOf.reserveCapacity(moves.count)
    for (index, move) in moves.enumerated() {
      guard !asksResolvers, let shape = Shape(move, at: places.numbers[index], answers[index])
      else {
        modelOf.append(nil)
        continue
      }
      if shapes[shape] == nil {
        shapes[shape] = models.count
        models.append(looked(move, places[index], answers[index]))
      }
      modelOf.append(shapes[shape])
    }
    var alone = moves.indices.filter { modelOf[$0] == nil }
    var looked = alone.map { self.looked(moves[$0], places[$0], answers[$0]) }
    let open = looked.indices.filter { Self.isOpen(looked[$0]) }
    let more = await inParallel(open.map { looked[$0] }, atMost: Self.namesAtOnce) {
      await followed($0)
    }
    for (index, it) in zip(open, more) { looked[index] = it }
    if asksResolvers { await askResolvers(&looked, isMany: isMany) }
    // The keys of a zone are asked for once; most zones have none, and then there is nothing to wait for.
    var keys: [DomainName: ZoneKeys] = [:]
    for it in looked + models
    where keys[it.place.zone] == nil && it.reports.contains(where: { $0.entry.verdict == .ok }) {
      keys[it.place.zone] = await self.keys(
        of: it.place.zone, reports: it.reports, asksParent: false)
    }
    func keysAt(_ it: Looked) -> ZoneKeys { keys[it.place.zone] ?? ZoneKeys() }
    let judged = models.map { model in
      // Where the zone is signed, what is said names the name.
      (keysAt(model).keys ?? []).isEmpty ? LookedMove(evidence(model, keysAt(model))) : nil
    }
    for (index, model) in modelOf.enumerated() {
      guard let model, judged[model] == nil else { continue }
      modelOf[index] = nil
      alone.append(index)
      looked.append(self.looked(moves[index], places[index], answers[index]))
    }
    answers = []
    var out = zip(moves, modelOf).map { move, model -> LookedMove? in
      var it = model.flatMap { judged[$0] }
      it?.name = move.name
      it?.evidence = nil
      return it
    }
    for (index, it) in zip(alone, looked) {
      guard let because = places.lost[index] else {
        out[index] = LookedMove(evidence(it, keysAt(it)))
        continue
      }
      out[index] = LookedMove(
        NameEvidence(
          ProbedName(name: it.move.name, zone: nil, verdict: "", because: [because]), move: it.move)
      )
    }
    return out.compactMap { $0 }
  }

  /// Where names are held, each zone once.
  private struct Places {
    var all: [ZoneServers] = []
    var numbers: [Int] = []
    /// Why nothing was found, for a name's place among the names.
    var lost: [Int: String] = [:]
    subscript(_ name: Int) -> ZoneServers { all[numbers[name]] }
    mutating func number(of place: ZoneServers) -> Int {
      // Names of one zone mostly follow each other.
      if all.last == place { return all.count - 1 }
      if let known = all.firstIndex(of: place) { return known }
      all.append(place)
      return all.count - 1
    }
  }
  private func places(of moves: [NameMove]) async -> Places {
    var out = Places()
    // The settings' servers without a question whether a cut lies below: the answer will tell.
    let given = moves.map { delegation.given(for: $0.name) }
    let unknown = moves.indices.filter { given[$0] == nil }
    var found = await inParallel(unknown, atMost: Self.namesAtOnce) {
      await delegation.place(of: moves[$0].name)
    }[...]
    for (index, move) in moves.enumerated() {
      if let given = given[index] {
        out.numbers.append(out.number(of: given))
        continue
      }
      switch found.popFirst() {
      case .found(let place)?: out.numbers.append(out.number(of: place))
      case .lost(let because)?:
        out.lost[index] = because
        out.numbers.append(out.number(of: ZoneServers(zone: move.name, servers: [])))
      case nil: preconditionFailure("as many places as names")
      }
    }
    return out
  }

  /// All that the verdict on a name depends on, when each server of its zone has answered one CNAME at it, to the
  /// target or to the source: names alike in this are alike in the verdict and in what it was deduced from.
  private struct Shape: Hashable {
    private struct Answer: Hashable {
      var isTarget: Bool
      var ttl: UInt32
    }
    private let place: Int
    private let target: DomainName
    private let source: DomainName?
    private var answers: [Answer] = []

    /// nil for a name that has to be looked at for itself.
    init?(_ move: NameMove, at place: Int, _ given: [AliasAnswer?]) {
      guard !given.isEmpty else { return nil }
      self.place = place
      target = move.target
      source = move.source
      answers.reserveCapacity(given.count)
      for answer in given {
        guard case .alias(let target, let ttl, _)? = answer, ttl <= RRsets.ttlMax,
          target == move.target || target == move.source
        else { return nil }
        answers.append(Answer(isTarget: target == move.target, ttl: ttl))
      }
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

  /// The answer of each server of each name; nil where a server's address is not known.
  private func askServers(_ moves: [NameMove], _ places: Places) async -> [[AliasAnswer?]] {
    let servers = places.all.map { $0.servers.map(\.server) }
    var asks: [DNSAsk] = []
    asks.reserveCapacity(moves.count * 4)
    for (move, place) in zip(moves, places.numbers) {
      let query = Self.question(move.name, .cname)
      for case let server? in servers[place] { asks.append(DNSAsk(query, of: server)) }
    }
    var answers = await asking.askAll(asks, readsAliases: true)[...]
    return places.numbers.map { place in
      servers[place].map { $0 == nil ? nil : answers.popFirst() }
    }
  }
  private func looked(_ move: NameMove, _ place: ZoneServers, _ answers: [AliasAnswer?]) -> Looked {
    let query = Self.question(move.name, .cname)
    var it = Looked(move: move, place: place)
    it.reports = zip(place.servers, answers).map { server, answer in
      guard let address = server.server, let answer else {
        return ServerReport(unreachable: server.name)
      }
      return ServerReport(
        address, named: server.name, of: move.name, in: place.zone,
        .init(cname: answer.outcome(to: query)))
    }
    it.answers = Self.distinct(it.reports)
    return it
  }

  /// What one CNAME question did not settle: a zone further down, addresses, a chain of more links.
  private func followed(_ start: Looked) async -> Looked {
    var it = start
    let name = it.move.name
    if it.reports.contains(where: { $0.refersTo != nil }),
      case .found(let below) = await delegation.place(of: name), below.zone != it.place.zone
    {
      let answers = await askServers([it.move], Places(all: [below], numbers: [0]))
      it = looked(it.move, below, answers[0])
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
      it.chain = await chain(of: name, reports: it.reports, in: it.place.zone)
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
    var asks: [DNSAsk] = []
    var counts: [[Int]] = []
    for it in looked {
      let types = it.answers.contains { !$0.isEmpty } ? Self.typesToRead(it.answers) : []
      counts.append(
        resolvers.map { resolver in
          let questions = types.flatMap { type in
            [DNSAsk(Self.reading(it.move.name, type), of: resolver)].repeated(
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
      name: it.move.name, zone: zone, servers: it.reports.map(\.entry), chain: it.chain.links,
      dnssec: .init(state: dnssec.state, earliestExpiration: dnssec.earliestExpiration),
      recursives: it.resolved.map(\.entry), verdict: "")
    probed.chainUnknown = it.chain.unknown
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
